"""Quality flags of a document: not English, not a privacy policy, an error page, or text that is missing.

The models were trained on English privacy policies. Their labels mean little on other texts, so every output row of
such a document carries the flag.

Measured: no flag on any of OPP-115's 115 policies or the five annotated ones. Of 2,000 further crawled pages that
should be policies, 196 are flagged as not a policy; most of them come from a web directory (15 % flagged) and are terms
of use, menus or error pages; from the better sources it is 1.9 %. Of 3,865 licences, manual pages, package notes and
READMEs, 3,766 are flagged. Short texts are harder: 4.8 % of 50-word excerpts of policies are flagged as not a policy,
and 0.4 % of English excerpts of 12 words (none of 30 words) as not English.
"""

from __future__ import annotations

import re

from clausetag.data.records import Document

NOT_ENGLISH = "not_english"
NOT_PRIVACY_POLICY = "not_privacy_policy"
NOT_A_DOCUMENT = "not_a_document"
TOO_LITTLE_TEXT = "too_little_text"
TEXT_SET_ASIDE = "text_set_aside"

_SAMPLE = 200_000
"""Characters examined for both flags; bounds the time spent on long documents."""
_EXCERPT = 700
"""Characters taken from each of three places to detect the language. With 2,000 each, the answers on 4,000 crawled
English pages are the same and detection takes three times as long."""
_LANGUAGE_WORDS = 12
"""Shorter texts are never flagged as not English ..."""
_LANGUAGE_LETTERS = 15
"""... unless they have this many non-Latin letters: Chinese and Japanese have no spaces between words."""
_ENGLISH = re.compile(
    r"\b(?:the|and|of|your|you|our|that|with|this|are|from|any|will|which|have|when|if|may|not|by"
    r"|such|their|they|we|or|to|in|a|is|on|as|it|us|be|has|for|an|at|can|do|use|these"
    r"|other|about|was|been|no|does|all|more|how|what|information)\b",
    re.IGNORECASE,
)
_ENGLISH_SHARE = 0.3
"""A text with this share of such words is English; its language is not detected, which takes 0.4 seconds to load. Of
4,000 crawled policies, 86 % have it. One of them is detected as another language: an English policy between menus."""
_NON_LATIN = re.compile(r"[^\W\d_\u0000-\u024f\u1e00-\u1eff]")
_POLICY_WORDS = 40
"""Shorter texts are never flagged as not a policy."""
_DENSITY_WORDS = 100
"""Below this length, where one term more or less decides, a single hint of data practices is enough."""
_DENSITY = 1.0
"""Privacy terms per 100 words. OPP-115's policies have at least 1.9, the five at least 1.6, terms of use about 0.5."""
_TERM = re.compile(
    r"\b(?:privacy|personal(?:ly)?[ -](?:identifiable |identifying )?(?:information|data|details)|personally"
    r"|your (?:\w+ )?(?:information|data)|cookies?|third[ -]part(?:y|ies)|opt[ -]?(?:out|in)|unsubscribe"
    r"|e-?mail address(?:es)?|ip address(?:es)?|web beacons?|gdpr|ccpa|coppa|data (?:protection|controller|subject)s?"
    r"|(?:collect|share|disclose|process|sell)(?:s|ed|ing)? (?:\w+ ){0,3}(?:information|data)"
    r"|information (?:we|that we|you) (?:collect|provide|submit|give)"
    r"|information (?:is|are|may be) (?:collected|used|shared|stored)|consent|confidential(?:ity)?)\b",
    re.IGNORECASE,
)
_HINT = re.compile(
    r"\b(?:personal|information|data|collect(?:s|ed|ing|ion)?|disclos\w+|opt(?:ing|ed)?[ -](?:in|out)|e-?mail"
    r"|advertis\w+|confidential\w*|track(?:ing|ed)?|children)\b",
    re.IGNORECASE,
)


_PAGE_WORDS = 50
"""A whole page with fewer words is no policy, or one that scripts load."""
_SET_ASIDE_WORDS = 30
_SET_ASIDE_SHARE = 0.02
"""Words about data that are set aside, outside of consent tools, and their share of the words that are kept."""
_ERROR_WORDS = 150
"""Error pages are shorter; the longest that say what else the site has are about as long as the shortest policies."""
_ERROR_HEAD = 200
"""Characters at the start of a page that hold its title."""
_ERROR_TITLE = re.compile(
    r"\b(?:40[0-9]|410|429|50[0-4])\b(?=\W{0,3}(?:error|not|page|forbidden|unauthori[sz]ed|bad|gone|too|internal|service"
    r"|gateway|$))|\berror (?:40[0-9]|410|429|50[0-4])\b|\bpage (?:\w+ )?(?:not|cannot be|can[’']t be|isn[’']t) "
    r"(?:found|available)\b|\b(?:access|permission) (?:is |was |has been )?denied\b|\bforbidden\b|\bjust a moment\b"
    r"|\battention required\b|\bare you (?:a )?(?:human|robot)\b|\bpardon our interruption\b|\bsecurity check\b"
    r"|\b(?:domain|site|website|account) (?:\w+ ){0,3}(?:for sale|suspended|under (?:construction|maintenance))\b"
    r"|\b(?:service (?:temporarily )?unavailable|bad gateway|internal server error|gateway time-?out)\b"
    r"|\btoo many requests\b",
    re.IGNORECASE | re.MULTILINE,
)
_ERROR_TEXT = re.compile(
    r"\b(?:enable|turn on|allow) (?:javascript|cookies)\b|\bjavascript (?:\w+ ){0,3}(?:disabled|required|enabled)\b"
    r"|\b(?:requires?|needs?) javascript\b|\bcaptcha\b|\bnot a robot\b"
    r"|\bverify(?:ing)? (?:that )?you(?: are|[’']re) (?:a )?human\b"
    r"|\b(?:checking|review the security of) your (?:browser|connection)\b|\bunusual (?:traffic|activity)\b|\bray id\b"
    r"|\brequest (?:was |has been |could not be )?(?:blocked|satisfied)\b|\bpage (?:\w+ ){0,6}(?:does not|doesn[’']t|no"
    r" longer) exists?\b|\bpage (?:\w+ ){0,6}(?:could not|couldn[’']t|cannot|can[’']t) be found\b"
    r"|\bcould(?: not|n[’']t) find (?:\w+ ){0,3}page\b|\bpage (?:\w+ ){0,6}(?:has|have) (?:been )?(?:moved|removed)\b"
    r"|\bdon[’']t have (?:permission|authori[sz]ation) to (?:access|view)\b|\b(?:press|hold) (?:and|&) hold\b",
    re.IGNORECASE,
)


def page_flags(document: Document, shown: str, is_whole: bool) -> tuple[str, ...]:
    """Flags of an HTML page: an error page, too little text for a policy, or text about data that was set aside.

    `shown` is the page's title and, if it has little prose, all its text; `is_whole`: it is no fragment.
    """
    words = len(document.text.split())
    if is_whole and _is_error_page(document.text, shown):
        return (NOT_A_DOCUMENT,)
    aside = sum(number for place, number in document.set_aside.items() if place != "consent tool")
    found = {
        TOO_LITTLE_TEXT: is_whole and words < _PAGE_WORDS,
        TEXT_SET_ASIDE: aside >= max(_SET_ASIDE_WORDS, _SET_ASIDE_SHARE * words),
    }
    return tuple(flag for flag, holds in found.items() if holds)


def _is_error_page(text: str, shown: str = "") -> bool:
    """Whether a short text is what a server or a guard against robots shows in place of a page."""
    words = len(text.split())
    if words > _ERROR_WORDS or 100 * sum(1 for _ in _TERM.finditer(text)) >= 5 * max(words, _POLICY_WORDS):
        return False
    title, start = shown[:_ERROR_HEAD], text[:_ERROR_HEAD]
    return any(map(_ERROR_TITLE.search, (title, start))) or any(map(_ERROR_TEXT.search, (text, shown)))


def quality_flags(document: Document) -> tuple[str, ...]:
    """All flags of a document: those it already has, and one of `NOT_A_DOCUMENT`, `NOT_ENGLISH` and
    `NOT_PRIVACY_POLICY` at most.

    Only English documents can be flagged as `NOT_PRIVACY_POLICY`, because the terms that are counted are English.
    """
    sample = document.text[:_SAMPLE]
    words = len(sample.split())
    existing = tuple(flag for flag in document.flags if flag not in (NOT_ENGLISH, NOT_PRIVACY_POLICY))
    if NOT_A_DOCUMENT in existing:
        return existing
    if _is_error_page(sample):
        return (*existing, NOT_A_DOCUMENT)
    if _is_not_english(sample, words):
        return (*existing, NOT_ENGLISH)
    return (*existing, NOT_PRIVACY_POLICY) if _is_not_policy(sample, words) else existing


def _is_not_english(text: str, words: int) -> bool:
    if words < _LANGUAGE_WORDS and len(_NON_LATIN.findall(text)) < _LANGUAGE_LETTERS:
        return False
    excerpt = _excerpt(text)
    if len(_ENGLISH.findall(excerpt)) >= _ENGLISH_SHARE * len(excerpt.split()) > 0:
        return False
    # Imported here because it loads a model.
    import py3langid

    return bool(py3langid.classify(excerpt)[0] != "en")


def _excerpt(text: str) -> str:
    """The beginning, middle and end of a text."""
    if len(text) <= 3 * _EXCERPT:
        return text
    middle = (len(text) - _EXCERPT) // 2
    return " ".join((text[:_EXCERPT], text[middle : middle + _EXCERPT], text[-_EXCERPT:]))


def _is_not_policy(text: str, words: int) -> bool:
    if words < _POLICY_WORDS:
        return False
    terms = sum(1 for _ in _TERM.finditer(text))
    if words < _DENSITY_WORDS:
        return not terms and not _HINT.search(text)
    return 100 * terms < _DENSITY * words
