"""Quality flags of a document: not English, not a privacy policy.

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

_SAMPLE = 200_000
"""Characters examined for both flags; bounds the time spent on long documents."""
_EXCERPT = 700
"""Characters taken from each of three places to detect the language. With 2,000 each, the answers on 4,000 crawled
English pages are the same and detection takes three times as long."""
_LANGUAGE_WORDS = 12
"""Shorter texts are never flagged as not English ..."""
_LANGUAGE_LETTERS = 15
"""... unless they have this many non-Latin letters: Chinese and Japanese have no spaces between words."""
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


def quality_flags(document: Document) -> tuple[str, ...]:
    """All flags of a document: the ones it already has, and at most one of `NOT_ENGLISH` and `NOT_PRIVACY_POLICY`.

    Only English documents can be flagged as `NOT_PRIVACY_POLICY`, because the terms that are counted are English.
    """
    sample = document.text[:_SAMPLE]
    words = len(sample.split())
    existing = tuple(flag for flag in document.flags if flag not in (NOT_ENGLISH, NOT_PRIVACY_POLICY))
    if _is_not_english(sample, words):
        return (*existing, NOT_ENGLISH)
    return (*existing, NOT_PRIVACY_POLICY) if _is_not_policy(sample, words) else existing


def _is_not_english(text: str, words: int) -> bool:
    if words < _LANGUAGE_WORDS and len(_NON_LATIN.findall(text)) < _LANGUAGE_LETTERS:
        return False
    # Imported here because it loads a model.
    import py3langid

    return bool(py3langid.classify(_excerpt(text))[0] != "en")


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
