"""The same results for people: a table for the terminal, report.md, and report.html with a bar picture (f1.svg).

Every cell is made once, in `table`; the renderers only lay it out, so that no two reports can disagree. In-sample
figures carry that word in the heading of their column, in the title and in the picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path

from clausetag.data.schema import write_text
from clausetag.eval.results import Results

IN_SAMPLE = "in-sample"
MISSING = "-"


def table(results: Results) -> tuple[list[str], list[list[str]]]:
    """Column headings and rows as text: one row per category, then macro, micro and weighted."""
    mark = f" ({IN_SAMPLE})" if results.in_sample else ""
    header = ["Category", "Support", f"P{mark}", f"R{mark}", f"F1{mark} [95 %]", f"F1 at 0.5{mark}"]
    baseline, agreement = results.baseline, results.agreement
    if baseline is not None:
        header.append("TF-IDF + LR F1")
    if agreement is not None:
        header += ["Annotator vs annotator F1", f"Model vs annotator F1{mark}"]
    rows: list[list[str]] = []
    for label, scores in results.scores.per_category.items():
        row = [label, str(scores.support), _number(scores.precision), _number(scores.recall)]
        row += [_with_interval(scores.f1, results.intervals.per_category[label])]
        row += [_number(results.at_0_5.per_category[label].f1)]
        if baseline is not None:
            row.append(_number(baseline.tfidf.per_category[label].f1))
        if agreement is not None:
            row += [_number(side.per_category[label]) for side in (agreement.annotators, agreement.model)]
        rows.append(row)
    scores_all, at_half = results.scores, results.at_0_5
    support = str(sum(scores.support for scores in scores_all.per_category.values()))
    tfidf = None if baseline is None else baseline.tfidf
    sides = () if agreement is None else (agreement.annotators, agreement.model)
    macro = ["Macro", support, _number(scores_all.macro_precision), _number(scores_all.macro_recall)]
    macro += [_with_interval(scores_all.macro_f1, results.intervals.macro_f1), _number(at_half.macro_f1)]
    micro = ["Micro", support, _number(scores_all.micro_precision), _number(scores_all.micro_recall)]
    micro += [_with_interval(scores_all.micro_f1, results.intervals.micro_f1), _number(at_half.micro_f1)]
    weighted = ["Weighted", support, MISSING, MISSING, _number(scores_all.weighted_f1), _number(at_half.weighted_f1)]
    if tfidf is not None:
        for row, value in ((macro, tfidf.macro_f1), (micro, tfidf.micro_f1), (weighted, tfidf.weighted_f1)):
            row.append(_number(value))
    for side in sides:
        macro.append(_number(side.macro_f1))
        micro.append(_number(side.micro_f1))
        weighted.append(MISSING)
    return header, [*rows, macro, micro, weighted]


def title(results: Results) -> str:
    """One line that says what was measured on what, and whether the model has seen it."""
    seen = f" ({IN_SAMPLE}: the model may have been trained on this data)" if results.in_sample else ""
    return f"{results.data}, {results.scores.n} {results.unit}s{seen}"


def facts(results: Results) -> list[str]:
    """The lines under the table: model, overlap, both values of `min_labels`, floor, notes."""
    model = ", ".join(f"{key} {value}" for key, value in results.model.items() if value is not None)
    mark = f" ({IN_SAMPLE})" if results.in_sample else ""
    lines = [
        f"Model: {model}; recipe {results.recipe or 'unknown'}; head {results.head}; min_labels {results.min_labels}",
        f"Overlap with the training texts: {results.overlap.share:.2%} "
        f"({results.overlap.count} of {results.overlap.total}), {len(results.overlap.policies)} policies",
    ]
    for least, scores in results.variants.items():
        macro, micro = _number(scores.macro_f1), _number(scores.micro_f1)
        lines.append(f"With min_labels {least}: macro-F1 {macro}, micro-F1 {micro}{mark}")
    if results.baseline is not None:
        floor = results.baseline.floor
        lines.append(
            f"Baselines learnt from {results.baseline.source}; always the commonest label: "
            f"macro-F1 {_number(floor.macro_f1)}, micro-F1 {_number(floor.micro_f1)}"
        )
    intervals = results.intervals
    if intervals.groups >= 2:
        drawn = results.interval_groups
        lines.append(f"Intervals: 95 % by bootstrap over {intervals.groups} {drawn}, {intervals.draws} draws")
    return lines + [note[:1].upper() + note[1:] for note in results.notes]


def terminal(results: Results) -> str:
    """The table in aligned columns, for a terminal."""
    header, rows = table(results)
    widths = [max(len(row[column]) for row in [header, *rows]) for column in range(len(header))]

    def line(cells: Sequence[str]) -> str:
        first = cells[0].ljust(widths[0])
        return "  ".join([first, *(cell.rjust(width) for cell, width in zip(cells[1:], widths[1:], strict=True))])

    rule = "-" * (sum(widths) + 2 * (len(widths) - 1))
    body = [line(row) for row in rows[:-3]] + [rule] + [line(row) for row in rows[-3:]]
    return "\n".join([title(results), "", line(header), rule, *body, "", *facts(results)])


def markdown(results: Results) -> str:
    """report.md."""
    header, rows = table(results)

    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"

    body = [line(header), line(["---", *["---:"] * (len(header) - 1)]), *(line(row) for row in rows)]
    return "\n".join([f"# {title(results)}", "", *body, "", *(f"- {fact}" for fact in facts(results))]) + "\n"


def svg(results: Results) -> str:
    """F1 of each category as a bar with its 95 % interval; a tick marks TF-IDF + LR where it was run."""
    left, width, step, top = 270, 420, 26, 52
    labels = list(results.scores.per_category)
    height = top + step * len(labels) + 30
    baseline = None if results.baseline is None else results.baseline.tfidf
    legend = "F1 by category, bar: model, line: 95 % interval" + ("" if baseline is None else ", tick: TF-IDF + LR")
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {left + width + 70} {height}" role="img" '
        'font-family="sans-serif" font-size="13">',
        f"<title>{escape(title(results))}</title>",
        f'<rect width="{left + width + 70}" height="{height}" fill="#fff"/>',
        f'<text x="8" y="18" font-weight="bold">{escape(title(results))}</text>',
        f'<text x="8" y="37" fill="#555">{legend}</text>',
    ]
    for tenth in range(0, 11, 2):
        x = left + width * tenth / 10
        parts.append(f'<line x1="{x}" x2="{x}" y1="{top}" y2="{height - 26}" stroke="#ddd"/>')
        parts.append(f'<text x="{x}" y="{height - 10}" text-anchor="middle" fill="#555">{tenth / 10:.1f}</text>')
    for row, label in enumerate(labels):
        scores, interval = results.scores.per_category[label], results.intervals.per_category[label]
        y = top + step * row
        middle = y + step / 2
        parts.append(f'<text x="{left - 8}" y="{middle + 4}" text-anchor="end">{escape(label)}</text>')
        if scores.f1 is None:
            parts.append(f'<text x="{left + 6}" y="{middle + 4}" fill="#555">no positive</text>')
            continue
        length, thick = width * scores.f1, step - 10
        parts.append(f'<rect x="{left}" y="{y + 5}" width="{length:.1f}" height="{thick}" fill="#4477aa"/>')
        if interval is not None:
            low, high = (left + width * bound for bound in interval)
            ends = f"M{low:.1f} {middle - 5}v10M{low:.1f} {middle}H{high:.1f}M{high:.1f} {middle - 5}v10"
            parts.append(f'<path d="{ends}" stroke="#111" fill="none"/>')
        if baseline is not None and (reference := baseline.per_category[label].f1) is not None:
            x = left + width * reference
            parts.append(f'<path d="M{x:.1f} {y + 2}v{step - 4}" stroke="#ee6677" stroke-width="3"/>')
        parts.append(f'<text x="{left + width + 10}" y="{middle + 4}">{scores.f1:.2f}</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"


def html(results: Results) -> str:
    """report.html: picture, table and facts in one file that loads nothing."""
    header, rows = table(results)
    head = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in header)
    body = "\n".join(
        f'<tr><th scope="row">{escape(row[0])}</th>' + "".join(f"<td>{escape(cell)}</td>" for cell in row[1:]) + "</tr>"
        for row in rows
    )
    listed = "\n".join(f"<li>{escape(fact)}</li>" for fact in facts(results))
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title(results))}</title>
<style>
body {{ font: 15px/1.5 sans-serif; max-width: 76rem; margin: 2rem auto; padding: 0 1rem; background: #fff }}
.wide {{ overflow-x: auto }}
table {{ border-collapse: collapse; font-variant-numeric: tabular-nums }}
th, td {{ padding: .25rem .6rem; border-bottom: 1px solid #ddd; text-align: right }}
th:first-child {{ text-align: left }}
tbody tr:nth-last-child(3) > * {{ border-top: 2px solid #111 }}
svg {{ max-width: 48rem; width: 100%; height: auto }}
</style>
</head>
<body>
<h1>{escape(title(results))}</h1>
{svg(results)}
<div class="wide">
<table>
<thead><tr>{head}</tr></thead>
<tbody>
{body}
</tbody>
</table>
</div>
<ul>
{listed}
</ul>
</body>
</html>
"""


def write_report(results: Results, folder: Path) -> list[Path]:
    """Write report.md, report.html, f1.svg and, last, metrics.json into `folder`; return the paths."""
    texts = {"report.md": markdown(results), "report.html": html(results), "f1.svg": svg(results)}
    for name, text in texts.items():
        write_text(folder / name, text)
    results.write_json(folder / "metrics.json")
    return [folder / name for name in (*texts, "metrics.json")]


def _number(value: float | None) -> str:
    return MISSING if value is None else f"{value:.3f}"


def _with_interval(value: float | None, interval: tuple[float, float] | None) -> str:
    if value is None or interval is None:
        return _number(value)
    return f"{value:.3f} [{interval[0]:.2f}, {interval[1]:.2f}]"
