"""The results as tables of text: for the terminal, for report.md and for the HTML page.

Each cell is formatted once, here, so that no two reports can disagree. In-sample metrics say so in the heading of their
column and in the title.
"""

from __future__ import annotations

from collections.abc import Sequence

from clausetag.eval.metrics.classification import SUMMARY
from clausetag.eval.people.annotators import NON_INFERIORITY_MARGIN, F1Metrics, People
from clausetag.eval.results import Metrics, Results
from clausetag.eval.statistics.resample import Interval
from clausetag.eval.tables import Table, number, with_interval

IN_SAMPLE = "in-sample"
IN_FULL = "By category, with all intervals"
TOTALS = ("macro", "micro", "weighted")
SUMMARY_NAMES = {
    "macro_f1": "Macro F1",
    "micro_f1": "Micro F1",
    "weighted_f1": "Weighted F1",
    "samples_f1": "Samples F1",
    "macro_precision": "Macro precision",
    "macro_recall": "Macro recall",
    "micro_precision": "Micro precision",
    "micro_recall": "Micro recall",
    "subset_accuracy": "Subset accuracy",
    "hamming_loss": "Hamming loss (0 at best)",
    "macro_average_precision": "Mean average precision",
}


def title(results: Results) -> str:
    """One line: what was measured on which data, and whether the model may have seen it."""
    seen = f" ({IN_SAMPLE}: the model may have been trained on this data)" if results.in_sample else ""
    return f"{results.data}, {results.n:,} {results.unit}s{seen}"


def tables(results: Results) -> list[Table]:
    """All tables, the most important first."""
    found = [by_category(results), overall(results)]
    if results.people is not None:
        found.append(against_people(results, results.people))
    found += [calibration(results), in_full(results)]
    return [*found, published(results)] if results.published else found


def by_category(results: Results) -> Table:
    """Metrics of each category, then macro, micro and weighted, beside baselines and annotators."""
    mark = _mark(results)
    own, half = results.metrics, results.at_0_5
    header = ["Category", "Support", f"P{mark}", f"R{mark}", f"F1{mark} [95 %]", f"AP{mark} [95 %]"]
    header += [f"F1 at 0.5{mark} [95 %]", *(f"{baseline.title} F1" for baseline in results.baselines)]
    people: tuple[F1Metrics, ...] = ()
    note = "AP: average precision, which does not depend on a threshold."
    if results.people is not None:
        people = results.people.pairwise.annotators, results.people.pairwise.model
        header += ["Person vs person F1", f"Model vs person F1{mark}"]
        note += " Person vs person: F1 of one annotator against another; model vs person: of the model against one."
    supports = {label: scores.support for label, scores in own.points.per_category.items()}
    rows: list[list[str]] = []
    for label, support in [*supports.items(), *dict.fromkeys(TOTALS, sum(supports.values())).items()]:
        total = len(rows) >= len(supports)
        row = [label.capitalize() if total else label, str(support)]
        row += [number(_metric(own, label, part, total)[0]) for part in ("precision", "recall")]
        cells = ((own, "f1"), (own, "average_precision"), (half, "f1"))
        row += [with_interval(*_metric(metrics, label, part, total)) for metrics, part in cells]
        row += [number(_metric(baseline.metrics, label, "f1", total)[0]) for baseline in results.baselines]
        row += [number(getattr(side, f"{label}_f1", None) if total else side.per_category[label]) for side in people]
        rows.append(row)
    return Table("By category", header, rows, note, len(TOTALS), "categories")


def overall(results: Results) -> Table:
    """Every metric over all categories, with the model's thresholds and at 0.5, and of the baselines."""
    mark = _mark(results)
    header = ["Metric", f"Own thresholds{mark} [95 %]", f"At 0.5{mark} [95 %]"]
    header += [f"{baseline.title} [95 %]" for baseline in results.baselines]
    columns = [results.metrics, results.at_0_5, *(baseline.metrics for baseline in results.baselines)]
    rows = [[SUMMARY_NAMES[name], *(_summary(metrics, name) for metrics in columns)] for name in SUMMARY]
    note = ""
    if results.baselines:
        described = "; ".join(f"{baseline.title}: {baseline.description}" for baseline in results.baselines)
        note = f"Baselines trained on {results.baseline_source}. {described}."
    return Table("Over all categories", header, rows, note)


def in_full(results: Results) -> Table:
    """Precision, recall and F1 of each category with their intervals, with own thresholds and at 0.5."""
    mark = _mark(results)
    columns = [
        (f"{short}{threshold}{mark} [95 %]", metrics, part)
        for threshold, metrics in (("", results.metrics), (" at 0.5", results.at_0_5))
        for short, part in (("P", "precision"), ("R", "recall"), ("F1", "f1"))
    ]
    columns += [(f"{baseline.title} F1 [95 %]", baseline.metrics, "f1") for baseline in results.baselines]
    rows = [
        [label, *(with_interval(*_metric(metrics, label, part)) for _, metrics, part in columns)]
        for label in results.metrics.points.per_category
    ]
    note = (
        "There is no interval if the metric is undefined, if all positives are in one policy, or if all draws of the "
        "bootstrap give the same value."
    )
    return Table(IN_FULL, ["Category", *(name for name, _, _ in columns)], rows, note, section="categories")


def against_people(results: Results, people: People) -> Table:
    """The model in the place of an annotator: against single annotators, and against what two of them agree on."""
    mark = _mark(results)
    header = ["Category"]
    comparisons = [(kind, found) for kind, found in (("person", people.pairwise), ("two", people.left_out)) if found]
    for kind, _ in comparisons:
        lead = "Lead" if kind == "person" else f"Lead vs {kind}"
        header += [f"Person vs {kind} [95 %]", f"Model vs {kind}{mark} [95 %]", f"{lead}{mark} [95 %]"]
    rows = []
    totals = {"Macro": "macro_f1", "Micro": "micro_f1"}
    for shown, name in [*((label, label) for label in results.metrics.points.per_category), *totals.items()]:
        row = [shown]
        for _, found in comparisons:
            for side in (found.annotators, found.model, found.lead):
                value = getattr(side, name) if name in totals.values() else side.per_category[name]
                row.append(with_interval(value, side.ci95[name], sign=side is found.lead))
        rows.append(row)
    note = (
        "F1. Person vs person: each annotator against each other one; model vs person: the model against each one. "
        "Vs two: each annotator against the labels that both others gave, and the model against the labels that any "
        "two gave. Lead: model minus person. A lead above 0 means that the model agrees with the annotators more than "
        "they agree with each other, not that its labels are better than a person's: an estimate of the share of "
        "votes gains in this comparison by construction. The model counts as not inferior to a person if the interval "
        f"lies above {-NON_INFERIORITY_MARGIN:g}."
    )
    return Table("Annotators and the model", header, rows, note, len(totals), "comparison")


def calibration(results: Results) -> Table:
    """ECE and Brier score of each category, before and after calibration."""
    mark = _mark(results)
    header = ["Category", "Positives", f"ECE before{mark}", f"ECE after{mark} [95 %]"]
    header += [f"Brier before{mark}", f"Brier after{mark} [95 %]"]
    before, after = results.before_calibration, results.calibration
    pairs = [(label, before.per_category[label], own) for label, own in after.per_category.items()]
    rows = []
    for name, raw, own in [*pairs, ("All decisions", before.overall, after.overall)]:
        row = [name, str(own.positives), number(raw.ece, 4), with_interval(own.ece, own.ece_ci95, 4)]
        rows.append([*row, number(raw.brier, 4), with_interval(own.brier, own.brier_ci95, 4)])
    note = "ECE: expected calibration error, ten bins of equal width. Brier: mean squared error. Both are 0 at best."
    return Table("Calibration by category", header, rows, note, 1, "calibration")


def published(results: Results) -> Table:
    """Our results beside published ones on the same benchmark."""
    names = ("macro_f1", "micro_f1")
    seed = results.seeds.get("model")
    measured = "measured here, one run" + (f", seed {seed}" if seed is not None else "")
    ours = f"clausetag, recipe {results.recipe or 'unknown'}{_mark(results)}"
    rows = [[ours, *(_summary(results.metrics, name) for name in names), measured]]
    for baseline in results.baselines:
        rows.append([baseline.title, *(_summary(baseline.metrics, name) for name in names), "measured here"])
    rows += [[row.model, number(row.macro_f1), number(row.micro_f1), row.source] for row in results.published]
    header = ["Model", "Macro F1", "Micro F1", "Source"]
    return Table("Published results", header, rows, " ".join(results.remarks), section="comparison")


def facts(results: Results) -> list[str]:
    """The lines under the tables: model, contamination, both values of `min_labels`, intervals, notes."""
    model = ", ".join(f"{key} {value}" for key, value in results.model.items() if isinstance(value, str | int))
    mark = _mark(results)
    seen = results.contamination
    lines = [
        f"Model: {model}; recipe {results.recipe or 'unknown'}; head {results.head}; min_labels {results.min_labels}",
        f"Contamination by the training texts: {seen.share:.2%} ({seen.count} of {seen.total}), "
        f"{len(seen.policies)} policies",
    ]
    for least, metrics in results.variants.items():
        macro, micro = (_summary(metrics, name) for name in ("macro_f1", "micro_f1"))
        lines.append(f"With min_labels {least}: macro F1 {macro}, micro F1 {micro}{mark}")
    if results.people is not None and results.people.alpha_masi is not None:
        lines.append(
            f"Annotators: Krippendorff's alpha over label sets (MASI distance) {results.people.alpha_masi:.3f}"
        )
    intervals = results.metrics.intervals
    if intervals.groups >= 2:
        lines.append(
            f"Intervals: 95 %, bootstrap over {intervals.groups} {results.groups}, {intervals.draws} draws, "
            "Student's t on their spread"
        )
    else:
        lines.append("No intervals: they need two policies or more")
    return lines + [note[:1].upper() + note[1:] for note in results.notes]


def terminal(results: Results) -> str:
    """The tables in aligned columns for the terminal, without the widest one."""
    parts = [title(results), ""]
    for table in tables(results):
        if table.caption != IN_FULL:
            parts += [table.caption, *table.terminal(), *([table.note] if table.note else []), ""]
    return "\n".join([*parts, *facts(results)])


def markdown(results: Results, more: Sequence[str] = ()) -> str:
    """report.md; `more` are lines to insert before the facts."""
    parts = [f"# {title(results)}", ""]
    for table in tables(results):
        parts += [f"## {table.caption}", "", *table.markdown(), "", *([table.note, ""] if table.note else [])]
    return "\n".join([*parts, *more, "## Facts", "", *(f"- {fact}" for fact in facts(results))]) + "\n"


def _mark(results: Results) -> str:
    return f" ({IN_SAMPLE})" if results.in_sample else ""


def _metric(metrics: Metrics, row: str, part: str, total: bool = False) -> tuple[float | None, Interval | None]:
    """Value and interval of a category, or of one of the `TOTALS`."""
    if total:
        name = f"{row}_{part}"
        return getattr(metrics.points, name, None), metrics.intervals.summary.get(name)
    return getattr(metrics.points.per_category[row], part), metrics.intervals.per_category[row][part]


def _summary(metrics: Metrics, name: str) -> str:
    digits = 4 if name == "hamming_loss" else 3
    return with_interval(getattr(metrics.points, name), metrics.intervals.summary[name], digits)
