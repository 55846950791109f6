"""The pages of policies: every sentence in its place, highlighted by category; without scripts it can still be read.

The templates are `policy.html` (the page) and `section.html` (one policy of it).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any, NamedTuple

from markupsafe import Markup

from clausetag.data.labels import LABELS
from clausetag.data.palette import Palette, palette
from clausetag.data.records import Block, Document, FailedInput, Sentence
from clausetag.predict.pages.facts import render_facts
from clausetag.predict.pages.rendering import generate, macro
from clausetag.predict.pages.summary import PolicySummary, not_mentioned, practices, summarise
from clausetag.predict.terminal import counted

_TITLE_SCORES = 4
_FOLLOWED = ("http://", "https://", "mailto:", "tel:")


class Span(NamedTuple):
    """A sentence as the template shows it, its labels in the order of their scores."""

    id: str
    keys: Sequence[str]
    """The labels' places in the palette."""
    labels: Sequence[str]
    title: str
    pieces: Sequence[tuple[str, str | None]]
    """Its text in pieces, each with the address that it links to, if any."""


class MultiPolicyPage:
    """One page for several policies, whose sections are rendered one at a time; it keeps only what the rest needs.

    The sentences of a section have the ids ``p<policy, from 1>s<index>``.
    """

    def __init__(self, quality: str | None = None, labels: tuple[str, ...] = LABELS) -> None:
        """`quality` is a plain text about the model's quality; `labels` are all of the model's."""
        self._quality = quality
        self._palette = palette(labels)
        self._counts: Counter[str | None] = Counter()
        self._sentences = 0
        self._jump: list[tuple[str, str]] = []

    def section(self, source: Document | FailedInput, sentences: Sequence[Sentence]) -> Markup:
        """The section of the next policy."""
        number = len(self._jump) + 1
        failed = isinstance(source, FailedInput)
        self._jump.append((source.policy, "error" if failed else str(len(sentences))))
        if isinstance(source, FailedInput):
            return macro("section.html", "failed_section")(number, source)
        self._sentences += len(sentences)
        self._counts += _label_counts(sentences)
        return _section(source, sentences, summarise(source, sentences, self._palette.labels), self._palette, number)

    def render(self, sections: Iterable[Markup]) -> Iterator[str]:
        """The page around all its `sections`, piece by piece."""
        policies = len(self._jump)
        title = "What this privacy policy says" if policies == 1 else "What these privacy policies say"
        extent = f"{counted(policies, 'policy', 'policies')}, {counted(self._sentences, 'sentence')}"
        return generate(
            "policy",
            self._palette.labels,
            title=title,
            heading=title,
            index=None,
            extent=extent,
            quality=self._quality,
            counts=self._counts,
            jump=self._jump,
            sections=sections,
        )


def render_policy(
    document: Document,
    sentences: Sequence[Sentence],
    summary: PolicySummary,
    index: str | None = None,
    quality: str | None = None,
) -> Iterator[str]:
    """The page of one policy, piece by piece; its sentences have the ids ``s<index>``.

    `index` links to the page of all policies; `quality` is as for `MultiPolicyPage`.
    """
    labels = tuple(summary.counts)
    return generate(
        "policy",
        labels,
        title=f"{document.policy}: what this privacy policy says",
        heading=document.policy,
        index=index,
        extent=summary.extent,
        quality=quality,
        counts=_label_counts(sentences),
        jump=(),
        sections=[_section(document, sentences, summary, palette(labels))],
    )


def _label_counts(sentences: Iterable[Sentence]) -> Counter[str | None]:
    """Sentences of each label; None stands for those without one."""
    return Counter(label for sentence in sentences for label in sentence.labels or (None,))


def _section(
    document: Document, sentences: Sequence[Sentence], summary: PolicySummary, colours: Palette, number: int = 0
) -> Markup:
    anchor = f"p{number}s" if number else "s"
    headings = {place for place, block in enumerate(document.blocks) if block.kind == "heading"}
    policy: dict[str, Any] = {
        "number": number,
        "summary": summary,
        "anchor": anchor,
        "practices": practices(document, sentences, colours.labels),
        "missing": not_mentioned(sentences, colours.labels),
        "facts": render_facts(summary.facts, sentences, anchor, headings) if summary.facts else None,
        "blocks": _block_runs(document, sentences, anchor, colours),
    }
    return macro("section.html", "section")(policy, colours)


def _block_runs(
    document: Document, sentences: Sequence[Sentence], anchor: str, colours: Palette
) -> Iterator[tuple[str, Iterator[list[str | Span]]]]:
    """Runs of blocks of one kind, which may share an element; each block is text and sentences in turn."""
    placed = sorted((s for s in sentences if s.start is not None), key=lambda s: (s.start or 0, s.index))
    position = 0

    def parts(block: Block) -> list[str | Span]:
        nonlocal position
        found: list[str | Span] = []
        at = block.start
        while position < len(placed) and (placed[position].start or 0) < block.end:
            sentence = placed[position]
            found += [document.text[at : sentence.start], _span(sentence, anchor, colours)]
            at = max(at, sentence.end or 0)
            position += 1
        return [*found, document.text[at : block.end]]

    for kind, run in groupby(document.blocks, key=lambda block: block.kind):
        yield kind, map(parts, run)


def _span(sentence: Sentence, anchor: str, colours: Palette) -> Span:
    scores = sentence.scores or {}
    labels = sorted(sentence.labels or (), key=lambda label: -scores.get(label, 0.0))
    keys = [colours.key(label) for label in labels]
    return Span(f"{anchor}{sentence.index}", keys, labels, _scores_line(sentence), _pieces(sentence))


def _pieces(sentence: Sentence) -> list[tuple[str, str | None]]:
    """The text of a sentence in pieces, with their links; relative ones would lead nowhere from here."""
    pieces: list[tuple[str, str | None]] = []
    at = begin = sentence.start or 0
    for start, end, href in sentence.links:
        if href.lower().startswith(_FOLLOWED) and at <= start < end <= begin + len(sentence.text):
            pieces += [
                (sentence.text[at - begin : start - begin], None),
                (sentence.text[start - begin : end - begin], href),
            ]
            at = end
    return [*pieces, (sentence.text[at - begin :], None)]


def _scores_line(sentence: Sentence) -> str:
    """The highest scores and those of the sentence's labels, as "Data Security 97 %, …"."""
    scores = sentence.scores
    if not scores:
        return ", ".join(sentence.labels or ("no category",))
    ranked = sorted(scores, key=lambda label: -scores[label])
    shown = [label for rank, label in enumerate(ranked) if rank < _TITLE_SCORES or label in (sentence.labels or ())]
    line = ", ".join(f"{label} {100 * scores[label]:.0f} %" for label in shown)
    return line if sentence.labels else f"no category ({line})"
