"""What an evaluation's pictures show: F1 bars, precision-recall curves, reliability diagrams, as SVG drawings."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from clausetag.eval.metrics.curves import PrecisionRecall
from clausetag.eval.report.drawing import Drawing, Key, plain, px
from clausetag.eval.statistics.calibration import Calibration, Reliability
from clausetag.eval.statistics.resample import Interval

STEADY = 10
"""Rows from which on a bin's share is drawn in full."""


@dataclass(frozen=True, slots=True)
class Bar:
    """F1 of one category. Every figure is 0 to 1, or None where it is undefined or was not measured."""

    label: str
    f1: float | None
    interval: Interval | None
    support: int
    """Gold positives."""
    human: float | None = None
    """F1 of an annotator against another one: as good as people get."""
    human_interval: Interval | None = None
    model_for_human: float | None = None
    """F1 of the model against single annotators, measured as `human` is: the two may be compared."""
    baselines: Mapping[str, float | None] = field(default_factory=dict)
    """F1 of simpler models by name; up to four names, the same for every bar."""


@dataclass(frozen=True, slots=True)
class Curve:
    """Precision against recall of one category, and where on it the model stands."""

    label: str
    line: PrecisionRecall | None
    """None for a category without a positive."""
    average_precision: float | None
    precision: float | None
    """At the model's own threshold, as is `recall`."""
    recall: float | None
    support: int
    """Gold positives."""


def f1_bars(bars: Sequence[Bar], title: str, narrow: bool = False) -> Drawing:
    """One bar per category with its interval, people and simpler models as marks; `narrow` is for phones."""
    left, plot, step, top = (8, 344, 56, 6) if narrow else (232, 420, 40, 6)
    lane = 20 if narrow else 5
    bottom = top + step * len(bars)
    names = tuple(dict.fromkeys(name for bar in bars for name in bar.baselines))
    parts = [_axis(left, plot, top, bottom)]
    for row, bar in enumerate(bars):
        y, label = top + step * row, plain(bar.label)
        number = "" if bar.f1 is None else f"{bar.f1:.2f}"
        if narrow:
            parts.append(f'<text x="{left}" y="{y + 13}">{label}</text>')
            parts.append(f'<text x="{left + plot}" y="{y + 13}" class="e">{number}')
            parts.append(f'<tspan class="s">  n {bar.support:,}</tspan></text>')
        else:
            parts.append(f'<text x="{left - 10}" y="{y + 16}" class="e">{label}</text>')
            parts.append(f'<text x="{left + plot + 12}" y="{y + 16}" class="strong">{number}</text>')
            parts.append(f'<text x="{left + plot + 86}" y="{y + 16}" class="s e">n {bar.support:,}</text>')
        parts.append(_bar_marks(bar, names, left, plot, y + lane))
    return Drawing(left + plot + (8 if narrow else 90), bottom + 24, title, "".join(parts), _bar_legend(bars, names))


def _bar_marks(bar: Bar, names: Sequence[str], left: int, plot: int, y: int) -> str:
    """The marks of one row whose bar begins at `y`: 14 pixels for the bar, below it a lane for people."""
    middle, parts = y + 7, []
    if bar.f1 is None:
        parts.append(f'<text x="{left + 4}" y="{middle + 4}" class="s">no positive: F1 undefined</text>')
    else:
        parts.append(f'<rect class="bar" x="{left}" y="{y}" width="{px(plot * bar.f1)}" height="14" rx="2"/>')
    for number, name in enumerate(names):
        if (value := bar.baselines.get(name)) is not None:
            parts.append(_tick(number, left + plot * value, y))
    if bar.f1 is not None and bar.interval is not None:
        low, high = (left + plot * bound for bound in bar.interval)
        parts.append(f'<path class="whisker" d="{_whisker(low, high, middle, 4)}"/>')
    if bar.human is not None:
        x, below = left + plot * bar.human, y + 20
        if bar.human_interval is not None:
            low, high = (left + plot * bound for bound in bar.human_interval)
            parts.append(f'<path class="human" d="{_whisker(low, high, below, 2.5)}"/>')
        parts.append(f'<path class="human" d="{_diamond(x, below)}"/>')
    if bar.model_for_human is not None:
        parts.append(f'<path class="same" d="{_diamond(left + plot * bar.model_for_human, y + 20)}"/>')
    return "".join(parts)


def _bar_legend(bars: Sequence[Bar], names: Sequence[str]) -> tuple[Key, ...]:
    keys = [Key('<rect class="bar" y="1" width="26" height="12" rx="2"/>', "this model")]
    if any(bar.interval for bar in bars):
        keys.append(Key(f'<path class="whisker" d="{_whisker(2, 24, 7, 4)}"/>', "95 % interval"))
    if any(bar.human is not None for bar in bars):
        line = f'<path class="human" d="{_whisker(2, 24, 7, 2.5)}"/>' if any(b.human_interval for b in bars) else ""
        keys.append(Key(f'{line}<path class="human" d="{_diamond(13, 7)}"/>', "annotator against annotator"))
    if any(bar.model_for_human is not None for bar in bars):
        keys.append(Key(f'<path class="same" d="{_diamond(13, 7)}"/>', "this model against annotator"))
    return (*keys, *(Key(_tick(number, 13, 0), name) for number, name in enumerate(names)))


def precision_recall_panel(curve: Curve) -> Drawing:
    """One category's curve, drawn in steps so that the area under it is its average precision."""
    left, size, top = 34, 190, 44
    figures = (("AP", curve.average_precision), ("P", curve.precision), ("R", curve.recall))
    words = [f"{name} {value:.2f}" for name, value in figures if value is not None]
    words.append(f"{curve.support:,} positive{'' if curve.support == 1 else 's'}")
    line = ", ".join(words) if curve.line is not None else "no positive: undefined"
    parts = [_head(curve.label, line), _square(left, top, size, "recall", "precision")]
    if curve.line is not None:
        steps = _steps(curve.line, left, top, size)
        parts.append(f'<path class="area" d="{steps}V{top + size}H{left}z"/>')
        parts.append(f'<path class="floor" d="M{left} {px(top + size * (1 - curve.line.rate))}h{size}"/>')
        parts.append(f'<path class="curve" d="{steps}"/>')
        if curve.precision is not None and curve.recall is not None:
            x, y = left + size * curve.recall, top + size * (1 - curve.precision)
            parts.append(f'<circle class="dot" cx="{px(x)}" cy="{px(y)}" r="5.5"/>')
    legend = (
        Key('<path class="curve" d="M1 3H14V11H25"/>', "precision at each recall"),
        Key('<circle class="dot" cx="13" cy="7" r="5.5"/>', "at the tuned threshold"),
        Key('<path class="floor" d="M0 7H26"/>', "guessing"),
    )
    return Drawing(240, 268, f"Precision and recall, {curve.label}: {line}", "".join(parts), legend)


def _steps(line: PrecisionRecall, left: float, top: float, size: float) -> str:
    """The curve as a path: to each recall at the precision first reached there. Steps of no width are merged."""
    path: list[str] = []
    seen = ""
    for recall, precision in zip(line.recall, line.precision, strict=True):
        x, y = px(left + size * recall), px(top + size * (1 - precision))
        if not path:
            path.append(f"M{x} {y}")
        elif x != seen:
            path.append(f"V{y}H{x}")
        seen = x
    return "".join(path)


def reliability_panel(label: str, after: Reliability, before: Reliability | None = None) -> Drawing:
    """One category's mean score against the share that has the label, with the number of rows per bin below.

    `after` is for the scores that the model gives, `before` for the raw ones.
    """
    left, size, top, strip = 34, 190, 44, 34
    line = f"ECE {before.ece:.3f} to {after.ece:.3f}" if before is not None else f"ECE {after.ece:.3f}"
    line += f", {after.positives:,} positive{'' if after.positives == 1 else 's'}"
    parts = [_head(label, line), _square(left, top, size, "", "observed")]
    parts.append(f'<path class="floor" d="M{left} {top + size}L{left + size} {top}"/>')
    for side, curve in ((before, "other"), (after, "curve")):
        if side is None:
            continue
        places = [(left + size * own.mean_score, top + size * (1 - own.observed)) for own in side.bins]
        # A share among a few rows says little: no line leads to it, and its mark is small.
        steady = [place for place, own in zip(places, side.bins, strict=True) if own.count >= STEADY]
        if len(steady) > 1:
            parts.append(f'<path class="{curve}" d="M{"L".join(f"{px(x)} {px(y)}" for x, y in steady)}"/>')
        for (x, y), own in zip(places, side.bins, strict=True):
            words = f"mean score {own.mean_score:.2f}, observed {own.observed:.2f}, {own.count:,} rows"
            half = 3.5 if own.count >= STEADY else 1.75
            if side is after:
                parts.append(
                    f'<circle class="dot" cx="{px(x)}" cy="{px(y)}" r="{half + 1}"><title>{words}</title></circle>'
                )
            else:
                parts.append(f'<rect class="hollow" x="{px(x - half)}" y="{px(y - half)}" width="{2 * half}" ')
                parts.append(f'height="{2 * half}">')
                parts.append(f"<title>{words}</title></rect>")
    base = top + size + 22 + strip
    largest = max((own.count for own in after.bins), default=1)
    for own in after.bins:
        tall, width = strip * math.log(1 + own.count) / math.log(1 + largest), size * (own.high - own.low) - 3
        x = left + size * own.low + 1.5
        parts.append(f'<rect class="bar" x="{px(x)}" y="{px(base - tall)}" width="{px(width)}" ')
        parts.append(f'height="{px(tall)}"><title>{own.count:,} rows</title></rect>')
    parts.append(f'<path class="grid" d="M{left} {base}h{size}"/>')
    parts.append(f'<text x="{left}" y="{base + 14}" class="s">score</text>')
    parts.append(f'<text x="{left + size}" y="{base + 14}" class="s e">highest bar: {largest:,} rows</text>')
    legend = [Key('<path class="curve" d="M0 7H26"/><circle class="dot" cx="13" cy="7" r="4.5"/>', "calibrated score")]
    if before is not None:
        square = '<path class="other" d="M0 7H26"/><rect class="hollow" x="9.5" y="3.5" width="7" height="7"/>'
        legend.append(Key(square, "raw score"))
    legend.append(Key('<path class="floor" d="M0 13L26 1"/>', "perfect"))
    legend.append(
        Key(
            '<path class="bar" d="M2 14V2H11V14zM14 14V8H23V14z"/>',
            "rows per bin (log scale); small marks: fewer than ten rows",
        )
    )
    return Drawing(240, base + 20, f"Reliability, {label}: {line}", "".join(parts), tuple(legend))


def reliability_panels(after: Calibration, before: Calibration | None = None) -> list[Drawing]:
    """A panel for each category."""
    raw = {} if before is None else before.per_category
    return [reliability_panel(label, own, raw.get(label)) for label, own in after.per_category.items()]


def _head(label: str, line: str) -> str:
    return f'<text x="0" y="14" class="h">{plain(label)}</text><text x="0" y="30" class="s">{plain(line)}</text>'


def _square(left: int, top: int, size: int, across: str, up: str) -> str:
    """Grid lines and axis texts of a unit square."""
    half, bottom, middle = size // 2, top + size, top + size / 2
    lines = "".join(f"M{left} {top + k * half}h{size}M{left + k * half} {top}v{size}" for k in range(3))
    parts = [f'<path class="grid" d="{lines}"/>']
    for place, number in enumerate(("0", "0.5", "1")):
        parts.append(f'<text x="{left + place * half}" y="{bottom + 15}" class="s m">{number}</text>')
        parts.append(f'<text x="{left - 5}" y="{bottom - place * half + 4}" class="s e">{number}</text>')
    parts.append(f'<text transform="translate(9 {middle:g}) rotate(-90)" class="s m">{up}</text>')
    if across:
        parts.append(f'<text x="{left + size / 4 * 3:g}" y="{bottom + 27}" class="s m">{across}</text>')
    return "".join(parts)


def _axis(left: int, plot: int, top: int, bottom: int) -> str:
    fifths = [(left + plot * fifth / 5, fifth / 5) for fifth in range(6)]
    lines = "".join(f"M{px(x)} {top}V{bottom}" for x, _ in fifths)
    texts = "".join(f'<text x="{px(x)}" y="{bottom + 16}" class="s m">{value:.1f}</text>' for x, value in fifths)
    return f'<path class="grid" d="{lines}"/>{texts}'


def _tick(number: int, x: float, y: float) -> str:
    """The mark of the `number`-th baseline on a bar of 14 pixels that begins at `y`."""
    middle = y + 7
    shapes = (
        f'<path class="tick" d="M{px(x - 5)} {px(y + 1)}h10l-5 11z"/>',
        f'<circle class="tick" cx="{px(x)}" cy="{px(middle)}" r="5"/>',
        f'<rect class="tick" x="{px(x - 4.5)}" y="{px(middle - 4.5)}" width="9" height="9"/>',
        f'<path class="tick" d="M{px(x - 5)} {px(y + 13)}h10l-5 -11z"/>',
    )
    return shapes[number % len(shapes)]


def _whisker(low: float, high: float, y: float, half: float) -> str:
    ends = "".join(f"M{px(x)} {px(y - half)}v{px(2 * half)}" for x in (low, high))
    return f"{ends}M{px(low)} {px(y)}H{px(high)}"


def _diamond(x: float, y: float) -> str:
    return f"M{px(x - 5)} {px(y)}L{px(x)} {px(y - 5)}L{px(x + 5)} {px(y)}L{px(x)} {px(y + 5)}z"
