"""Write the files of an evaluation: metrics.json, predictions, report.md, report.html and pictures."""

from __future__ import annotations

from pathlib import Path

from clausetag.data.jsonl import write_jsonl, write_text
from clausetag.eval.evaluate import Evaluation
from clausetag.eval.metrics.curves import precision_recall
from clausetag.eval.people.label_quality import NOTE, label_quality
from clausetag.eval.predictions import PREDICTIONS, prediction_rows
from clausetag.eval.report.cases import Unit, list_errors, list_suspects
from clausetag.eval.report.confusions import Confusions, confusions
from clausetag.eval.report.drawing import grid
from clausetag.eval.report.page import Headline, Page, render
from clausetag.eval.report.pictures import Bar, f1_bars, precision_recall_panel, reliability_panels
from clausetag.eval.report.text import facts, markdown, tables, title
from clausetag.eval.results import Results
from clausetag.eval.tables import markdown_table, number

SUSPECTS = 60
"""Suspect gold labels in the report; all of them can be computed from the predictions."""
COMMON_CONFUSIONS = 10


def write_evaluation(evaluation: Evaluation, folder: Path) -> list[Path]:
    """Write all files into `folder`, metrics.json last; return their paths.

    Raises:
        OSError: the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    results, labels = evaluation.results, evaluation.benchmark.labels
    # Files of an earlier evaluation must not pass for this one's, even if this one is interrupted.
    for stale in (folder / "metrics.json", folder / "seeds.json", *folder.glob("predictions-*.jsonl")):
        stale.unlink(missing_ok=True)
    written = []
    systems = {PREDICTIONS: evaluation.model}
    systems |= {f"predictions-{name}.jsonl": baseline for name, baseline in evaluation.baselines.items()}
    for name, own in systems.items():
        in_sample = results.in_sample and name == PREDICTIONS
        rows = prediction_rows(evaluation.units, own.scores, own.predicted, results.unit, labels, in_sample=in_sample)
        write_jsonl(folder / name, rows)
        written.append(folder / name)
    counted = confusions(evaluation.gold, evaluation.model.predicted, labels)
    page = page_of(evaluation, counted)
    texts = {
        "report.md": markdown(results, confusion_lines(counted)),
        "report.html": render(page),
        "f1.svg": f1_bars(bars(results), f"F1 by category: {page.title}").file(),
        "precision_recall.svg": grid(page.curves, f"Precision and recall: {page.title}").file(),
        "reliability.svg": grid(page.reliability, f"Reliability: {page.title}").file(),
    }
    for name, text in texts.items():
        write_text(folder / name, text)
        written.append(folder / name)
    results.write_json(folder / "metrics.json")
    return [*written, folder / "metrics.json"]


def page_of(evaluation: Evaluation, counted: Confusions) -> Page:
    """The contents of the HTML report."""
    results, benchmark, model = evaluation.results, evaluation.benchmark, evaluation.model
    unit: Unit = "passage" if benchmark.unit == "passage" else "sentence"
    units, sentences, labels = benchmark.units, benchmark.sentences, benchmark.labels
    quality = label_quality(evaluation.gold, model.scores, labels)
    # The scores of a model that was trained on these labels say nothing about annotation errors.
    suspects = [] if results.in_sample else list_suspects(units, sentences, quality, unit=unit, limit=SUSPECTS)
    lines = precision_recall(model.scores, evaluation.gold, labels)
    by_category = results.metrics.points.per_category
    heading = "F1 by category; the table has the same values"
    return Page(
        title=title(results),
        facts=facts(results)[:2],
        headlines=headlines(results),
        in_sample=results.in_sample,
        tables=tables(results),
        bars=(f1_bars(bars(results), heading), f1_bars(bars(results), heading, narrow=True)),
        annotators=results.people is not None,
        curves=[precision_recall_panel(label, lines[label], metrics) for label, metrics in by_category.items()],
        reliability=reliability_panels(results.calibration, results.before_calibration),
        confusions=counted,
        errors=list_errors(
            units,
            sentences,
            evaluation.gold,
            model.scores,
            model.predicted,
            evaluation.thresholds,
            labels,
            unit=unit,
        ),
        unit=unit,
        thresholds=results.thresholds,
        suspects=suspects,
        suspects_note=NOTE,
        notes=[*facts(results)[2:], *results.remarks],
        provenance=provenance(results),
        labels=labels,
    )


def headlines(results: Results) -> list[Headline]:
    """The metrics for the top of the page."""
    own = results.metrics
    found = []
    for name, what in (("macro_f1", "Macro F1"), ("micro_f1", "Micro F1"), ("macro_average_precision", "Mean AP")):
        interval = own.intervals.summary[name]
        detail = "" if interval is None else f"95 %: {interval[0]:.3f} to {interval[1]:.3f}"
        found.append(Headline(what, number(getattr(own.points, name)), detail))
    if results.people is not None:
        people = results.people.pairwise
        lead = people.lead.ci95["macro_f1"]
        detail = f"one annotator against another: {number(people.annotators.macro_f1)}"
        if lead is not None:
            detail += f"; lead, 95 %: {lead[0]:+.3f} to {lead[1]:+.3f}"
        found.append(Headline("Macro F1 against single annotators", number(people.model.macro_f1), detail))
    return found


def bars(results: Results) -> list[Bar]:
    """F1 of each category with its interval, the annotators and the baselines."""
    people = None if results.people is None else results.people.pairwise
    return [
        Bar(
            label,
            metrics.f1,
            results.metrics.intervals.per_category[label]["f1"],
            metrics.support,
            None if people is None else people.annotators.per_category[label],
            None if people is None else people.annotators.ci95[label],
            None if people is None else people.model.per_category[label],
            {own.title: own.metrics.points.per_category[label].f1 for own in results.baselines},
        )
        for label, metrics in results.metrics.points.per_category.items()
    ]


def confusion_lines(counted: Confusions) -> list[str]:
    """The section of report.md with the most common pairs of a missed label and a false alarm in one unit."""
    rows = [[missed, alarm, str(count)] for missed, alarm, count in counted.largest(COMMON_CONFUSIONS)]
    table = markdown_table(["Missed", "Given instead", "Units"], rows) if rows else ["No pair occurs."]
    note = (
        f"{counted.wrong_units} of {counted.units} units have an error; {counted.nothing_instead.sum()} misses in "
        f"units without a false alarm, {counted.out_of_nothing.sum()} false alarms in units without a miss."
    )
    return ["## What is mistaken for what", "", *table, "", note, ""]


def provenance(results: Results) -> dict[str, str]:
    """How the metrics were made."""
    seeds = ", ".join(f"{name} {seed}" for name, seed in results.seeds.items() if seed is not None)
    versions = ", ".join(f"{name} {version}" for name, version in results.versions.items())
    found = {"Command": results.command, "Model": str(results.model.get("hash")), "Seeds": seeds}
    return found | {"Versions": versions, "Revision": results.git or "unknown"}
