"""The result of tagging a text in Python: a list of sentences that a notebook shows as a table."""

from __future__ import annotations

from collections.abc import Iterable

from clausetag.data.palette import palette
from clausetag.data.records import Sentence

_MAX_ROWS = 300
"""Sentences in a notebook's table; a notebook saves what it shows."""
_MAX_SCORES = 3
_TABLE = """\
<p>{{ summary }}</p>\
<table><thead><tr><th></th><th>sentence</th><th>labels</th></tr></thead><tbody>
{%- for sentence, scores in rows -%}
<tr title="{{ scores }}"><td>{{ sentence.index }}</td><td style="text-align: left">{{ sentence.text }}</td>\
<td style="text-align: left">
{%- for label in sentence.labels or () -%}
<span style="background: hsl({{ hues[label][0] }} {{ hues[label][1] }}% 50% / 0.25); padding: 0 0.4em; \
border-radius: 0.4em; white-space: nowrap">{{ label }}</span>{{ " " if not loop.last }}
{%- endfor -%}
{%- for name, values in (sentence.attributes or {}).items() %}<br><small>{{ name }}: {{ values | join(", ") }}</small>
{%- endfor -%}
</td></tr>
{%- endfor -%}
</tbody></table>
{%- if more > 0 %}<p>{{ "{:,}".format(more) }} more sentences are not shown.</p>{% endif %}"""


class Tagged(list[Sentence]):
    """The tagged sentences of a text, in order: a list with counts per label and a table for notebooks."""

    def __init__(self, sentences: Iterable[Sentence], labels: tuple[str, ...]) -> None:
        super().__init__(sentences)
        self.labels = labels
        """All labels of the model, in order."""

    def counts(self) -> dict[str, int]:
        """The number of sentences with each of the model's labels, in order; 0 where no sentence has it."""
        found = dict.fromkeys(self.labels, 0)
        for sentence in self:
            for label in sentence.labels or ():
                found[label] += 1
        return found

    def __repr__(self) -> str:
        """One line with the counts; ``list(tagged)`` shows the sentences."""
        stated = ", ".join(f"{label} {number}" for label, number in self.counts().items() if number)
        return f"<{len(self)} sentence{'' if len(self) == 1 else 's'}: {stated or 'no label'}>"

    def _repr_html_(self) -> str:
        """A table for notebooks: each sentence with its labels and attributes, and its highest scores as a tooltip."""
        from jinja2 import Environment

        rows = []
        for sentence in self[:_MAX_ROWS]:
            best = sorted((sentence.scores or {}).items(), key=lambda item: -item[1])[:_MAX_SCORES]
            rows.append((sentence, ", ".join(f"{label} {score:.2f}" for label, score in best)))
        return (
            Environment(autoescape=True)
            .from_string(_TABLE)
            .render(summary=repr(self)[1:-1], rows=rows, hues=palette(self.labels).hues, more=len(self) - len(rows))
        )
