"""The pictures of an evaluation: F1 bars, precision-recall curves and reliability diagrams, as SVG drawings."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from markupsafe import Markup

from clausetag.eval.metrics.classification import CategoryMetrics
from clausetag.eval.metrics.curves import PrecisionRecall
from clausetag.eval.report.drawing import Drawing, Key, element, path, px, text
from clausetag.eval.statistics.calibration import Calibration, Reliability
from clausetag.eval.statistics.resample import Interval

STEADY = 10
"""Rows that a bin of a reliability diagram needs for a full-size mark and for a line to it."""
_LEFT, _SIZE, _TOP = 34, 190, 44
"""Left edge, side and upper edge of the unit square of a panel, in pixels."""
_STRIP = 34
"""Height of the strip with the number of rows for each bin."""


@dataclass(frozen=True, slots=True)
class Bar:
    """F1 of one category. Each value is 0 to 1, or None where it is undefined or was not measured."""

    label: str
    f1: float | None
    interval: Interval | None
    support: int
    """Gold positives."""
    human: float | None = None
    """F1 of the annotators against each other."""
    human_interval: Interval | None = None
    model_for_human: float | None = None
    """F1 of the model against single annotators: like `human`, so that the two may be compared."""
    baselines: Mapping[str, float | None] = field(default_factory=dict)
    """F1 of baselines by name; at most four, the same for every bar."""


def f1_bars(bars: Sequence[Bar], title: str, narrow: bool = False) -> Drawing:
    """A bar for each category with its interval, annotators and baselines as marks; `narrow` is for phones."""
    left, plot, step, top = (8, 344, 56, 6) if narrow else (232, 420, 40, 6)
    right, bottom = left + plot, top + step * len(bars)
    names = tuple(dict.fromkeys(name for bar in bars for name in bar.baselines))
    ticks = [(left + plot * fifth / 5, fifth / 5) for fifth in range(6)]
    parts = [path("grid", *(f"M{px(x)} {top}V{bottom}" for x, _ in ticks))]
    parts += [text(x, bottom + 16, f"{value:.1f}", "s m") for x, value in ticks]
    for row, bar in enumerate(bars):
        y = top + step * row
        value, support = "" if bar.f1 is None else f"{bar.f1:.2f}", f"n {bar.support:,}"
        if narrow:
            number = Markup("").join([Markup.escape(value), element("tspan", f"  {support}", css="s")])
            parts += [text(left, y + 13, bar.label), text(right, y + 13, number, "e")]
        else:
            parts += [text(left - 10, y + 16, bar.label, "e"), text(right + 12, y + 16, value, "strong")]
            parts.append(text(right + 86, y + 16, support, "s e"))
        parts += _bar_marks(bar, names, left, plot, y + (20 if narrow else 5))
    return Drawing(right + (8 if narrow else 90), bottom + 24, title, Markup("").join(parts), _bar_legend(bars, names))


def _bar_marks(bar: Bar, names: Sequence[str], left: int, plot: int, y: int) -> list[Markup]:
    """The marks of one category: a bar of 14 pixels from `y` down, and a lane for annotators below it."""
    middle, lane = y + 7, y + 20
    if bar.f1 is None:
        parts = [text(left + 4, middle + 4, "no positive: F1 undefined", "s")]
    else:
        parts = [element("rect", css="bar", x=left, y=y, width=plot * bar.f1, height=14, rx=2)]
    for number, name in enumerate(names):
        if (value := bar.baselines.get(name)) is not None:
            parts.append(_tick(number, left + plot * value, y))
    if bar.f1 is not None and bar.interval is not None:
        low, high = (left + plot * bound for bound in bar.interval)
        parts.append(path("whisker", _whisker(low, high, middle, 4)))
    if bar.human is not None:
        if bar.human_interval is not None:
            low, high = (left + plot * bound for bound in bar.human_interval)
            parts.append(path("human", _whisker(low, high, lane, 2.5)))
        parts.append(path("human", _diamond(left + plot * bar.human, lane)))
    if bar.model_for_human is not None:
        parts.append(path("same", _diamond(left + plot * bar.model_for_human, lane)))
    return parts


def _bar_legend(bars: Sequence[Bar], names: Sequence[str]) -> tuple[Key, ...]:
    keys = [Key(element("rect", css="bar", y=1, width=26, height=12, rx=2), "this model")]
    if any(bar.interval for bar in bars):
        keys.append(Key(path("whisker", _whisker(2, 24, 7, 4)), "95 % interval"))
    if any(bar.human is not None for bar in bars):
        line = path("human", _whisker(2, 24, 7, 2.5)) if any(bar.human_interval for bar in bars) else Markup("")
        keys.append(Key(line + path("human", _diamond(13, 7)), "annotator against annotator"))
    if any(bar.model_for_human is not None for bar in bars):
        keys.append(Key(path("same", _diamond(13, 7)), "this model against annotator"))
    return (*keys, *(Key(_tick(number, 13, 0), name) for number, name in enumerate(names)))


def precision_recall_panel(label: str, line: PrecisionRecall | None, metrics: CategoryMetrics) -> Drawing:
    """One category's curve, drawn in steps so that the area under it is its average precision.

    `line` is None for a category without a positive; `metrics` are those with the model's own threshold.
    """
    values = (("AP", metrics.average_precision), ("P", metrics.precision), ("R", metrics.recall))
    words = [f"{name} {value:.2f}" for name, value in values if value is not None]
    summary = ", ".join([*words, _positives(metrics.support)]) if line is not None else "no positive: undefined"
    parts = _panel(label, summary, "recall", "precision")
    if line is not None:
        steps = _steps(line)
        parts.append(path("area", steps, f"V{_TOP + _SIZE}H{_LEFT}z"))
        parts.append(path("floor", f"M{_LEFT} {px(_up(line.rate))}h{_SIZE}"))
        parts.append(path("curve", steps))
        if metrics.precision is not None and metrics.recall is not None:
            parts.append(element("circle", css="dot", cx=_across(metrics.recall), cy=_up(metrics.precision), r=5.5))
    legend = (
        Key(path("curve", "M1 3H14V11H25"), "precision at each recall"),
        Key(element("circle", css="dot", cx=13, cy=7, r=5.5), "at the tuned threshold"),
        Key(path("floor", "M0 7H26"), "guessing"),
    )
    return Drawing(240, 268, f"Precision and recall, {label}: {summary}", Markup("").join(parts), legend)


def _steps(line: PrecisionRecall) -> str:
    """The curve as a path: to each recall at the precision first reached there. Steps of no width are merged."""
    steps: list[str] = []
    seen = ""
    for recall, precision in zip(line.recall, line.precision, strict=True):
        x, y = px(_across(recall)), px(_up(precision))
        if not steps:
            steps.append(f"M{x} {y}")
        elif x != seen:
            steps.append(f"V{y}H{x}")
        seen = x
    return "".join(steps)


def reliability_panels(after: Calibration, before: Calibration) -> list[Drawing]:
    """A reliability diagram for each category."""
    return [reliability_panel(label, own, before.per_category[label]) for label, own in after.per_category.items()]


def reliability_panel(label: str, after: Reliability, before: Reliability) -> Drawing:
    """One category's mean score in each bin against the share of rows that have the label; the bins' sizes below.

    `after` is for calibrated scores, `before` for raw ones.
    """
    summary = f"ECE {before.ece:.3f} to {after.ece:.3f}, {_positives(after.positives)}"
    parts = _panel(label, summary, "", "observed")
    parts.append(path("floor", f"M{_LEFT} {_TOP + _SIZE}L{_LEFT + _SIZE} {_TOP}"))
    for side, curve in ((before, "other"), (after, "curve")):
        points = [(_across(own.mean_score), _up(own.observed), own) for own in side.bins]
        # The share among a few rows says little: no line leads to it, and its mark is small.
        steady = [f"{px(x)} {px(y)}" for x, y, own in points if own.count >= STEADY]
        if len(steady) > 1:
            parts.append(path(curve, f"M{'L'.join(steady)}"))
        for x, y, own in points:
            words = f"mean score {own.mean_score:.2f}, observed {own.observed:.2f}, {own.count:,} rows"
            tooltip, half = element("title", words), 3.5 if own.count >= STEADY else 1.75
            if side is after:
                parts.append(element("circle", tooltip, css="dot", cx=x, cy=y, r=half + 1))
            else:
                size = {"width": 2 * half, "height": 2 * half}
                parts.append(element("rect", tooltip, css="hollow", x=x - half, y=y - half, **size))
    base = _TOP + _SIZE + 22 + _STRIP
    largest = max((own.count for own in after.bins), default=1)
    for own in after.bins:
        height = _STRIP * math.log(1 + own.count) / math.log(1 + largest)
        size = {"width": _SIZE * (own.high - own.low) - 3, "height": height}
        tooltip = element("title", f"{own.count:,} rows")
        parts.append(element("rect", tooltip, css="bar", x=_across(own.low) + 1.5, y=base - height, **size))
    parts.append(path("grid", f"M{_LEFT} {base}h{_SIZE}"))
    parts.append(text(_LEFT, base + 14, "score", "s"))
    parts.append(text(_LEFT + _SIZE, base + 14, f"highest bar: {largest:,} rows", "s e"))
    dot = element("circle", css="dot", cx=13, cy=7, r=4.5)
    square = element("rect", css="hollow", x=9.5, y=3.5, width=7, height=7)
    legend = (
        Key(path("curve", "M0 7H26") + dot, "calibrated score"),
        Key(path("other", "M0 7H26") + square, "raw score"),
        Key(path("floor", "M0 13L26 1"), "perfect"),
        Key(path("bar", "M2 14V2H11V14zM14 14V8H23V14z"), "rows per bin (log scale); small marks: fewer than ten rows"),
    )
    return Drawing(240, base + 20, f"Reliability, {label}: {summary}", Markup("").join(parts), legend)


def _positives(count: int) -> str:
    return f"{count:,} positive{'' if count == 1 else 's'}"


def _across(value: float) -> float:
    return _LEFT + _SIZE * value


def _up(value: float) -> float:
    return _TOP + _SIZE * (1 - value)


def _panel(label: str, summary: str, across: str, up: str) -> list[Markup]:
    """Heading, grid lines and axes of a unit square."""
    half, bottom = _SIZE // 2, _TOP + _SIZE
    lines = (f"M{_LEFT} {_TOP + k * half}h{_SIZE}M{_LEFT + k * half} {_TOP}v{_SIZE}" for k in range(3))
    parts = [text(0, 14, label, "h"), text(0, 30, summary, "s"), path("grid", *lines)]
    for place, number in enumerate(("0", "0.5", "1")):
        parts.append(text(_LEFT + place * half, bottom + 15, number, "s m"))
        parts.append(text(_LEFT - 5, bottom - place * half + 4, number, "s e"))
    parts.append(element("text", up, css="s m", transform=f"translate(9 {_TOP + half}) rotate(-90)"))
    if across:
        parts.append(text(_across(0.75), bottom + 27, across, "s m"))
    return parts


def _tick(number: int, x: float, y: float) -> Markup:
    """The mark of a baseline, by its number, on a bar of 14 pixels from `y` down."""
    shapes = (
        path("tick", f"M{px(x - 5)} {px(y + 1)}h10l-5 11z"),
        element("circle", css="tick", cx=x, cy=y + 7, r=5),
        element("rect", css="tick", x=x - 4.5, y=y + 2.5, width=9, height=9),
        path("tick", f"M{px(x - 5)} {px(y + 13)}h10l-5 -11z"),
    )
    return shapes[number % len(shapes)]


def _whisker(low: float, high: float, y: float, half: float) -> str:
    ends = "".join(f"M{px(x)} {px(y - half)}v{px(2 * half)}" for x in (low, high))
    return f"{ends}M{px(low)} {px(y)}H{px(high)}"


def _diamond(x: float, y: float) -> str:
    return f"M{px(x - 5)} {px(y)}L{px(x)} {px(y - 5)}L{px(x + 5)} {px(y)}L{px(x)} {px(y + 5)}z"
