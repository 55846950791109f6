"""One self-contained HTML page for several policies: every sentence in its place, highlighted by category.

The template is `page.html`, its script `page.js`. Everything that comes from a document is escaped, and the page's
content security policy allows that one script by its hash and nothing from outside.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from html import escape
from pathlib import Path

from clausetag.data import labels as names
from clausetag.data.extract import FailedInput
from clausetag.data.labels import LABEL_INDEX, LABELS
from clausetag.data.schema import Block, Document, Sentence
from clausetag.data.summary import FLAG_MEANINGS, not_mentioned, practices, shorten

CODES: dict[str, str] = {
    names.FIRST_PARTY: "1st",
    names.THIRD_PARTY: "3rd",
    names.CHOICE: "Opt",
    names.ACCESS: "Acc",
    names.RETENTION: "Ret",
    names.SECURITY: "Sec",
    names.CHANGE: "Chg",
    names.DO_NOT_TRACK: "DNT",
    names.AUDIENCES: "Aud",
    names.GENERIC: "Gen",
    names.CONTACT: "Con",
    names.NOT_COVERED: "N/C",
}
"""Badges, so that categories can be told apart without seeing colours."""
_HUES: dict[str, tuple[int, int]] = {
    names.FIRST_PARTY: (212, 85),
    names.THIRD_PARTY: (24, 90),
    names.CHOICE: (282, 65),
    names.ACCESS: (190, 80),
    names.RETENTION: (46, 85),
    names.SECURITY: (140, 55),
    names.CHANGE: (328, 75),
    names.DO_NOT_TRACK: (0, 80),
    names.AUDIENCES: (168, 70),
    names.GENERIC: (215, 10),
    names.CONTACT: (248, 75),
    names.NOT_COVERED: (82, 60),
}
"""Hue in degrees and saturation in per cent; the lightness depends on the colour scheme."""
_STRONGEST_LENGTH = 170
_TITLE_SCORES = 4
_SLOT = re.compile(r"\{\{(\w+)\}\}")


def render_page(
    policies: Sequence[tuple[Document | FailedInput, Sequence[Sentence]]], figures: str | None = None
) -> str:
    """The page as one string. `figures` is a plain text about the model's quality, shown on top."""
    here = Path(__file__)
    script = here.with_name("page.js").read_text(encoding="utf-8").strip()
    sentences = [sentence for _, group in policies for sentence in group]
    count = f"{_count(len(policies), 'policy', 'policies')}, {_count(len(sentences), 'sentence', 'sentences')}."
    slots = {
        "title": "What these privacy policies say" if len(policies) != 1 else "What this privacy policy says",
        "script": script,
        "script_hash": base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        "hues": "\n".join(hue_rules(label) for label in LABELS),
        "counts": count,
        "figures": f'<p class="figures">{escape(figures)}</p>' if figures else "",
        "legend": "\n".join(_legend(sentences)),
        "jump": _jump(policies) if len(policies) > 1 else "",
        "policies": "\n".join(_policy(number, *policy) for number, policy in enumerate(policies, 1)),
    }
    # One pass, so that a document's own braces are left alone.
    return _SLOT.sub(lambda slot: slots[slot[1]], here.with_name("page.html").read_text(encoding="utf-8"))


def _count(number: int, one: str, many: str) -> str:
    return f"{number:,} {one if number == 1 else many}"


def hue_rules(label: str) -> str:
    """The rules that colour a category, light and dark."""
    hue, saturation = _HUES[label]
    tints = " ".join(
        f"--{name}-colour: hsl({hue} calc({saturation}% * var(--calm)) var(--{name}));" for name in ("tint", "tint-2")
    )
    lines = " ".join(f"--{name}-colour: hsl({hue} {saturation}% var(--{name}));" for name in ("edge", "badge"))
    return f".l{LABEL_INDEX[label]} {{ {tints} {lines} }}"


def _badge(label: str) -> str:
    return f'<span class="b l{LABEL_INDEX[label]}" title="{escape(label)}">{escape(CODES[label])}</span>'


def _legend(sentences: Iterable[Sentence]) -> Iterator[str]:
    counts: Counter[str | None] = Counter()
    for sentence in sentences:
        counts.update(sentence.labels or (None,))
    for label in LABELS:
        number = LABEL_INDEX[label]
        yield (
            f'<button type="button" class="chip l{number}{"" if counts[label] else " empty"}" data-l="{number}" '
            f'aria-pressed="false" title="{escape(label)}">{_badge(label)}<span class="name">{escape(label)}</span>'
            f'<span class="n">{counts[label]}</span></button>'
        )
    if counts[None]:
        yield (
            '<button type="button" class="chip" data-l="none" aria-pressed="false" title="no category">'
            '<span class="b">&ndash;</span><span class="name">no category</span>'
            f'<span class="n">{counts[None]}</span></button>'
        )


def _jump(policies: Sequence[tuple[Document | FailedInput, Sequence[Sentence]]]) -> str:
    items = []
    for number, (source, sentences) in enumerate(policies, 1):
        note = "error" if isinstance(source, FailedInput) else str(len(sentences))
        items.append(f'<li><a href="#p{number}">{escape(source.policy)}</a> <small>{note}</small></li>')
    return f'<ul class="jump">{"".join(items)}</ul>'


def _policy(number: int, source: Document | FailedInput, sentences: Sequence[Sentence]) -> str:
    head = f'<section id="p{number}">\n<h2>{escape(source.policy)}</h2>\n'
    if isinstance(source, FailedInput):
        return f'{head}<p class="error">{escape(source.message)} ({escape(source.code)})</p>\n</section>'
    flags = dict.fromkeys((*source.flags, *(flag for sentence in sentences for flag in sentence.flags)))
    parts = [head, f'<p class="count">{_count(len(sentences), "sentence", "sentences")}</p>']
    parts += [f'<p class="flag">{escape(FLAG_MEANINGS.get(flag, flag))} ({escape(flag)})</p>' for flag in flags]
    parts += [_summary(number, source, sentences), '<div class="text">']
    parts += [*_text(number, source, sentences), "</div>\n</section>"]
    return "\n".join(parts)


def _summary(number: int, document: Document, sentences: Sequence[Sentence]) -> str:
    rows = []
    for practice in practices(document, sentences):
        strongest = practice.strongest
        rows.append(
            f"<tr><td>{_badge(practice.label)}{escape(practice.label)}"
            f'<span class="m"> · {practice.count}</span></td><td>{practice.count}</td>'
            f'<td><a href="#p{number}s{strongest.index}">{escape(shorten(strongest.text, _STRONGEST_LENGTH))}</a>'
            "</td></tr>"
        )
    missing = not_mentioned(sentences)
    table = (
        "<table><thead><tr><th>Category</th><th>Sentences</th><th>Strongest sentence</th></tr></thead>\n"
        f"<tbody>{''.join(rows)}</tbody></table>"
        if rows
        else ""
    )
    note = f'<p class="missing">Not mentioned: {escape(", ".join(missing))}.</p>' if missing else ""
    return f"{table}\n{note}"


def _text(number: int, document: Document, sentences: Sequence[Sentence]) -> Iterator[str]:
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
        content = "".join(_inline(number, document.text, block, placed[first:position]))
        yield f"<{tags[block.kind]}>{content}</{tags[block.kind]}>"
    yield wrappers.get(previous, ("", ""))[1]


def _inline(number: int, text: str, block: Block, sentences: Sequence[Sentence]) -> Iterator[str]:
    at = block.start
    for sentence in sentences:
        start, end = sentence.start or 0, sentence.end or 0
        yield escape(text[at:start])
        yield _sentence(number, sentence)
        at = max(at, end)
    yield escape(text[at : block.end])


def _sentence(number: int, sentence: Sentence) -> str:
    scores = sentence.scores or {}
    marks = sorted(sentence.labels or (), key=lambda label: -scores.get(label, 0.0))
    data = " ".join(str(LABEL_INDEX[label]) for label in marks) or "none"
    colour = f" l{LABEL_INDEX[marks[0]]}" if marks else ""
    badges = "".join(map(_badge, marks))
    return (
        f'<span class="s{colour}" id="p{number}s{sentence.index}" data-l="{data}" tabindex="{0 if marks else -1}" '
        f'title="{escape(_scores_line(sentence))}">{escape(sentence.text)}{badges}</span>'
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
