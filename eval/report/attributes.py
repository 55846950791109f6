"""The report of `clausetag eval --attributes`: tables, `attributes.json` and `attributes.md`.

"Given" metrics use the gold categories; "end to end" ones use the categories that the model predicts.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from clausetag.data.jsonl import write_text
from clausetag.eval.attributes import MIN_SUPPORT, AttributeResults, ValueMetrics
from clausetag.eval.tables import Table, number, with_interval

POLISIS = {
    "Audience Type": 0.97,
    "Does/Does Not": 0.86,
    "Purpose": 0.83,
    "Personal Information Type": 0.81,
    "Retention Period": 0.73,
    "Choice Type": 0.73,
}
"""F1 by attribute that Polisis published (Harkous et al., USENIX Security 2018): the mean of the F1 of presence and of
absence over an attribute's values, on another split of OPP-115. `eval.attributes` measures ours in the same way."""
POLISIS_MEAN = 0.767
"""The published mean over 15 attributes."""


def tables(results: AttributeResults) -> list[Table]:
    """Two tables: by attribute, and by value."""
    return [_by_attribute(results), _by_value(results)]


def _by_attribute(results: AttributeResults) -> Table:
    given, end_to_end, baseline = results.given_categories, results.end_to_end, results.baseline
    header = ["attribute", "positives", "micro F1", "macro F1", "end to end, micro", "end to end, macro"]
    header += ["TF-IDF, macro"] if baseline else []
    header += ["Polisis's protocol", "published"] if results.polisis else []
    positives = sum(value.support for value in given.values.values())
    rows = []
    for name in (*given.attributes, None):  # None: all values
        with_gold, with_own = _metrics(given, name), _metrics(end_to_end, name)
        row = [name or "all values", str(with_gold.get("support", positives))]
        row += [number(metrics[key]) for metrics in (with_gold, with_own) for key in ("micro_f1", "macro_f1")]
        row += [number(_metrics(baseline, name)["macro_f1"])] if baseline else []
        if results.polisis:
            published = number(POLISIS.get(name), 2) if name else number(POLISIS_MEAN)
            row += [number(results.polisis.get(name or "mean")), published]
        rows.append(row)
    note = "Given the gold categories unless the column says end to end. "
    note += f"Macro F1 is over values with at least {MIN_SUPPORT} positives."
    if results.annotators:
        parts = (f"{key} {number(value)}" for key, value in results.annotators.items())
        note += f" Micro F1 against single annotators over all values: {', '.join(parts)}."
    if results.polisis:
        note += " Polisis's published figures are on another split and over 15 attributes."
    return Table(f"Attributes: {results.data}, {results.unit}s, {results.n} rows", header, rows, note, totals=1)


def _by_value(results: AttributeResults) -> Table:
    given = results.given_categories.values
    rows = [
        [
            name,
            str(row.support),
            number(row.precision),
            number(row.recall),
            with_interval(row.f1, row.ci95),
            number(row.average_precision),
            number(results.end_to_end.values[name].f1),
        ]
        for name, row in given.items()
        if row.support
    ]
    header = ["value", "positives", "precision", "recall", "F1", "average precision", "F1 end to end"]
    absent = [name for name, row in given.items() if not row.support]
    note = f"Without a positive here: {'; '.join(absent)}." if absent else ""
    return Table("Values, given the gold categories", header, rows, note)


def _metrics(metrics: ValueMetrics, attribute: str | None) -> Mapping[str, float | int | None]:
    """Micro and macro F1 of an attribute, or of all values together."""
    if attribute is None:
        return {"micro_f1": metrics.micro_f1, "macro_f1": metrics.macro_f1}
    return metrics.attributes[attribute]


def write_attributes(results: AttributeResults, folder: Path) -> None:
    """Write `attributes.json` and `attributes.md` into `folder`."""
    write_text(folder / "attributes.json", json.dumps(asdict(results), indent=1) + "\n")
    parts = [f"# Attributes on {results.data}", f"`{results.command}`", *results.notes]
    for table in tables(results):
        parts += [f"## {table.caption}", "\n".join(table.markdown()), table.note]
    write_text(folder / "attributes.md", "\n\n".join(part for part in parts if part) + "\n")
