"""The results as tables of text: for the terminal, for report.md, and for the HTML page.

Every cell is made once, here; the renderers only lay it out, so that no two reports can disagree. In-sample figures
carry that word in the heading of their column and in the title.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from clausetag.eval.metrics.classification import SUMMARY
from clausetag.eval.people.annotators import F1Metrics
from clausetag.eval.results import Metrics, Results
from clausetag.eval.tables import MISSING, markdown_table, number, terminal_table, with_interval

IN_SAMPLE = "in-sample"
IN_FULL = "By category, with every interval"
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


@dataclass(frozen=True, slots=True)
class Cells:
    """A table of text; `totals` counts the rows at its end that are over all categories."""

    caption: str
    header: list[str]
    rows: list[list[str]]
    note: str = ""
    totals: int = 0


def title(results: Results) -> str:
    """One line that says what was measured on what, and whether the model has seen it."""
    seen = f" ({IN_SAMPLE}: the model may have been trained on this data)" if results.in_sample else ""
    return f"{results.data}, {results.n:,} {results.unit}s{seen}"


def tables(results: Results) -> list[Cells]:
    """All tables, the most important first."""
    found = [by_category(results), overall(results)]
    if results.people is not None:
        found.append(against_people(results))
    found.append(calibration(results))
    found.append(in_full(results))
    if results.published:
        found.append(published(results))
    return found


def by_category(results: Results) -> Cells:
    """One row a category, then macro, micro and weighted; beside the model, its floors and its ceiling."""
    mark = _mark(results)
    header = ["Category", "Support", f"P{mark}", f"R{mark}", f"F1{mark} [95 %]", f"AP{mark} [95 %]"]
    header += [f"F1 at 0.5{mark} [95 %]", *(f"{own.title} F1" for own in results.baselines)]
    people = None if results.people is None else results.people.pairwise
    if people is not None:
        header += ["Person vs person F1", f"Model vs person F1{mark}"]
    own, half = results.metrics, results.at_0_5
    rows: list[list[str]] = []
    for label, scores in own.points.per_category.items():
        bounds = own.intervals.per_category[label]
        row = [label, str(scores.support), number(scores.precision), number(scores.recall)]
        row += [with_interval(scores.f1, bounds["f1"])]
        row += [with_interval(scores.average_precision, bounds["average_precision"])]
        row += [with_interval(half.points.per_category[label].f1, half.intervals.per_category[label]["f1"])]
        row += [number(baseline.metrics.points.per_category[label].f1) for baseline in results.baselines]
        if people is not None:
            row += [number(side.per_category[label]) for side in (people.annotators, people.model)]
        rows.append(row)
    support = str(sum(scores.support for scores in own.points.per_category.values()))
    for kind in ("macro", "micro", "weighted"):
        row = [kind.capitalize(), support]
        if kind == "weighted":
            row += [MISSING, MISSING]
        else:
            row += [number(getattr(own.points, f"{kind}_{part}")) for part in ("precision", "recall")]
        name = f"{kind}_f1"
        row.append(_summary(own, name))
        row.append(_summary(own, "macro_average_precision") if kind == "macro" else MISSING)
        row.append(_summary(half, name))
        row += [number(getattr(baseline.metrics.points, name)) for baseline in results.baselines]
        if people is not None:
            row += [number(getattr(side, name, None)) for side in (people.annotators, people.model)]
        rows.append(row)
    note = "AP: average precision, which no threshold touches."
    if people is not None:
        note += " Person: F1 of an annotator against another one, and of the model against a single annotator."
    return Cells("By category", header, rows, note, totals=3)


def overall(results: Results) -> Cells:
    """Every figure over all categories, by the model's thresholds and at 0.5, with the baselines."""
    mark = _mark(results)
    header = ["Figure", f"Own thresholds{mark} [95 %]", f"At 0.5{mark} [95 %]"]
    header += [f"{own.title} [95 %]" for own in results.baselines]
    columns = [results.metrics, results.at_0_5, *(own.metrics for own in results.baselines)]
    rows = [[SUMMARY_NAMES[name], *(_summary(metrics, name) for metrics in columns)] for name in SUMMARY]
    note = ""
    if results.baselines:
        described = "; ".join(f"{own.title}: {own.description}" for own in results.baselines)
        note = f"Baselines learnt from {results.baseline_source}. {described}."
    return Cells("Over all categories", header, rows, note)


def in_full(results: Results) -> Cells:
    """Precision, recall and F1 of each category with intervals: own thresholds, 0.5, and F1 of each baseline."""
    mark = _mark(results)
    header = ["Category", *(f"{part}{mark} [95 %]" for part in ("P", "R", "F1"))]
    header += [f"{part} at 0.5{mark} [95 %]" for part in ("P", "R", "F1")]
    header += [f"{own.title} F1 [95 %]" for own in results.baselines]
    rows = []
    for label in results.metrics.points.per_category:
        row = [label]
        for metrics in (results.metrics, results.at_0_5):
            row += [_of_category(metrics, label, part) for part in ("precision", "recall", "f1")]
        rows.append([*row, *(_of_category(own.metrics, label, "f1") for own in results.baselines)])
    note = "No interval where the figure is undefined, has its positives in one policy, or is the same in every draw."
    return Cells(IN_FULL, header, rows, note)


def against_people(results: Results) -> Cells:
    """The model in an annotator's place: against single annotators, and against what two of them agree on."""
    assert results.people is not None
    mark = _mark(results)
    pairwise, left_out = results.people.pairwise, results.people.left_out
    header = ["Category", "Person vs person [95 %]", f"Model vs person{mark} [95 %]", f"Lead{mark} [95 %]"]
    kinds = [pairwise]
    if left_out is not None:
        kinds.append(left_out)
        header += ["Person vs two [95 %]", f"Model vs two{mark} [95 %]", f"Lead vs two{mark} [95 %]"]
    rows = []
    for name in (*results.metrics.points.per_category, "macro_f1", "micro_f1"):
        row = [{"macro_f1": "Macro", "micro_f1": "Micro"}.get(name, name)]
        for kind in kinds:
            row += [_person(kind.annotators, name), _person(kind.model, name), _lead(kind.lead, name)]
        rows.append(row)
    note = (
        "F1. Person vs person: each annotator against each other one, and the model against each single one. Vs two: "
        "each annotator against what both others gave, and the model against what any two gave. Lead: model minus "
        "person; where its interval lies above 0 the model labels better than a person, below 0 worse; where it holds "
        "0 these policies cannot tell the two apart."
    )
    return Cells("As good as a person?", header, rows, note, totals=2)


def calibration(results: Results) -> Cells:
    """ECE and Brier score of each category, before and after calibration."""
    mark = _mark(results)
    header = ["Category", "Positives", f"ECE before{mark}", f"ECE after{mark} [95 %]"]
    header += [f"Brier before{mark}", f"Brier after{mark} [95 %]"]
    rows = []
    before, after = results.before_calibration, results.calibration
    for label, own in after.per_category.items():
        raw = before.per_category[label]
        row = [label, str(own.positives), number(raw.ece, 4), with_interval(own.ece, own.ece_ci95, 4)]
        rows.append([*row, number(raw.brier, 4), with_interval(own.brier, own.brier_ci95, 4)])
    raw, own = before.overall, after.overall
    row = ["All decisions", str(own.positives), number(raw.ece, 4), with_interval(own.ece, own.ece_ci95, 4)]
    rows.append([*row, number(raw.brier, 4), with_interval(own.brier, own.brier_ci95, 4)])
    note = "ECE: expected calibration error, ten bins of equal width. Brier: mean squared error. 0 at best, both."
    return Cells("Calibration", header, rows, note, totals=1)


def published(results: Results) -> Cells:
    """Ours beside published rows of the same benchmark."""
    header = ["Model", "Macro F1", "Micro F1", "Source"]
    own = results.metrics
    ours = f"clausetag, recipe {results.recipe or 'unknown'}{_mark(results)}"
    seed = results.seeds.get("model")
    measured = "measured here" + (f", one run, seed {seed}" if seed is not None else ", one run")
    rows = [[ours, _summary(own, "macro_f1"), _summary(own, "micro_f1"), measured]]
    for baseline in results.baselines:
        row = [_summary(baseline.metrics, name) for name in ("macro_f1", "micro_f1")]
        rows.append([baseline.title, *row, "measured here"])
    rows += [[row.model, number(row.macro_f1), number(row.micro_f1), row.source] for row in results.published]
    return Cells("Beside published figures", header, rows, " ".join(results.remarks))


def facts(results: Results) -> list[str]:
    """The lines under the tables: model, overlap, both values of `min_labels`, intervals, notes."""
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
    """The tables in aligned columns, for a terminal; the widest is left to the reports."""
    parts = [title(results), ""]
    for cells in tables(results):
        if cells.caption == IN_FULL:
            continue
        rules = (len(cells.rows) - cells.totals,) if cells.totals else ()
        parts += [cells.caption, *terminal_table(cells.header, cells.rows, rules=rules)]
        parts += [cells.note, ""] if cells.note else [""]
    return "\n".join([*parts, *facts(results)])


def markdown(results: Results, more: Sequence[str] = ()) -> str:
    """report.md, fit for a pull request; `more` are sections to add before the facts."""
    parts = [f"# {title(results)}", ""]
    for cells in tables(results):
        parts += [f"## {cells.caption}", "", *markdown_table(cells.header, cells.rows), ""]
        if cells.note:
            parts += [cells.note, ""]
    return "\n".join([*parts, *more, "## Facts", "", *(f"- {fact}" for fact in facts(results))]) + "\n"


def _mark(results: Results) -> str:
    return f" ({IN_SAMPLE})" if results.in_sample else ""


def _summary(metrics: Metrics, name: str) -> str:
    digits = 4 if name == "hamming_loss" else 3
    return with_interval(getattr(metrics.points, name), metrics.intervals.summary[name], digits)


def _of_category(metrics: Metrics, label: str, part: str) -> str:
    value: float | None = getattr(metrics.points.per_category[label], part)
    return with_interval(value, metrics.intervals.per_category[label][part])


def _value(metrics: F1Metrics, name: str) -> float | None:
    value: float | None = getattr(metrics, name) if name in ("macro_f1", "micro_f1") else metrics.per_category[name]
    return value


def _person(metrics: F1Metrics, name: str) -> str:
    return with_interval(_value(metrics, name), metrics.ci95[name])


def _lead(metrics: F1Metrics, name: str) -> str:
    value, interval = _value(metrics, name), metrics.ci95[name]
    if value is None or interval is None:
        return MISSING if value is None else f"{value:+.3f}"
    return f"{value:+.3f} [{interval[0]:+.2f}, {interval[1]:+.2f}]"
