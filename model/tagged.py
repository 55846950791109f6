"""What tagging a text gives in Python: a list of sentences that a notebook shows as a table."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from clausetag.data.palette import palette
from clausetag.data.records import Sentence

_SHOWN = 300
"""Sentences in a notebook's table; a notebook saves what it shows."""
_SCORES = 3


class Tagged(list[Sentence]):
    """The tagged sentences of a text, in order; a list in every respect."""

    def __init__(self, sentences: Iterable[Sentence], labels: tuple[str, ...]) -> None:
        super().__init__(sentences)
        self.labels = labels
        """All of the model's labels, in order."""

    def counts(self) -> dict[str, int]:
        """Sentences with each of the model's labels, in order; 0 where none has it."""
        found = dict.fromkeys(self.labels, 0)
        for sentence in self:
            for label in sentence.labels or ():
                found[label] += 1
        return found

    def __repr__(self) -> str:
        """A line with the counts; the sentences themselves are those of ``list(tagged)``."""
        stated = ", ".join(f"{label} {number}" for label, number in self.counts().items() if number)
        return f"<{len(self)} sentence{'' if len(self) == 1 else 's'}: {stated or 'no label'}>"

    def _repr_html_(self) -> str:
        """A table for notebooks: each sentence with its labels, their scores on hover. The text is escaped."""
        hues = palette(self.labels).hues
        rows: list[str] = []
        for sentence in self[:_SHOWN]:
            badges = " ".join(
                f'<span style="background: hsl({hues[label][0]} {hues[label][1]}% 50% / 0.25); padding: 0 0.4em; '
                f'border-radius: 0.4em; white-space: nowrap">{escape(label)}</span>'
                for label in sentence.labels or ()
            )
            best = sorted((sentence.scores or {}).items(), key=lambda item: -item[1])[:_SCORES]
            scores = escape(", ".join(f"{label} {score:.2f}" for label, score in best))
            text = f'<td style="text-align: left">{escape(sentence.text)}</td>'
            rows.append(
                f'<tr title="{scores}"><td>{sentence.index}</td>{text}<td style="text-align: left">{badges}</td></tr>'
            )
        rest = len(self) - len(rows)
        more = f"<p>{rest:,} more sentences are not shown.</p>" if rest > 0 else ""
        head = "<thead><tr><th></th><th>sentence</th><th>labels</th></tr></thead>"
        return f"<p>{escape(repr(self)[1:-1])}</p><table>{head}<tbody>{''.join(rows)}</tbody></table>{more}"
