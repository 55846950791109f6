"""Read OPP-115 (Wilson et al., ACL 2016) in its official layout: sentences with votes, passages with labels.

The corpus is a folder or zip with ``annotations/*.csv`` (one row per practice that one annotator saw in one segment)
and ``sanitized_policies/*.html`` (segments separated by ``|||``). Three annotators read each policy, so votes are
shares of 3, even if fewer of them have rows for a segment. A segment without any row is unlabelled.

A practice labels a sentence if the union of its attributes' spans overlaps the sentence by at least 8 characters or
half of it, whichever is less. If the HTML at a span's offsets is not the text that the annotator selected, the span is
searched by that text. A practice without a usable span labels its segment, and the sentence if the segment has one.
An attribute's value labels a sentence by the same rule, on the attribute's own span if it has one, else on the
practice's; a shorter span ("e-mail") must be in the sentence as a whole. The corpus lists 794 attributes with
doubtful offsets (documentation/errant_span_indexes), but those that have a span have the selected text there, as near
to the practice's other spans as usual, so they are used unchanged.
"""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from clausetag.data.attributes import Value, Values, grouped
from clausetag.data.corpora.offsets import HtmlText, find_text, html_text, match_key
from clausetag.data.corpora.opp115_files import Practice, Span, download_opp115, find_opp115, read_files
from clausetag.data.corpora.splits import held_back
from clausetag.data.documents.blocks import looks_like_heading
from clausetag.data.documents.structure.markers import Markers
from clausetag.data.labels import LABELS
from clausetag.data.records import Sentence
from clausetag.data.segment import sentence_spans

__all__ = ["ANNOTATORS", "Corpus", "Passage", "download_opp115", "find_opp115", "read_opp115"]

ANNOTATORS = 3
"""People who read each policy: the denominator of every vote."""
MIN_OVERLAP = 8
"""Characters of a sentence that a span must cover (half of the sentence if that is less)."""
_MAX_HEADING = 120
_MAX_HEADING_WORDS = 16
_BETWEEN = "\n\n"
"""Separates the texts of the segments in the policy's extracted text."""


@dataclass(frozen=True, slots=True)
class _Marks:
    """What each annotator gave, by annotator id."""

    labels: dict[str, set[str]]
    values: dict[str, set[Value]]

    @classmethod
    def empty(cls, annotators: Iterable[str]) -> _Marks:
        return cls({annotator: set() for annotator in annotators}, {annotator: set() for annotator in annotators})


@dataclass(frozen=True, slots=True)
class Passage:
    """One segment of one policy; `labels`, `votes` and `annotators` are None if it is unlabelled."""

    policy: str
    """The name of its file in the corpus: "105_amazon.com"."""
    segment: int
    """Counted from 0, as in the corpus."""
    text: str
    """The segment without tags, one block per line."""
    labels: tuple[str, ...] | None
    """Labels that at least 2 of the 3 annotators gave, in the order of `LABELS`; may be empty."""
    votes: Mapping[str, float] | None
    """The share of the 3 annotators (1/3, 2/3 or 1) who gave each label; labels that nobody gave are left out."""
    annotators: Mapping[str, tuple[str, ...]] | None
    """The labels that each of the policy's annotators gave, by annotator id, in the order of the ids."""
    annotator_attributes: Mapping[str, Values] | None = None
    """The values by attribute of each annotator who gave some, by annotator id."""


@dataclass(frozen=True, slots=True)
class Corpus:
    """The corpus: policies in numeric order of their ids, segments and sentences in reading order."""

    sentences: tuple[Sentence, ...]
    """`start` and `end` are offsets in the policy's extracted text, its passages' texts joined by an empty line;
    `passage` is the segment; ``extra["annotators"]`` has the labels that each annotator gave,
    ``extra["annotator_attributes"]`` the values."""
    passages: tuple[Passage, ...]
    notes: tuple[str, ...]
    """Counts of what was repaired or left out."""

    def texts(self) -> dict[str, str]:
        """The extracted text of every policy."""
        parts: dict[str, list[str]] = {}
        for passage in self.passages:
            parts.setdefault(passage.policy, []).append(passage.text)
        return {policy: _BETWEEN.join(texts) for policy, texts in parts.items()}


def read_opp115(source: str | os.PathLike[str], *, unmask: bool = False) -> Corpus:
    """Read the corpus from a folder or zip; it may be in one folder inside.

    Segments that are held back for testing (`data.corpora.splits.held_back`) come without their labels, unless
    `unmask` is true.

    Raises:
        DataError: the source is missing or not the OPP-115 corpus, or a row is bad (names file, line and reason).
    """
    masked = frozenset() if unmask else held_back()
    counts: Counter[str] = Counter()
    sentences: list[Sentence] = []
    passages: list[Passage] = []
    for policy in read_files(source):
        rows: dict[int, list[Practice]] = defaultdict(list)
        for practice in policy.practices:
            rows[practice.segment].append(practice)
        annotators = sorted({practice.annotator for practice in policy.practices})
        offset = index = 0
        heading: str | None = None
        pages = [html_text(markup) for markup in policy.segments]
        markers = Markers(page.text[block.start : block.end] for page in pages for block in page.blocks)
        for number, (markup, page) in enumerate(zip(policy.segments, pages, strict=True)):
            cuts, heading = _cut(page, heading, markers)
            practices = rows[number]
            if practices and (policy.name, number) in masked:
                counts["rows of held-back segments left out"] += len(practices)
                practices = []
            if practices:
                whole, parts = _marks(page, markup, practices, cuts, annotators, counts)
                passages.append(Passage(policy.name, number, page.text, *_judge(whole), _values(whole)))
            else:
                counts["segments unlabelled"] += 1
                passages.append(Passage(policy.name, number, page.text, None, None, None))
                parts = []
            for position, cut in enumerate(cuts):
                sentence = Sentence(
                    policy=policy.name,
                    index=index,
                    text=page.text[cut.start : cut.end],
                    passage=number,
                    start=offset + cut.start,
                    end=offset + cut.end,
                    heading=cut.heading,
                )
                if parts:
                    labels, votes, given = _judge(parts[position])
                    extra: dict[str, object] = {
                        "annotators": {annotator: list(names) for annotator, names in given.items()}
                    }
                    if values := _values(parts[position]):
                        extra["annotator_attributes"] = {
                            who: {name: list(members) for name, members in groups.items()}
                            for who, groups in values.items()
                        }
                    sentence = replace(sentence, labels=labels, votes=votes, extra=extra)
                sentences.append(sentence)
                index += 1
            offset += len(page.text) + len(_BETWEEN)
    notes = tuple(f"{what}: {count:,}" for what, count in sorted(counts.items()))
    return Corpus(tuple(sentences), tuple(passages), notes)


@dataclass(frozen=True, slots=True)
class _Cut:
    """A sentence of one segment: offsets into the segment's text, and the heading above it."""

    start: int
    end: int
    heading: str | None


def _cut(page: HtmlText, heading: str | None, markers: Markers) -> tuple[list[_Cut], str | None]:
    """The sentences of one segment, and the heading that applies after it.

    A heading is a short bold block, or one that reads like a heading and is neither in a list nor after a lead-in.
    """
    cuts: list[_Cut] = []
    lead_in = False
    for block in page.blocks:
        body, marked = markers.strip(page.text[block.start : block.end])
        reads_so = looks_like_heading(body) and not (lead_in or marked or block.in_list)
        is_heading = reads_so or (block.bold and len(body) <= _MAX_HEADING and len(body.split()) <= _MAX_HEADING_WORDS)
        above = None if is_heading else heading
        # Only markers in front of the body were removed, so the body ends where the block ends.
        spans = sentence_spans(page.text, block.end - len(body), block.end)
        cuts.extend(_Cut(start, end, above) for start, end in spans)
        if is_heading:
            heading = body
        lead_in = body.endswith(":") and not is_heading
    return cuts, heading


def _marks(
    page: HtmlText,
    markup: str,
    practices: Iterable[Practice],
    cuts: Sequence[_Cut],
    annotators: Iterable[str],
    counts: Counter[str],
) -> tuple[_Marks, list[_Marks]]:
    """What each annotator gave to a segment as a whole and to each of its sentences."""
    whole = _Marks.empty(annotators)
    parts = [_Marks.empty(annotators) for _ in cuts]
    for practice in practices:
        if practice.label is None:
            counts['practices "Other" of type "Other", which is no label'] += 1
            continue
        who = practice.annotator
        whole.labels[who].add(practice.label)
        whole.values[who].update(value for value, _ in practice.values)
        places = [(span, _locate(page, markup, span, counts)) for span in practice.spans]
        covered = _characters(place for _, place in places)
        if not covered:
            where = "sentence, the only one of its segment" if len(cuts) == 1 else "segment alone"
            counts[f"practices without a usable span, given to the {where}"] += 1
            if len(cuts) == 1:
                parts[0].labels[who].add(practice.label)
                parts[0].values[who].update(value for value, _ in practice.values)
            continue
        values = [
            (value, _characters(place for span, place in places if span == own) or covered)
            for value, own in practice.values
        ]
        for cut, part in zip(cuts, parts, strict=True):
            if _overlaps(cut, covered):
                part.labels[who].add(practice.label)
                part.values[who].update(
                    value for value, characters in values if _overlaps(cut, characters, len(characters))
                )
    return whole, parts


def _characters(places: Iterable[tuple[int, int] | None]) -> set[int]:
    return {position for place in places if place is not None for position in range(*place)}


def _overlaps(cut: _Cut, characters: set[int], enough: int = MIN_OVERLAP) -> bool:
    overlap = len(characters.intersection(range(cut.start, cut.end)))
    return overlap >= min(MIN_OVERLAP, (cut.end - cut.start) / 2, enough)


def _locate(page: HtmlText, markup: str, span: Span, counts: Counter[str]) -> tuple[int, int] | None:
    """The characters of the segment's text that a span covers, or None if neither its offsets nor its text fit."""
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
    counted = Counter(label for labels in marks.labels.values() for label in labels)
    votes = {label: counted[label] / ANNOTATORS for label in LABELS if counted[label]}
    majority = tuple(label for label in votes if 2 * counted[label] > ANNOTATORS)
    return (
        majority,
        votes,
        {who: tuple(name for name in LABELS if name in given) for who, given in marks.labels.items()},
    )


def _values(marks: _Marks) -> dict[str, Values]:
    """The values by attribute of each annotator who gave some."""
    return {who: grouped(given) for who, given in marks.values.items() if given}
