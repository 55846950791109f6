"""Counts sentence boundaries that are probably wrong, with nupunkt alone and with the repairs of `data.boundaries`.

python -m clausetag.eval.research.cuts policies opp115 unlabelled.jsonl.gz --limit 300

An input is `policies` (the five), `opp115` (where OPP115_DIR says) or whatever `clausetag predict` reads. Every kind is
a pattern of the text around a boundary, or of one sentence, and independent of the rules of the repairs.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice, pairwise

from clausetag.data.corpora.five import FIVE, document_of
from clausetag.data.corpora.opp115 import read_opp115
from clausetag.data.corpora.opp115_files import find_opp115
from clausetag.data.documents.inputs import read_inputs
from clausetag.data.records import Document
from clausetag.data.segment import sentence_spans

_BETWEEN = {
    "after EU-U.S.": r"\w-U\.S\.\s*\|",
    "after e.g., i.e. or cf.": r"\b(?:e\.\s?g|i\.\s?e|cf)\.\s*\|",
    "after No., Art., Sec. and the like, before a number": r"\b(?:no|art|sec|sect|para|fig|p|pp)\.\s*\|[\d§]",
    "after U.S.C. or C.F.R.": r"\b(?:U\.\s?S\.\s?C|C\.\s?F\.\s?R)\.\s*\|",
    "after Yahoo!": r"\byahoo!\s*\|",
    "within a number": r"\d\.\|\d",
    "after a number or letter that is a whole sentence": r"\|\(?(?:\d{1,2}|[ivx]{1,4}|[a-z])[.)]\s*\|",
    "before a closing bracket, comma or reference mark": r"\|(?:[),;]|\[\d)",
}
_WITHIN = {
    "no space after a stop": r"(?:^|\s)[a-z]{2,30}[.!?][A-Z][a-z]{1,20}\s",
    "a bullet within a sentence": r"\S\s[•▪●■]\s",
}
_REACH = 30
_PATTERNS = {kind: re.compile(pattern, re.IGNORECASE) for kind, pattern in _BETWEEN.items()}
_SENTENCE_PATTERNS = {kind: re.compile(pattern) for kind, pattern in _WITHIN.items()}


def suspicious(text: str, spans: Iterable[tuple[int, int]]) -> Iterator[tuple[str, str]]:
    """(kind, the text around it) of the boundaries of one block that are probably wrong or missing."""
    spans = list(spans)
    for left, right in pairwise(spans):
        # A boundary counts with the sentence before it, where that is short.
        start = "|" * (left[1] - left[0] <= _REACH) + text[max(left[0], left[1] - _REACH) : left[1]]
        around = f"{start}{' ' * (right[0] > left[1])}|{text[right[0] : right[0] + _REACH]}"
        yield from ((kind, around) for kind, pattern in _PATTERNS.items() if pattern.search(around))
    for left_end, right_end in spans:
        for kind, pattern in _SENTENCE_PATTERNS.items():
            for match in pattern.finditer(text, left_end, right_end):
                yield kind, text[max(left_end, match.start() - _REACH) : match.end() + _REACH]


def blocks_of(name: str, limit: int) -> Iterator[str]:
    """The texts of all blocks of an input, of at most `limit` documents."""
    if name == "opp115":
        for passage in read_opp115(find_opp115()).passages:
            yield from passage.text.split("\n")
        return
    documents = map(document_of, FIVE) if name == "policies" else read_inputs([name], sys.stdin.buffer)
    for document in islice((one for one in documents if isinstance(one, Document)), limit):
        for block in document.blocks:
            yield document.text[block.start : block.end]


def main(arguments: list[str] | None = None) -> None:
    """Print a Markdown table for each input."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("inputs", nargs="+", metavar="INPUT")
    parser.add_argument("--limit", type=int, default=300, help="documents of each input (default: 300)")
    parser.add_argument("--show", type=int, default=0, help="examples of each kind that the repairs leave")
    given = parser.parse_args(arguments)
    import nupunkt

    for name in given.inputs:
        counts: tuple[Counter[str], Counter[str]] = (Counter(), Counter())
        shown: Counter[str] = Counter()
        for text in filter(None, blocks_of(name, given.limit)):
            both = list(nupunkt.sent_spans(text)), sentence_spans(text)
            for count, spans in zip(counts, both, strict=True):
                count["sentences"] += len(spans)
                for kind, around in suspicious(text, spans):
                    count[kind] += 1
                    if count is counts[1] and shown[kind] < given.show:
                        shown[kind] += 1
                        print(f"{kind}: {around}")
        print(f"\n| {name} | nupunkt | repaired |\n|---|---|---|")
        for kind in ("sentences", *_BETWEEN, *_WITHIN):
            print(f"| {kind} | {counts[0][kind]:,} | {counts[1][kind]:,} |")


if __name__ == "__main__":
    main()
