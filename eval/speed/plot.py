"""bench.svg: macro F1 against sentences a second, one mark a row."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from clausetag.eval.report.drawing import Drawing, Key, plain, px
from clausetag.eval.speed.figures import Row

_LEFT, _WIDTH, _TOP, _HEIGHT = 44, 700, 10, 260
_LANE = 20
_LETTER = 6.2
"""Mean width of a letter of the labels, in pixels."""

Box = tuple[float, float, float, float]


def f1_against_speed(rows: Sequence[Row]) -> Drawing:
    """The plot: speed on a logarithmic axis; rows without an F1 stand below it."""
    rates = [row.sentences_per_s for row in rows]
    low, high = math.floor(math.log10(min(rates))), math.ceil(math.log10(max(rates)))
    high = max(high, low + 1)
    trained = [row for row in rows if row.macro_f1 is not None]
    others = [row for row in rows if row.macro_f1 is None]
    figures = [row.macro_f1 for row in trained if row.macro_f1 is not None]
    floor, ceiling = _range(figures)

    def across(rate: float) -> float:
        return _LEFT + _WIDTH * (math.log10(rate) - low) / (high - low)

    def up(figure: float) -> float:
        return _TOP + _HEIGHT * (ceiling - figure) / (ceiling - floor)

    plot = _HEIGHT if trained else 0
    bottom = _TOP + plot + (14 + _LANE * len(others) if others else 0)
    parts = [_grid(low, high, across, bottom)]
    steps = round(20 * (ceiling - floor)) if trained else -1
    for step in range(steps + 1):
        figure = floor + step / 20
        parts.append(f'<path class="grid" d="M{_LEFT} {px(up(figure))}h{_WIDTH}"/>')
        parts.append(f'<text x="{_LEFT - 6}" y="{px(up(figure) + 4)}" class="s e">{figure:.2f}</text>')
    places = [(row, across(row.sentences_per_s), up(row.macro_f1)) for row in trained if row.macro_f1 is not None]
    taken: list[Box] = [(x - 6, y - 6, x + 6, y + 6) for _, x, y in places]
    for row, x, y in places:
        parts += [_mark(row, x, y), _label(row, x, y, taken)]
    for lane, row in enumerate(others):
        x, y = across(row.sentences_per_s), _TOP + plot + 14 + _LANE * (lane + 0.5)
        parts.append(_mark(row, x, y))
        parts.append(_label(row, x, y, []))
    parts.append(f'<text x="{_LEFT + _WIDTH}" y="{bottom + 32}" class="s e">sentences a second</text>')
    return Drawing(
        _LEFT + _WIDTH + 10,
        bottom + 38,
        "Macro F1 on OPP-115's test sentences against sentences a second",
        "".join(parts),
        _legend(trained, others),
    )


def _range(figures: Sequence[float]) -> tuple[float, float]:
    """Of the upright axis, in steps of 0.05 with room on both sides."""
    if not figures:
        return 0.0, 1.0
    return math.floor(20 * min(figures) - 0.5) / 20, math.ceil(20 * max(figures) + 0.5) / 20


def _grid(low: int, high: int, across: Callable[[float], float], bottom: float) -> str:
    parts = []
    for power in range(low, high + 1):
        x = across(10.0**power)
        parts.append(f'<path class="grid" d="M{px(x)} {_TOP}V{px(bottom)}"/>')
        parts.append(f'<text x="{px(x)}" y="{px(bottom + 16)}" class="s m">{10.0**power:,.10g}</text>')
    return "".join(parts)


def _mark(row: Row, x: float, y: float) -> str:
    if row.tier is not None:
        return f'<circle class="dot" cx="{px(x)}" cy="{px(y)}" r="{4 if row.threads == 1 else 6}"/>'
    if row.macro_f1 is not None:
        return f'<path class="human" d="M{px(x - 5)} {px(y)}l5 -5l5 5l-5 5z"/>'
    return f'<rect class="hollow" x="{px(x - 4.5)}" y="{px(y - 4.5)}" width="9" height="9"/>'


def _label(row: Row, x: float, y: float, taken: list[Box]) -> str:
    """The row's name where it covers neither a mark nor another label: beside its own mark, else above or below it."""
    text = row.name if row.tier is None else row.key.removeprefix("clausetag ")
    width = _LETTER * len(text)
    places = [("", x + 10, x + 10, y), (" e", x - 10, x - 10 - width, y)]
    places += [(" m", x, x - width / 2, y + shift) for shift in (-16, 16, -30, 30, -44, 44)]
    chosen = places[0]
    for place in places:
        _, _, left, middle = place
        box = (left, middle - 7, left + width, middle + 7)
        if left > _LEFT and box[2] <= _LEFT + _WIDTH and not any(_overlap(box, other) for other in taken):
            chosen = place
            taken.append(box)
            break
    side, at, _, middle = chosen
    return f'<text x="{px(at)}" y="{px(middle + 4)}" class="s{side}">{plain(text)}</text>'


def _overlap(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def _legend(trained: Sequence[Row], others: Sequence[Row]) -> tuple[Key, ...]:
    keys = []
    if any(row.tier is not None for row in (*trained, *others)):
        keys.append(Key('<circle class="dot" cx="13" cy="7" r="6"/>', "clausetag"))
    if any(row.tier is None for row in trained):
        keys.append(Key('<path class="human" d="M8 7L13 2L18 7L13 12z"/>', "baselines of clausetag eval"))
    if others:
        keys.append(
            Key('<rect class="hollow" x="8.5" y="2.5" width="9" height="9"/>', "no F1: not trained, or none given")
        )
    return tuple(keys)
