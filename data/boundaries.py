"""Repairs the sentence boundaries that nupunkt finds: abbreviations, brands, list numbers, reference marks.

nupunkt learnt from court decisions. Privacy policies write other abbreviations ("EU-U.S. DPF", "e.g. IP address"), put
numbered lists into running text and lose spaces after full stops. `python -m clausetag.eval.research.cuts` counts the
boundaries that are probably still wrong.

All patterns look at a bounded piece of the text, so that the time stays linear. Those that end in `$` are searched in
the text before a boundary, those used with `match` are matched at the text after it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import pairwise

_STARTING = (
    "we you your our us i he she they their it its the this these those that there here a an any all some each every "
    "no none both such other others another if when where while once unless until although though because since as "
    "in on at by for from to with without within under upon after before during through of and but or nor so yet "
    "how what why who which please note however also additionally furthermore moreover therefore thus otherwise "
    "only except once should may can do does is are was not nothing nobody further in most many more"
)
STARTERS = frozenset(_STARTING.split())
"""Words that begin a sentence: after an abbreviation, they are not part of a name or title."""
_REACH = 24
"""Characters before a boundary that are looked at."""
_BEFORE = r"(?:^|(?<=[\s(\[\"'“‘/–—-]))"
"""Where a word begins."""
_NEVER_ENDS = re.compile(
    _BEFORE
    + r"(?:[eE]\.\s?g|[iI]\.\s?e|[cC]f|[vV]iz|[vV]s|[aA]pprox|[iI]ncl|resp|esp|Dr|Mr|Mrs|Ms|Prof|Ing|h\.\s?c)\.$"
)
"""Abbreviations that never end a sentence."""
_BEFORE_NUMBER = re.compile(
    _BEFORE + r"(?:[nN]os?|[nN]r|[aA]rts?|[sS]ecs?|[sS]ects?|[pP]aras?|[pP]ar|[cC]h|[fF]ig|[vV]ol|[rR]eg|[rR]ec|"
    r"[aA]pp|[sS]ched|[cC]l|[sS]ubs|lit|pp?|ss?|Ex|Tel|Ext|Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec)\.$"
)
"""Abbreviations that do not end a sentence if a number or letter follows (`_NUMBER`): "Art. 6", "Sec. b"."""
_NUMBER = re.compile(r"[\d§#(+]|[ivxlIVXL]{1,6}\b|[a-zA-Z]\b")
_MAY_END = re.compile(
    r"(?:\b(?:[A-Za-z]\.\s?){1,4}[A-Za-z]|\b[ap]\.\s?m|\bPh\.\s?D|"
    + _BEFORE
    + r"(?:St|Ave|Blvd|Ste|Dept|Univ|Assn|Bros|Pvt|Pty|Cal|Civ|Bus|Gov|Gen|Fed|Ann|Stat|Supp|Code|Reg|Attn))\.$"
)
"""Initials and abbreviations that end a sentence only if a word of `STARTERS` follows: "U.S.", "St."."""
_COMPANY = re.compile(_BEFORE + r"(?:Inc|Ltd|Corp|Co|LLC|L\.L\.C|GmbH|S\.A|etc)\.$")
"""Abbreviations that end a sentence unless a bracket, or a lower-case word outside of `STARTERS`, follows."""
_BRAND = re.compile(r"(?:\b(?:Yahoo|Joomla|Kahoot|Yum|Jeopardy)|[a-z,]\s[A-Z]\w{0,20})!$")
"""Names that end in "!": known ones, and capitalised words in the middle of a sentence."""
_MARKER = re.compile(r"\(?(?:\d{1,3}|[ivxlIVXL]{1,6}|[a-zA-Z])[.)]")
"""The number of a list item: "1.", "(iv)", "a)"."""
_ITEM = re.compile(r"[:;,]\s\(?(?:\d{1,2}|[a-z])[.)]$")
"""The number of an item after a lead-in."""
_REFERENCE = re.compile(r"(?:\[\d{1,2}\]|\d{1,2}|[*†‡¹²³⁰⁴-⁹]{1,3})\s[A-Z]")
"""A reference mark right after a full stop; it belongs to the sentence before it."""
_WORD = re.compile(r"[\"'“‘(\[]{0,3}([^\W\d_]+)")
_CLOSES = re.compile(r"[)\]”’,;:]")
_DOMAINS = frozenset(("Net", "Com", "Org", "Io", "Co", "Js", "Edu", "Gov", "Eu", "Uk"))
"""Not the beginning of a sentence after a full stop without a space: "Example.Com"."""
_STOP = re.compile(
    r"[.!?][\"”’)]?(?P<mark>\[\d{1,2}\]|\d{1,2}|[*†‡¹²³⁰⁴-⁹]{1,3})?(?P<space>\s)?(?=(?P<word>[A-Z][A-Za-z]{0,20})(?P<after>\W))"
)
"""The end of a sentence that nupunkt may have missed, with a reference mark after the stop, or without a space."""
_LAST_WORD = re.compile(r"(?<![\w.@/])(?:(?P<word>[a-z]{2,30})\)?|(?<!-)(?P<company>Inc|Ltd|LLC|Corp|U\.S))$")
"""The word before a full stop that may end a sentence."""
_ORDINARY = re.compile(r"[aeouy]|^i[^ivx]|[^ivx]i")
"""What words have that are neither an abbreviation without a vowel ("hrs") nor a Roman numeral."""
_WRITTEN_SMALL = (
    "etc viz no nos art sec sect para par fig vol reg lit incl al ext tel ca seq seqq op cit ibid approx resp esp misc "
    "max min avg est ed eds div dept assoc univ inc corp co ave ph ie eg ver rev abs ann sched subs "
    "obj prop encl cont id"
)
_ABBREVIATIONS = frozenset(_WRITTEN_SMALL.split())
"""Abbreviations that are written small and have a vowel."""
_PLAIN = "we you your our the this these if it they please when by to in for as any all"
_STRONG = frozenset(_PLAIN.split())
"""Starters that are hardly ever part of a name."""


def repaired(text: str, starts: Iterable[int], end: int) -> list[int]:
    """Offsets at which the sentences of a block begin.

    `starts` are the offsets that nupunkt found; the block begins at the first of them and ends at `end`.
    """
    found = sorted(starts)
    if not found:
        return []
    found = sorted({*found, *_missed(text, found[0], end)})
    kept = found[:1]
    for start, following in pairwise([*found[1:], end]):
        if not _belongs_together(text, kept[-1], start, following):
            kept.append(start)
    return kept


def _missed(text: str, start: int, end: int) -> Iterator[int]:
    """Offsets at which sentences begin that nupunkt did not find."""
    for match in _STOP.finditer(text, start, end):
        at = match.start()
        last = _LAST_WORD.search(text[max(start, at - 2 * _REACH) : at])
        word = match["word"].lower()
        if last is None:
            continue
        if last["company"]:
            begins = match["space"] and not match["mark"] and word in _STRONG
        elif match["mark"]:
            begins = match["space"]
        elif match["space"]:
            # nupunkt takes ordinary words for abbreviations: "month", "so", "app".
            begins = bool(_ORDINARY.search(last["word"])) and last["word"] not in _ABBREVIATIONS
        else:
            is_word = match["word"][1:].islower() and match["word"] not in _DOMAINS
            begins = is_word and match["after"] in " ,’'!?"
        if begins:
            yield match.end()


def _belongs_together(text: str, left: int, start: int, end: int) -> bool:
    """Whether there should be no boundary at `start`: `text[left:start]` and `text[start:end]` are one sentence."""
    stop = len(text[left:start].rstrip()) + left
    tail = text[max(left, stop - _REACH) : stop]
    if _CLOSES.match(text, start) or _MARKER.fullmatch(text, left, stop) or _ITEM.search(tail):
        return True
    if stop == start and (_REFERENCE.match(text, start) or (text[start].isdigit() and tail[-2:-1].isdigit())):
        return True  # before a reference mark, or within a number
    if _NEVER_ENDS.search(tail) or (_BEFORE_NUMBER.search(tail) and _NUMBER.match(text, start)):
        return True
    word = _first_word(text, start)
    if tail.endswith("!") and text[start].islower() and _BRAND.search(tail):
        return True
    if word in STARTERS and not (word in ("and", "or") and text[start].islower()):
        return False
    if tail.endswith("!"):
        return text[start].islower() or (text[start].isalpha() and bool(_BRAND.search(tail)))
    if _COMPANY.search(tail):
        return text[start].islower() or text[start] == "("
    return bool(_MAY_END.search(tail)) or _in_brackets(text, left, stop, start, end)


def _in_brackets(text: str, left: int, stop: int, start: int, end: int) -> bool:
    """Whether a bracket that is open before the boundary closes soon after it, before the next sentence ends."""
    opened = text.rfind("(", left, stop)
    closed = text.find(")", start, min(end, start + 3 * _REACH))
    return opened > text.rfind(")", left, stop) and closed >= 0 and text.find("(", start, closed) < 0


def _first_word(text: str, start: int) -> str:
    match = _WORD.match(text, start)
    return match[1].lower() if match else ""
