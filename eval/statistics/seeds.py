"""Several runs of one recipe: mean and standard deviation over seeds, as PrivacyGLUE reports them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from clausetag.data.errors import DataError
from clausetag.data.jsonl import write_text
from clausetag.eval.metrics.multilabel_scores import SUMMARY
from clausetag.eval.report.tables import MISSING, markdown_table, number, terminal_table
from clausetag.eval.report.text import SUMMARY_NAMES, Cells
from clausetag.eval.results import Figures, Results


@dataclass(frozen=True, slots=True)
class Spread:
    """One figure over runs; None where it is undefined in some run. `sd` is that of a sample (n - 1)."""

    mean: float | None
    sd: float | None
    lowest: float | None
    highest: float | None


def spread(values: Sequence[float | None]) -> Spread:
    """Mean, standard deviation and range of one figure over runs."""
    known = [value for value in values if value is not None]
    if not known or len(known) < len(values):
        return Spread(None, None, None, None)
    numbers = np.array(known)
    sd = float(numbers.std(ddof=1)) if len(known) > 1 else None
    return Spread(float(numbers.mean()), sd, float(numbers.min()), float(numbers.max()))


def over_seeds(runs: Sequence[Results]) -> dict[str, Any]:
    """The object of seeds.json: the runs, and every figure's mean and standard deviation, own thresholds and 0.5.

    Raises:
        DataError: two runs are the same model, or were measured on different data.
    """
    hashes = [run.model.get("hash") for run in runs]
    if len(set(hashes)) < len(hashes):
        raise DataError("the same model was given twice; give one folder for each seed")
    if len({(run.data, run.unit, run.n) for run in runs}) > 1:
        raise DataError("the runs were measured on different data")
    recipes = sorted({str(run.recipe) for run in runs})
    if len(recipes) > 1:
        raise DataError(f"a mean over seeds is one of one recipe, these are {', '.join(recipes)}; measure each alone")
    return {
        "data": runs[0].data,
        "unit": runs[0].unit,
        "n": runs[0].n,
        "recipe": recipes[0],
        "in_sample": any(run.in_sample for run in runs),
        "runs": [
            {
                "model": dict(run.model),
                "seed": run.seeds.get("model"),
                **{name: getattr(run.figures.scores, name) for name in SUMMARY},
            }
            for run in runs
        ],
        "figures": _spreads([run.figures for run in runs]),
        "at_0_5": _spreads([run.at_0_5 for run in runs]),
        "published": [
            {"model": row.model, "macro_f1": row.macro_f1, "micro_f1": row.micro_f1, "source": row.source}
            for row in runs[0].published
        ],
        "baselines": [
            {"model": own.title, "macro_f1": own.figures.scores.macro_f1, "micro_f1": own.figures.scores.micro_f1}
            for own in runs[0].baselines
        ],
    }


def _spreads(runs: Sequence[Figures]) -> dict[str, Any]:
    found: dict[str, Any] = {name: _plain(spread([getattr(run.scores, name) for run in runs])) for name in SUMMARY}
    labels = list(runs[0].scores.per_category)
    found["per_category"] = {
        label: {
            part: _plain(spread([getattr(run.scores.per_category[label], part) for run in runs]))
            for part in ("precision", "recall", "f1", "average_precision")
        }
        for label in labels
    }
    return found


def _plain(own: Spread) -> dict[str, float | None]:
    return {"mean": own.mean, "sd": own.sd, "lowest": own.lowest, "highest": own.highest}


def cells(found: dict[str, Any]) -> Cells:
    """A table of mean, standard deviation and range, own thresholds beside 0.5."""
    mark = " (in-sample)" if found["in_sample"] else ""
    header = ["Figure", f"Mean ± sd{mark}", "Lowest", "Highest", f"At 0.5, mean ± sd{mark}"]
    rows = []
    for label, figures in found["figures"]["per_category"].items():
        rows.append(_row(label, figures["f1"], found["at_0_5"]["per_category"][label]["f1"]))
    rows += [_row(SUMMARY_NAMES[name], found["figures"][name], found["at_0_5"][name]) for name in SUMMARY]
    seeds = ", ".join(str(run["seed"]) for run in found["runs"])
    note = f"F1 by category; {len(found['runs'])} runs, seeds {seeds}."
    return Cells("Over seeds", header, rows, note, totals=len(SUMMARY))


def beside(found: dict[str, Any]) -> Cells | None:
    """Our mean beside published ones and the baselines; None where there are neither."""
    others = [*found["baselines"], *found["published"]]
    if not others:
        return None
    own = [_mean_sd(found["figures"][name]) for name in ("macro_f1", "micro_f1")]
    mark = " (in-sample)" if found["in_sample"] else ""
    source = f"measured here, mean of {len(found['runs'])} seeds{mark}"
    rows = [[f"clausetag, recipe {found['recipe']}", *own, source]]
    for row in others:
        values = [number(row[name]) for name in ("macro_f1", "micro_f1")]
        rows.append([row["model"], *values, row.get("source", "measured here")])
    return Cells("Beside others", ["Model", "Macro F1", "Micro F1", "Source"], rows)


def _row(name: str, own: dict[str, float | None], half: dict[str, float | None]) -> list[str]:
    return [name, _mean_sd(own), number(own["lowest"]), number(own["highest"]), _mean_sd(half)]


def _mean_sd(own: dict[str, float | None]) -> str:
    if own["mean"] is None:
        return MISSING
    return number(own["mean"]) + ("" if own["sd"] is None else f" ± {own['sd']:.3f}")


def write_seeds(found: dict[str, Any], folder: Path) -> None:
    """Write seeds.md and seeds.json."""
    table = cells(found)
    title = f"# {found['data']}, {found['n']} {found['unit']}s, {len(found['runs'])} runs"
    lines = [title, "", *markdown_table(table.header, table.rows), "", table.note]
    others = beside(found)
    if others is not None:
        lines += ["", f"## {others.caption}", "", *markdown_table(others.header, others.rows)]
    text = "\n".join(lines) + "\n"
    write_text(folder / "seeds.md", text)
    write_text(folder / "seeds.json", json.dumps(found, ensure_ascii=False, indent=2) + "\n")


def terminal(found: dict[str, Any]) -> str:
    """The table for a terminal."""
    table = cells(found)
    lines = terminal_table(table.header, table.rows, rules=(len(table.rows) - table.totals,))
    others = beside(found)
    if others is not None:
        lines += ["", others.caption, *terminal_table(others.header, others.rows)]
    return "\n".join([f"{found['data']}, {found['n']:,} {found['unit']}s", "", *lines, "", table.note])
