"""The files of an evaluation: metrics.json, predictions, report.md, the HTML report and its pictures."""

from __future__ import annotations

from pathlib import Path

from clausetag.data.jsonl import write_jsonl, write_text
from clausetag.eval.evaluate import Evaluation
from clausetag.eval.metrics.curves import precision_recall
from clausetag.eval.people.label_quality import NOTE, label_quality
from clausetag.eval.predictions import PREDICTIONS, prediction_rows
from clausetag.eval.report.drawing import grid
from clausetag.eval.report.errors import Confusions, Unit, confusions, error_list
from clausetag.eval.report.page import Headline, Page, Table, render
from clausetag.eval.report.pictures import Bar, Curve, f1_bars, precision_recall_panel, reliability_panels
from clausetag.eval.report.suspects import suspect_list
from clausetag.eval.report.text import IN_FULL, IN_SAMPLE, Cells, facts, markdown, tables, title
from clausetag.eval.results import Results
from clausetag.eval.tables import markdown_table, number

SUSPECTS = 60
"""Suspect gold labels that the report lists; all are as easily made from the predictions."""
COMMON_CONFUSIONS = 10
_SECTIONS = {
    "By category": "categories",
    "Over all categories": "overview",
    "As good as a person?": "comparison",
    "Calibration": "calibration",
    "Beside published figures": "comparison",
    IN_FULL: "categories",
}


def write_evaluation(evaluation: Evaluation, folder: Path) -> list[Path]:
    """Write all files into `folder`, metrics.json last; return their paths.

    Raises:
        OSError: the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    results, unit = evaluation.results, evaluation.results.unit
    # What an earlier evaluation left here must not be taken for this one's, not even if this one is stopped half-way.
    for stale in (folder / "metrics.json", folder / "seeds.json", *folder.glob("predictions-*.jsonl")):
        stale.unlink(missing_ok=True)
    written = [folder / PREDICTIONS]
    rows = prediction_rows(
        evaluation.units,
        evaluation.model.scores,
        evaluation.model.predicted,
        unit,
        evaluation.benchmark.labels,
        in_sample=results.in_sample,
    )
    write_jsonl(written[0], rows)
    for name, own in evaluation.baselines.items():
        written.append(folder / f"predictions-{name}.jsonl")
        write_jsonl(
            written[-1], prediction_rows(evaluation.units, own.scores, own.predicted, unit, evaluation.benchmark.labels)
        )
    counted = confusions(evaluation.gold, evaluation.model.predicted, evaluation.benchmark.labels)
    texts = {
        "report.md": markdown(results, confusion_lines(counted)),
        "report.html": render(page_of(evaluation, counted)),
        "f1.svg": f1_bars(bars(results), f"F1 by category: {title(results)}").file(),
        "precision_recall.svg": grid(
            [precision_recall_panel(curve) for curve in curves(evaluation)], f"Precision and recall: {title(results)}"
        ).file(),
        "reliability.svg": grid(
            reliability_panels(results.calibration, results.before_calibration), f"Reliability: {title(results)}"
        ).file(),
    }
    for name, text in texts.items():
        write_text(folder / name, text)
    results.write_json(folder / "metrics.json")
    return [*written, *(folder / name for name in texts), folder / "metrics.json"]


def page_of(evaluation: Evaluation, counted: Confusions) -> Page:
    """What the HTML report shows."""
    results, benchmark = evaluation.results, evaluation.benchmark
    unit: Unit = "passage" if benchmark.unit == "passage" else "sentence"
    quality = label_quality(evaluation.gold, evaluation.model.scores, benchmark.labels)
    errors = error_list(
        benchmark.units,
        benchmark.sentences,
        evaluation.gold,
        evaluation.model.scores,
        evaluation.model.predicted,
        evaluation.thresholds,
        benchmark.labels,
        unit=unit,
    )
    # A model that has learnt the labels repeats their errors, so nothing is learnt of them from its scores.
    suspects = (
        []
        if results.in_sample
        else suspect_list(benchmark.units, benchmark.sentences, quality, unit=unit, limit=SUSPECTS)
    )
    seen = f"{IN_SAMPLE}: the model may have been trained on this data; these figures say how well it fits"
    return Page(
        title=title(results),
        facts=facts(results)[:2],
        headlines=headlines(results),
        warnings=[seen] if results.in_sample else [],
        mark=IN_SAMPLE if results.in_sample else "",
        tables=[_table(cells) for cells in tables(results)],
        bars=bars(results),
        curves=curves(evaluation),
        calibration=results.calibration,
        before_calibration=results.before_calibration,
        confusions=counted,
        errors=errors,
        unit=unit,
        thresholds=results.thresholds,
        suspects=suspects,
        suspects_note=NOTE,
        notes=[*facts(results)[2:], *results.remarks],
        provenance=provenance(results),
        labels=benchmark.labels,
    )


def headlines(results: Results) -> list[Headline]:
    """The figures for the top of the page."""
    own = results.metrics
    found = []
    for name, what in (("macro_f1", "Macro F1"), ("micro_f1", "Micro F1"), ("macro_average_precision", "Mean AP")):
        interval = own.intervals.summary[name]
        detail = "" if interval is None else f"95 %: {interval[0]:.3f} to {interval[1]:.3f}"
        found.append(Headline(what, number(getattr(own.points, name)), detail))
    if results.people is not None:
        people = results.people.pairwise
        lead = people.lead.ci95["macro_f1"]
        detail = f"a person against another: {number(people.annotators.macro_f1)}"
        if lead is not None:
            detail += f"; lead, 95 %: {lead[0]:+.3f} to {lead[1]:+.3f}"
        found.append(Headline("Macro F1 against single persons", number(people.model.macro_f1), detail))
    return found


def bars(results: Results) -> list[Bar]:
    """F1 of each category with its interval, people and baselines."""
    people = None if results.people is None else results.people.pairwise
    return [
        Bar(
            label,
            scores.f1,
            results.metrics.intervals.per_category[label]["f1"],
            scores.support,
            None if people is None else people.annotators.per_category[label],
            None if people is None else people.annotators.ci95[label],
            None if people is None else people.model.per_category[label],
            {own.title: own.metrics.points.per_category[label].f1 for own in results.baselines},
        )
        for label, scores in results.metrics.points.per_category.items()
    ]


def curves(evaluation: Evaluation) -> list[Curve]:
    """Precision against recall of each category."""
    lines = precision_recall(evaluation.model.scores, evaluation.gold, evaluation.benchmark.labels)
    return [
        Curve(label, lines[label], own.average_precision, own.precision, own.recall, own.support)
        for label, own in evaluation.results.metrics.points.per_category.items()
    ]


def confusion_lines(counted: Confusions) -> list[str]:
    """A section of report.md: the commonest pairs of a missed label and a false alarm in one unit."""
    rows = [[missed, alarm, str(count)] for missed, alarm, count in counted.largest(COMMON_CONFUSIONS)]
    alone = f"{int(counted.nothing_instead.sum())} misses in units without a false alarm"
    note = f"{counted.wrong_units} of {counted.units} units are wrong somewhere; {alone}, "
    note += f"{int(counted.out_of_nothing.sum())} false alarms in units without a miss."
    table = markdown_table(["Missed", "Given instead", "Units"], rows) if rows else ["No pair occurs."]
    return ["## What is mistaken for what", "", *table, "", note, ""]


def provenance(results: Results) -> dict[str, str]:
    """Where the figures come from."""
    seeds = ", ".join(f"{name} {seed}" for name, seed in results.seeds.items() if seed is not None)
    versions = ", ".join(f"{name} {version}" for name, version in results.versions.items())
    found = {"Command": results.command, "Model": str(results.model.get("hash")), "Seeds": seeds}
    return found | {"Versions": versions, "Revision": results.git or "unknown"}


def _table(cells: Cells) -> Table:
    section = _SECTIONS.get(cells.caption, "overview")
    return Table(cells.caption, cells.header, cells.rows, cells.note, section, cells.totals)  # type: ignore[arg-type]
