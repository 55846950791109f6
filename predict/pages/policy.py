"""Self-contained HTML pages of policies: every sentence in its place, highlighted by category.

The template is `page.html`, its style `common.css` and `page.css`, its script `page.js`; without scripts a page can be
read all the same. Everything that comes from a document is escaped, and the page's content security policy allows that
one script and that one style by their hashes and nothing from outside.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from html import escape
from pathlib import Path

from clausetag.data.labels import LABELS
from clausetag.data.palette import Palette, chip, palette
from clausetag.data.records import Block, Document, FailedInput, Sentence
from clausetag.predict.pages.summary import FLAG_MEANINGS, PolicySummary, not_mentioned, practices, shorten, summarise

__all__ = [
    "OnePage",
    "count",
    "details",
    "extent",
    "fill",
    "minutes",
    "render_page",
    "render_policy",
    "template",
]

_STRONGEST_LENGTH = 170
_TITLE_SCORES = 4
_SLOT = re.compile(r"\{\{(\w+)\}\}")
_HOW = "Each sentence carries the data practices that a model finds in it; hover, focus or tap it for its scores."


class OnePage:
    """One page for several policies, put together from sections made one at a time; keeps only what the frame needs.

    A section's sentences have the ids ``p<policy, from 1>s<index>``.
    """

    def __init__(self, figures: str | None = None, labels: tuple[str, ...] = LABELS) -> None:
        self._figures = figures
        self._palette = palette(labels)
        self._counts: Counter[str | None] = Counter()
        self._sentences = 0
        self._jump: list[str] = []

    def section(self, source: Document | FailedInput, sentences: Sequence[Sentence]) -> str:
        """The next policy's part of the page."""
        number = len(self._jump) + 1
        self._sentences += len(sentences)
        self._counts.update(_label_counts(sentences))
        note = "error" if isinstance(source, FailedInput) else str(len(sentences))
        self._jump.append(f'<li><a href="#p{number}">{escape(source.policy)}</a> <small>{note}</small></li>')
        head = f'<section id="p{number}">\n<h2>{escape(source.policy)}</h2>\n'
        if isinstance(source, FailedInput):
            return f'{head}<p class="error">{escape(source.message)} ({escape(source.code)})</p>\n</section>\n'
        numbers = summarise(source, sentences, self._palette.labels)
        body = (
            f'<p class="count">{extent(numbers)}</p>',
            *_flags(numbers.flags),
            *_body(source, sentences, f"p{number}s", self._palette),
        )
        return "\n".join((head, *body, "</section>\n"))

    def frame(self) -> tuple[str, str]:
        """What stands before and after the sections made so far."""
        policies = len(self._jump)
        title = "What this privacy policy says" if policies == 1 else "What these privacy policies say"
        counts = f"{count(policies, 'policy', 'policies')}, {count(self._sentences, 'sentence', 'sentences')}."
        return _frame(
            {
                "title": title,
                "heading": title,
                "back": "",
                "counts": f"{counts} {_HOW}",
                "figures": details(self._figures),
                "legend": "\n".join(_legend(self._counts, self._palette)),
                "jump": f'<ul class="jump">{"".join(self._jump)}</ul>' if policies > 1 else "",
            },
            self._palette.labels,
        )


def render_page(
    policies: Iterable[tuple[Document | FailedInput, Sequence[Sentence]]],
    figures: str | None = None,
    labels: tuple[str, ...] = LABELS,
) -> str:
    """One page for all `policies` as one string, tagged by a model with these `labels`.

    `figures` is a plain text about the model's quality, shown on top.
    """
    page = OnePage(figures, labels)
    sections = [page.section(*policy) for policy in policies]
    before, after = page.frame()
    return "".join((before, *sections, after))


def render_policy(
    document: Document, sentences: Sequence[Sentence], numbers: PolicySummary, index: str, figures: str | None = None
) -> str:
    """The page of one policy, its sentences with the ids ``s<index>``. `index` is the link to the page over all.

    `numbers` is the policy's summary, which says what labels there are.
    """
    colours = palette(tuple(numbers.counts))
    before, after = _frame(
        {
            "title": f"{escape(document.policy)}: what this privacy policy says",
            "heading": escape(document.policy),
            "back": f'<p class="back"><a href="{escape(index)}"><span aria-hidden="true">←</span> All policies</a></p>',
            "counts": f"{extent(numbers)}. {_HOW}",
            "figures": details(figures),
            "legend": "\n".join(_legend(_label_counts(sentences), colours)),
            "jump": "",
        },
        colours.labels,
    )
    body = _body(document, sentences, "s", colours)
    return "\n".join((before, "<section>", *_flags(numbers.flags), *body, "</section>", after))


def count(number: int, one: str, many: str) -> str:
    """A number with its noun."""
    return f"{number:,} {one if number == 1 else many}"


def extent(numbers: PolicySummary) -> str:
    """Sentences, words and reading time in words."""
    return (
        f"{count(numbers.sentences, 'sentence', 'sentences')}, {count(numbers.words, 'word', 'words')}, "
        f"{count(minutes(numbers), 'minute', 'minutes')} to read"
    )


def minutes(numbers: PolicySummary) -> int:
    """Reading time in whole minutes, at least one."""
    return max(1, round(numbers.minutes))


def details(figures: str | None) -> str:
    """The first line of a text, which opens the others."""
    if not figures:
        return ""
    first, _, rest = escape(figures).partition("\n")
    if not rest:
        return f"<p>{first}</p>"
    return f'<details class="figures"><summary>{first.rstrip(":")}</summary>{rest}</details>'


@cache
def template(name: str, labels: tuple[str, ...] = LABELS) -> tuple[str, str]:
    """The page `name`.html with its style, that of the labels too, and its script, split at the slot `policies`."""
    colours = palette(labels)
    here = Path(__file__).with_name("templates") / "x"
    styles = [here.with_name(file).read_text(encoding="utf-8") for file in ("base.css", f"{name}.css")]
    codes = (f'.l{colours.key(label)} {{ --code: "{code}"; }}' for label, code in colours.codes.items())
    style = "\n".join((*map(str.strip, styles), *map(colours.hue_rules, labels), *codes))
    script = here.with_name(f"{name}.js").read_text(encoding="utf-8").strip()
    slots = {
        "style": style,
        "style_hash": _hash(style),
        "script": script,
        "script_hash": _hash(script),
    }
    page = here.with_name(f"{name}.html").read_text(encoding="utf-8")
    before, _, after = _SLOT.sub(lambda slot: slots.get(slot[1], slot[0]), page).partition("{{policies}}")
    return before, after


def fill(text: str, slots: Mapping[str, str]) -> str:
    """Fill a template's slots in one pass, so that a document's own braces are left alone."""
    return _SLOT.sub(lambda slot: slots[slot[1]], text)


def _frame(slots: Mapping[str, str], labels: tuple[str, ...]) -> tuple[str, str]:
    before, after = template("policy", labels)
    return fill(before, slots), fill(after, slots)


def _hash(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _label_counts(sentences: Iterable[Sentence]) -> Counter[str | None]:
    counts: Counter[str | None] = Counter()
    for sentence in sentences:
        counts.update(sentence.labels or (None,))
    return counts


def _legend(counts: Mapping[str | None, int], colours: Palette) -> Iterator[str]:
    for label in colours.labels:
        yield colours.chip(label, counts.get(label, 0))
    if without := counts.get(None, 0):
        yield chip("none", '<span class="b">&ndash;</span>', "no category", without)


def _flags(flags: Iterable[str]) -> list[str]:
    return [f'<p class="flag">{escape(FLAG_MEANINGS.get(flag, flag))} ({escape(flag)})</p>' for flag in flags]


def _body(document: Document, sentences: Sequence[Sentence], anchor: str, colours: Palette) -> Iterator[str]:
    rows = []
    for practice in practices(document, sentences, colours.labels):
        strongest = practice.strongest
        rows.append(
            f"<tr><td>{colours.badge(practice.label)}{escape(practice.label)}"
            f'<span class="m"> · {practice.count}</span></td><td>{practice.count}</td>'
            f'<td><a href="#{anchor}{strongest.index}">{escape(shorten(strongest.text, _STRONGEST_LENGTH))}</a>'
            "</td></tr>"
        )
    if rows:
        yield (
            '<table><thead><tr><th scope="col">Category</th><th scope="col">Sentences</th>'
            f'<th scope="col">Strongest sentence</th></tr></thead>\n<tbody>{"".join(rows)}</tbody></table>'
        )
    if missing := not_mentioned(sentences, colours.labels):
        yield f'<p class="missing">Not mentioned: {escape(", ".join(missing))}.</p>'
    yield '<div class="text">'
    yield from _text(document, sentences, anchor, colours)
    yield "</div>"


def _text(document: Document, sentences: Sequence[Sentence], anchor: str, colours: Palette) -> Iterator[str]:
    """The document block by block; runs of list items and of table cells share one element."""
    placed = sorted((s for s in sentences if s.start is not None), key=lambda s: (s.start or 0, s.index))
    wrappers = {"list_item": ("<ul>", "</ul>"), "table_cell": ('<div class="cells">', "</div>")}
    tags = {"heading": "h3", "list_item": "li", "table_cell": "div", "paragraph": "p"}
    position = 0
    previous = ""
    for block in document.blocks:
        if block.kind != previous:
            yield wrappers.get(previous, ("", ""))[1] + wrappers.get(block.kind, ("", ""))[0]
        previous = block.kind
        first = position
        while position < len(placed) and (placed[position].start or 0) < block.end:
            position += 1
        content = "".join(_inline(document.text, block, placed[first:position], anchor, colours))
        yield f"<{tags[block.kind]}>{content}</{tags[block.kind]}>"
    yield wrappers.get(previous, ("", ""))[1]


def _inline(text: str, block: Block, sentences: Sequence[Sentence], anchor: str, colours: Palette) -> Iterator[str]:
    at = block.start
    for sentence in sentences:
        start, end = sentence.start or 0, sentence.end or 0
        yield escape(text[at:start])
        yield _sentence(sentence, anchor, colours)
        at = max(at, end)
    yield escape(text[at : block.end])


def _sentence(sentence: Sentence, anchor: str, colours: Palette) -> str:
    scores = sentence.scores or {}
    marks = sorted(sentence.labels or (), key=lambda label: -scores.get(label, 0.0))
    data = " ".join(map(colours.key, marks)) or "none"
    colour = f" l{colours.key(marks[0])}" if marks else ""
    return (
        f'<span class="s{colour}" id="{anchor}{sentence.index}" data-l="{data}" '
        f'title="{escape(_scores_line(sentence))}">{escape(sentence.text)}{"".join(map(colours.badge, marks))}</span>'
    )


def _scores_line(sentence: Sentence) -> str:
    """The highest scores and those of the labels given, as "Data Security 97 %, …"."""
    scores = sentence.scores
    if not scores:
        return ", ".join(sentence.labels or ("no category",))
    ranked = sorted(scores, key=lambda label: -scores[label])
    shown = [label for rank, label in enumerate(ranked) if rank < _TITLE_SCORES or label in (sentence.labels or ())]
    line = ", ".join(f"{label} {100 * scores[label]:.0f} %" for label in shown)
    return line if sentence.labels else f"no category ({line})"
