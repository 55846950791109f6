"""Several runs of one recipe: mean and standard deviation of every metric over seeds, as PrivacyGLUE reports them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from clausetag.data.errors import DataError
from clausetag.data.jsonl import write_text
from clausetag.eval.metrics.classification import SUMMARY
from clausetag.eval.report.text import SUMMARY_NAMES
from clausetag.eval.results import Metrics, Results
from clausetag.eval.tables import MISSING, Table, number

Spread = dict[str, float | None]
"""`mean`, `sd` (of a sample, n - 1), `lowest` and `highest` of one metric over runs; None if undefined in some run."""


def spread(values: Sequence[float | None]) -> Spread:
    """Mean, standard deviation and range of one metric over runs."""
    known = np.array([value for value in values if value is not None])
    if not known.size or len(known) < len(values):
        return {"mean": None, "sd": None, "lowest": None, "highest": None}
    sd = float(known.std(ddof=1)) if len(known) > 1 else None
    return {"mean": float(known.mean()), "sd": sd, "lowest": float(known.min()), "highest": float(known.max())}


def over_seeds(runs: Sequence[Results]) -> dict[str, Any]:
    """The object of seeds.json: the runs, and the spread of every metric, with own thresholds and with 0.5.

    Raises:
        DataError: two runs are the same model, are of different recipes, or were measured on different data.
    """
    hashes = [run.model.get("hash") for run in runs]
    if len(set(hashes)) < len(hashes):
        raise DataError("the same model was given twice; give one folder for each seed")
    if len({(run.data, run.unit, run.n) for run in runs}) > 1:
        raise DataError("the runs were measured on different data; evaluate all models in one command")
    recipes = sorted({str(run.recipe) for run in runs})
    if len(recipes) > 1:
        raise DataError(f"a mean over seeds needs one recipe, these are {', '.join(recipes)}; measure each alone")
    first = runs[0]
    return {
        "data": first.data,
        "unit": first.unit,
        "n": first.n,
        "recipe": recipes[0],
        "in_sample": any(run.in_sample for run in runs),
        "runs": [
            {
                "model": dict(run.model),
                "seed": run.seeds.get("model"),
                **{name: getattr(run.metrics.points, name) for name in SUMMARY},
            }
            for run in runs
        ],
        "figures": _spreads([run.metrics for run in runs]),
        "at_0_5": _spreads([run.at_0_5 for run in runs]),
        "published": [asdict(row) for row in first.published],
        "baselines": [
            {"model": own.title, "macro_f1": own.metrics.points.macro_f1, "micro_f1": own.metrics.points.micro_f1}
            for own in first.baselines
        ],
    }


def _spreads(runs: Sequence[Metrics]) -> dict[str, Any]:
    found: dict[str, Any] = {name: spread([getattr(run.points, name) for run in runs]) for name in SUMMARY}
    found["per_category"] = {
        label: {
            part: spread([getattr(run.points.per_category[label], part) for run in runs])
            for part in ("precision", "recall", "f1", "average_precision")
        }
        for label in runs[0].points.per_category
    }
    return found


def cells(found: dict[str, Any]) -> Table:
    """A table of mean, standard deviation and range, own thresholds beside 0.5."""
    mark = " (in-sample)" if found["in_sample"] else ""
    header = ["Metric", f"Mean ± sd{mark}", "Lowest", "Highest", f"At 0.5, mean ± sd{mark}"]
    own, half = found["figures"], found["at_0_5"]
    pairs = [(label, row["f1"], half["per_category"][label]["f1"]) for label, row in own["per_category"].items()]
    pairs += [(SUMMARY_NAMES[name], own[name], half[name]) for name in SUMMARY]
    rows = [
        [name, _mean_sd(one), number(one["lowest"]), number(one["highest"]), _mean_sd(other)]
        for name, one, other in pairs
    ]
    seeds = ", ".join(str(run["seed"]) for run in found["runs"])
    note = f"F1 by category; {len(found['runs'])} runs, seeds {seeds}."
    return Table("Over seeds", header, rows, note, totals=len(SUMMARY))


def beside(found: dict[str, Any]) -> Table | None:
    """Our mean beside published results and the baselines; None if there are neither."""
    others = [*found["baselines"], *found["published"]]
    if not others:
        return None
    names = ("macro_f1", "micro_f1")
    mark = " (in-sample)" if found["in_sample"] else ""
    source = f"measured here, mean of {len(found['runs'])} seeds{mark}"
    rows = [[f"clausetag, recipe {found['recipe']}", *(_mean_sd(found["figures"][name]) for name in names), source]]
    for row in others:
        rows.append([row["model"], *(number(row[name]) for name in names), row.get("source", "measured here")])
    return Table("Beside others", ["Model", "Macro F1", "Micro F1", "Source"], rows)


def _mean_sd(own: Spread) -> str:
    if own["mean"] is None:
        return MISSING
    return number(own["mean"]) + ("" if own["sd"] is None else f" ± {own['sd']:.3f}")


def write_seeds(found: dict[str, Any], folder: Path) -> None:
    """Write seeds.md and seeds.json."""
    table = cells(found)
    title = f"# {found['data']}, {found['n']} {found['unit']}s, {len(found['runs'])} runs"
    lines = [title, "", *table.markdown(), "", table.note]
    others = beside(found)
    if others is not None:
        lines += ["", f"## {others.caption}", "", *others.markdown()]
    write_text(folder / "seeds.md", "\n".join(lines) + "\n")
    write_text(folder / "seeds.json", json.dumps(found, ensure_ascii=False, indent=2) + "\n")


def terminal(found: dict[str, Any]) -> str:
    """The tables for a terminal."""
    table = cells(found)
    lines = table.terminal()
    others = beside(found)
    if others is not None:
        lines += ["", others.caption, *others.terminal()]
    return "\n".join([f"{found['data']}, {found['n']:,} {found['unit']}s", "", *lines, "", table.note])
