"""Read OPP-115 (Wilson et al., ACL 2016) in its official layout: sentences with votes, passages with labels.

The corpus is a folder or zip with ``annotations/*.csv`` (one row per practice that one annotator saw in one segment)
and ``sanitized_policies/*.html`` (segments separated by ``|||``). Three annotators read each policy, so votes are
shares of 3, also where fewer of them left rows in a segment that has rows. A segment without a row is unlabelled.

A practice labels a sentence when the union of its attributes' spans overlaps the sentence by at least 8 characters
or half of it, whichever is less. Spans whose slice of the HTML is not the text that the annotator selected are looked
up by that text. A practice with no usable span labels its segment, and its sentence where the segment has just one.
The corpus lists 794 attributes with doubtful offsets (documentation/errant_span_indexes), but wherever those have a
span it is the selected text, and no further from the practice's other spans than usual: they are used as they stand.
"""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from clausetag.data.corpora.offsets import HtmlText, find_text, html_text, match_key
from clausetag.data.corpora.opp115_files import Practice, Span, download_opp115, find_opp115, read_files
from clausetag.data.corpora.splits import held_back
from clausetag.data.documents.blocks import looks_like_heading, strip_markers
from clausetag.data.labels import LABELS
from clausetag.data.records import Sentence
from clausetag.data.segment import sentence_spans

__all__ = ["ANNOTATORS", "Corpus", "Passage", "download_opp115", "find_opp115", "read_opp115"]

ANNOTATORS = 3
"""People who read each policy; the denominator of every vote."""
MIN_OVERLAP = 8
"""Characters of a sentence that a span must cover, unless half the sentence is less."""
_MAX_HEADING = 120
_MAX_HEADING_WORDS = 16
_BETWEEN = "\n\n"
"""Joins the segments' texts to the policy's extracted text."""

_Marks = dict[str, set[str]]
"""What each annotator marked: annotator id to labels."""


@dataclass(frozen=True, slots=True)
class Passage:
    """One segment of one policy; `labels`, `votes` and `annotators` are None where it is unlabelled."""

    policy: str
    """The name of the corpus's file: "105_amazon.com"."""
    segment: int
    """Counts from 0, as in the corpus."""
    text: str
    """The segment without tags, blocks on lines of their own."""
    labels: tuple[str, ...] | None
    """Labels that at least 2 of the 3 annotators gave, in the order of `LABELS`; may be empty."""
    votes: Mapping[str, float] | None
    """Label to share of the 3 annotators (1/3, 2/3 or 1); a label nobody gave is left out."""
    annotators: Mapping[str, tuple[str, ...]] | None
    """Annotator id to the labels that this one gave; all three of the policy, in the order of their ids."""


@dataclass(frozen=True, slots=True)
class Corpus:
    """What `read_opp115` returns: policies in numeric order of their ids, segments and sentences in reading order."""

    sentences: tuple[Sentence, ...]
    """`start` and `end` index the policy's extracted text: its passages' texts joined by an empty line. `passage` is
    the segment, and ``extra["annotators"]`` maps an annotator id to the list of labels this one gave."""
    passages: tuple[Passage, ...]
    notes: tuple[str, ...]
    """What was repaired or left out, counted."""

    def texts(self) -> dict[str, str]:
        """The extracted text of every policy, which the sentences' offsets index."""
        parts: dict[str, list[str]] = {}
        for passage in self.passages:
            parts.setdefault(passage.policy, []).append(passage.text)
        return {policy: _BETWEEN.join(texts) for policy, texts in parts.items()}


def read_opp115(source: str | os.PathLike[str], *, unmask: bool = False) -> Corpus:
    """Read the corpus from a folder or zip, which may hold it in one top-level folder.

    The held-back segments (`data.corpora.splits.held_back`) are made unlabelled even where the corpus has their
    labels, unless `unmask` is true.

    Raises:
        DataError: the source is missing or no OPP-115 corpus, or a row is bad (file, line and reason are named).
    """
    masked = frozenset() if unmask else held_back()
    counts: Counter[str] = Counter()
    sentences: list[Sentence] = []
    passages: list[Passage] = []
    for policy in read_files(source):
        rows: dict[int, list[Practice]] = defaultdict(list)
        for practice in policy.practices:
            rows[practice.segment].append(practice)
        readers = sorted({practice.annotator for practice in policy.practices})
        offset = index = 0
        heading: str | None = None
        for number, markup in enumerate(policy.segments):
            page = html_text(markup)
            pieces, heading = _pieces(page, heading)
            practices = rows[number]
            if practices and (policy.name, number) in masked:
                counts["rows of held-back segments left out"] += len(practices)
                practices = []
            if practices:
                whole, parts = _marks(page, markup, practices, pieces, readers, counts)
                passages.append(Passage(policy.name, number, page.text, *_judge(whole)))
            else:
                counts["segments unlabelled"] += 1
                passages.append(Passage(policy.name, number, page.text, None, None, None))
                parts = []
            for position, piece in enumerate(pieces):
                sentence = Sentence(
                    policy=policy.name,
                    index=index,
                    text=page.text[piece.start : piece.end],
                    passage=number,
                    start=offset + piece.start,
                    end=offset + piece.end,
                    heading=piece.heading,
                )
                if parts:
                    labels, votes, annotators = _judge(parts[position])
                    extra = {"annotators": {reader: list(given) for reader, given in annotators.items()}}
                    sentence = replace(sentence, labels=labels, votes=votes, extra=extra)
                sentences.append(sentence)
                index += 1
            offset += len(page.text) + len(_BETWEEN)
    notes = tuple(f"{what}: {count:,}" for what, count in sorted(counts.items()))
    return Corpus(tuple(sentences), tuple(passages), notes)


@dataclass(frozen=True, slots=True)
class _Piece:
    """A sentence of one segment: offsets into the segment's text, and the heading above."""

    start: int
    end: int
    heading: str | None


def _pieces(page: HtmlText, heading: str | None) -> tuple[list[_Piece], str | None]:
    """The sentences of one segment, and the heading that holds after it.

    A heading is a short block in bold, or one that reads as a heading outside lists and not behind a lead-in.
    """
    pieces: list[_Piece] = []
    lead_in = False
    for block in page.blocks:
        body, marked = strip_markers(page.text[block.start : block.end])
        reads_so = looks_like_heading(body) and not (lead_in or marked or block.in_list)
        is_heading = reads_so or (block.bold and len(body) <= _MAX_HEADING and len(body.split()) <= _MAX_HEADING_WORDS)
        above = None if is_heading else heading
        # Markers stand in front of the body, so what is left ends where the block ends.
        spans = sentence_spans(page.text, block.end - len(body), block.end)
        pieces.extend(_Piece(start, end, above) for start, end in spans)
        if is_heading:
            heading = body
        lead_in = body.endswith(":") and not is_heading
    return pieces, heading


def _marks(
    page: HtmlText,
    markup: str,
    practices: Iterable[Practice],
    pieces: Sequence[_Piece],
    readers: Iterable[str],
    counts: Counter[str],
) -> tuple[_Marks, list[_Marks]]:
    """What each annotator marked in a segment as a whole and in each of its sentences."""
    whole: _Marks = {reader: set() for reader in readers}
    parts: list[_Marks] = [{reader: set() for reader in readers} for _ in pieces]
    for practice in practices:
        if practice.label is None:
            counts['practices "Other" of type "Other", which is no label'] += 1
            continue
        whole[practice.annotator].add(practice.label)
        places = [place for span in practice.spans if (place := _locate(page, markup, span, counts)) is not None]
        if not places:
            where = "sentence, the only one of its segment" if len(pieces) == 1 else "segment alone"
            counts[f"practices without a usable span, given to the {where}"] += 1
            if len(pieces) == 1:
                parts[0][practice.annotator].add(practice.label)
            continue
        covered = {position for start, end in places for position in range(start, end)}
        for piece, part in zip(pieces, parts, strict=True):
            overlap = sum(position in covered for position in range(piece.start, piece.end))
            if overlap >= min(MIN_OVERLAP, (piece.end - piece.start) / 2):
                part[practice.annotator].add(practice.label)
    return whole, parts


def _locate(page: HtmlText, markup: str, span: Span, counts: Counter[str]) -> tuple[int, int] | None:
    """Where a span lies in the segment's text, or None where neither its offsets nor its text tell."""
    place = (0, 0)
    if 0 <= span.start < span.end <= len(markup):
        place = page.text_range(span.start, span.end)
        if markup[span.start : span.end] == span.text and place[0] < place[1]:
            return place
    key = match_key(html_text(span.text).text)
    if key and match_key(page.text[place[0] : place[1]]) == key:
        counts["spans that match once tags and white space are dropped"] += 1
        return place
    found = find_text(page, span.text)
    counts[f"spans with wrong offsets, {'found by their text' if found else 'left out'}"] += 1
    return found


def _judge(marks: _Marks) -> tuple[tuple[str, ...], dict[str, float], dict[str, tuple[str, ...]]]:
    """Majority labels, vote shares and each annotator's labels, all in the order of `LABELS`."""
    counted = Counter(label for labels in marks.values() for label in labels)
    votes = {label: counted[label] / ANNOTATORS for label in LABELS if counted[label]}
    majority = tuple(label for label in votes if 2 * counted[label] > ANNOTATORS)
    return majority, votes, {reader: tuple(name for name in LABELS if name in marks[reader]) for reader in marks}
