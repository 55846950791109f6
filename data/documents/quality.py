"""Two doubts about a document, raised before it is tagged: it is not English, or it is no privacy policy.

The model knows English privacy policies only; on anything else its labels mean little, so every row says so.

Measured: neither flag is raised on any of the 115 policies of OPP-115 and the five. Of 2,000 further crawled pages that
should be policies 196 are flagged as none; those of a web directory (15 % flagged) are terms of use, menus and error
pages for the most part, of the better sources it is 1.9 %. Of 3,865 licences, manual pages, package notes and READMEs
3,766 are flagged. Excerpts are harder: 4.8 % of 50-word excerpts from policies are flagged as none. English excerpts
are taken for another language in 0.4 % of the cases at 12 words, in none at 30.
"""

from __future__ import annotations

import re

from clausetag.data.records import Document

NOT_ENGLISH = "not_english"
NOT_PRIVACY_POLICY = "not_privacy_policy"

_SAMPLE = 200_000
"""Characters looked at: enough for both questions, and bounded."""
_EXCERPT = 700
"""Characters of each of three places that tell the language. 2,000 each, at three times the cost, say the same of 4,000
crawled pages, all in English."""
_LANGUAGE_WORDS = 12
_LANGUAGE_LETTERS = 15
"""Letters beyond the Latin script that do as well: Chinese and Japanese set no spaces."""
_FOREIGN = re.compile(r"[^\W\d_\u0000-\u024f\u1e00-\u1eff]")
_POLICY_WORDS = 40
_DENSITY_WORDS = 100
_DENSITY = 1.0
"""Privacy terms in 100 words. OPP-115's policies have at least 1.9, the five at least 1.6, terms of use about 0.5."""
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


def screen(document: Document) -> tuple[str, ...]:
    """The document's flags: those it came with, and `NOT_ENGLISH` or `NOT_PRIVACY_POLICY`; none for most.

    What is not English is not asked whether it is a policy, as the terms looked for are English. A text of few words
    raises neither flag.
    """
    sample = document.text[:_SAMPLE]
    words = len(sample.split())
    own = tuple(flag for flag in document.flags if flag not in (NOT_ENGLISH, NOT_PRIVACY_POLICY))
    if _is_foreign(sample, words):
        return (*own, NOT_ENGLISH)
    return (*own, NOT_PRIVACY_POLICY) if _is_no_policy(sample, words) else own


def _is_foreign(text: str, words: int) -> bool:
    if words < _LANGUAGE_WORDS and len(_FOREIGN.findall(text)) < _LANGUAGE_LETTERS:
        return False
    # Imported late: it loads its model.
    import py3langid

    return bool(py3langid.classify(_excerpt(text))[0] != "en")


def _excerpt(text: str) -> str:
    """The beginning, the middle and the end."""
    if len(text) <= 3 * _EXCERPT:
        return text
    middle = (len(text) - _EXCERPT) // 2
    return " ".join((text[:_EXCERPT], text[middle : middle + _EXCERPT], text[-_EXCERPT:]))


def _is_no_policy(text: str, words: int) -> bool:
    """Whether privacy terms are rare; in a short text, where one more or less decides, whether there is no hint."""
    if words < _POLICY_WORDS:
        return False
    terms = sum(1 for _ in _TERM.finditer(text))
    if words < _DENSITY_WORDS:
        return not terms and not _HINT.search(text)
    return 100 * terms < _DENSITY * words
