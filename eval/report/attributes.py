"""The report of `clausetag eval --attributes`: tables, `attributes.json` and `attributes.md`."""

from __future__ import annotations

import json
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
"""Published means of the protocol by attribute, on another split of OPP-115; its mean over 15 attributes is 0.767."""


def tables(results: AttributeResults) -> list[Table]:
    """The results as tables: by attribute, and by value."""
    given, whole, floor = results.given_categories, results.end_to_end, results.baseline
    header = ["attribute", "positives", "micro F1", "macro F1", "end to end, micro", "end to end, macro"]
    header += ["TF-IDF, macro"] if floor else []
    header += ["Polisis's protocol", "published"] if results.polisis else []
    rows = []
    for name, row in [*given.attributes.items(), ("all values", None)]:
        own = row or {"support": sum(one.support for one in given.values.values()), **_both(given)}
        ended = whole.attributes[name] if row else _both(whole)
        cells = [name, str(own["support"]), number(own["micro_f1"]), number(own["macro_f1"])]
        cells += [number(ended["micro_f1"]), number(ended["macro_f1"])]
        cells += [number(floor.attributes[name]["macro_f1"] if row else floor.macro_f1)] if floor else []
        if results.polisis:
            published = POLISIS.get(name) if row else 0.767
            cells += [number(results.polisis.get(name if row else "mean")), number(published, 2 if row else 3)]
        rows.append(cells)
    note = "Given the gold categories unless the column says end to end. "
    note += f"Macro F1 is over values with at least {MIN_SUPPORT} positives."
    if results.annotators:
        parts = (f"{key} {number(value)}" for key, value in results.annotators.items())
        note += f" Micro F1 against single annotators over all values: {', '.join(parts)}."
    if results.polisis:
        note += " Polisis's published figures are on another split and over 15 attributes."
    by_attribute = Table(f"Attributes: {results.data}, {results.unit}s, {results.n} rows", header, rows, note, totals=1)
    lines = [
        [
            name,
            str(row.support),
            number(row.precision),
            number(row.recall),
            with_interval(row.f1, row.ci95),
            number(row.average_precision),
            number(whole.values[name].f1),
        ]
        for name, row in given.values.items()
        if row.support
    ]
    header = ["value", "positives", "precision", "recall", "F1", "average precision", "F1 end to end"]
    absent = [name for name, row in given.values.items() if not row.support]
    note = f"Without a positive here: {'; '.join(absent)}." if absent else ""
    return [by_attribute, Table("Values, given the gold categories", header, lines, note)]


def _both(metrics: ValueMetrics) -> dict[str, float | None]:
    return {"micro_f1": metrics.micro_f1, "macro_f1": metrics.macro_f1}


def write_attributes(results: AttributeResults, folder: Path) -> None:
    """Write `attributes.json` and `attributes.md` into `folder`."""
    write_text(folder / "attributes.json", json.dumps(asdict(results), indent=1) + "\n")
    parts = [f"# Attributes on {results.data}", f"`{results.command}`", *results.notes]
    for table in tables(results):
        parts += [f"## {table.caption}", "\n".join(table.markdown()), table.note]
    write_text(folder / "attributes.md", "\n\n".join(part for part in parts if part) + "\n")
