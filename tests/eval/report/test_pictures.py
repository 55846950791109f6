"""The report's pictures: right places, undefined figures in words, the same bytes, well-formed files."""

from __future__ import annotations

import re
from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pytest
from markupsafe import Markup

from clausetag.data.labels import DO_NOT_TRACK, FIRST_PARTY, LABELS, SECURITY
from clausetag.eval.metrics.classification import CategoryMetrics
from clausetag.eval.metrics.curves import PrecisionRecall, precision_recall
from clausetag.eval.report.drawing import STYLE, Drawing, Key, grid, path
from clausetag.eval.report.pictures import (
    Bar,
    f1_bars,
    precision_recall_panel,
    reliability_panel,
    reliability_panels,
)
from clausetag.eval.statistics.calibration import Bin, Calibration, Reliability

SVG = "{http://www.w3.org/2000/svg}"
_BAR = Bar(SECURITY, 0.5, (0.25, 0.75), 40, 0.6, (0.5, 0.7), 0.55, {"TF-IDF": 0.4, "embedding": None})
_EMPTY = Bar(DO_NOT_TRACK, None, None, 0)
_BINS = (Bin(0.0, 0.1, 90, 0.05, 0.0), Bin(0.9, 1.0, 10, 0.95, 0.5))
_AFTER = Reliability(0.123, None, 0.04, None, 5, _BINS)
_BEFORE = replace(_AFTER, bins=(Bin(0.4, 0.5, 100, 0.45, 0.05),), ece=0.456)


def _metrics(average: float | None, precision: float | None, recall: float | None, support: int) -> CategoryMetrics:
    return CategoryMetrics(precision, recall, None, support, 0, 0, average)


def _file(drawing: Drawing) -> ElementTree.Element:
    text = drawing.file()
    root = ElementTree.fromstring(text)
    assert root.tag == f"{SVG}svg"
    assert "var(" not in text
    assert not re.search(r"href|url\(|@import", text)
    return root


def _words(root: ElementTree.Element) -> list[str]:
    return ["".join(node.itertext()) for node in root.iter(f"{SVG}text")]


def _numbers(path: str) -> list[float]:
    return [float(number) for number in re.findall(r"-?[\d.]+", path)]


@pytest.mark.parametrize("narrow", [False, True])
def test_a_bar_ends_at_its_f1_and_its_interval_stands_around_it(narrow: bool) -> None:
    root = _file(f1_bars([replace(_BAR, f1=1.0, interval=None), _BAR], "F1", narrow))
    longest, half = [node for node in root.iter(f"{SVG}rect") if node.get("class") == "bar" and node.get("x")]
    start, full, length = (float(v or 0) for v in (half.get("x"), longest.get("width"), half.get("width")))
    assert length == full / 2
    whisker = [node.get("d") or "" for node in root.iter(f"{SVG}path") if node.get("class") == "whisker"][-1]
    numbers = _numbers(whisker)
    assert numbers[0] == pytest.approx(start + full / 4, abs=0.06)
    assert numbers[-1] == pytest.approx(start + full * 3 / 4, abs=0.06)
    diamond = [node.get("d") or "" for node in root.iter(f"{SVG}path") if node.get("class") == "human"][-1]
    assert _numbers(diamond)[2] == pytest.approx(start + full * 0.6, abs=0.06)


def test_an_undefined_f1_is_said_and_not_drawn() -> None:
    root = _file(f1_bars([_EMPTY], "F1"))
    assert not [node for node in root.iter(f"{SVG}rect") if node.get("class") == "bar" and node.get("x")]
    words = _words(root)
    assert "no positive: F1 undefined" in words
    assert not {"0.00", "1.00", "None"} & set(words)


def test_the_legend_names_what_is_drawn_and_nothing_else() -> None:
    assert [key.text for key in f1_bars([_EMPTY], "F1").legend] == ["this model"]
    full = [key.text for key in f1_bars([_BAR, _EMPTY], "F1").legend]
    assert full[1:4] == ["95 % interval", "annotator against annotator", "this model against annotator"]
    assert full[4:] == ["TF-IDF", "embedding"]
    assert {"TF-IDF", "embedding"} <= set(_words(_file(f1_bars([_BAR], "F1"))))


def test_the_area_under_the_drawn_steps_is_the_average_precision() -> None:
    from sklearn.metrics import average_precision_score

    random = np.random.default_rng(5)
    gold = random.random((150, 1)) < 0.2
    scores = np.round(0.4 * gold + 0.6 * random.random((150, 1)), 2)
    line = precision_recall(scores, gold, (SECURITY,), points=1000)[SECURITY]
    expected = float(average_precision_score(gold[:, 0], scores[:, 0]))
    root = _file(precision_recall_panel(SECURITY, line, _metrics(expected, 0.5, 0.5, int(gold.sum()))))
    (path,) = [node.get("d") or "" for node in root.iter(f"{SVG}path") if node.get("class") == "area"]
    moves = [(name, float(value)) for name, value in re.findall(r"([VH])([\d.]+)", path)]
    left, top, size, area, y = 34.0, 44.0, 190.0, 0.0, 0.0
    x = left
    for name, value in moves[:-2]:
        if name == "V":
            y = value
        else:
            area += (value - x) / size * (top + size - y) / size
            x = value
    assert x == left + size
    assert area == pytest.approx(expected, abs=0.005)


def test_the_operating_point_and_the_floor_stand_where_they_should() -> None:
    line = PrecisionRecall((0.0, 1.0), (1.0, 0.5), 0.25)
    root = _file(precision_recall_panel(SECURITY, line, _metrics(0.5, 0.8, 0.6, 12)))
    (dot,) = [node for node in root.iter(f"{SVG}circle") if node.get("r") == "5.5" and node.get("cx") != "13"]
    assert (float(dot.get("cx") or 0), float(dot.get("cy") or 0)) == (34 + 0.6 * 190, 44 + 0.2 * 190)
    floors = [node.get("d") for node in root.iter(f"{SVG}path") if node.get("class") == "floor"]
    assert f"M34 {44 + 0.75 * 190:g}h190" in floors
    assert "AP 0.50, P 0.80, R 0.60, 12 positives" in _words(root)


def test_a_curve_without_a_positive_is_empty_and_says_so() -> None:
    panel = precision_recall_panel(DO_NOT_TRACK, None, _metrics(None, None, None, 0))
    assert "no positive: undefined" in panel.title
    assert 'class="curve"' not in panel.body
    assert "<circle" not in panel.body


def test_reliability_shows_both_states_and_the_counts() -> None:
    panel = reliability_panel(SECURITY, _AFTER, _BEFORE)
    root = _file(panel)
    assert "ECE 0.456 to 0.123, 5 positives" in _words(root)
    dots = [node for node in root.iter(f"{SVG}circle") if node.get("class") == "dot"][-2:]
    assert [float(dot.get("cy") or 0) for dot in dots] == [44 + 190, 44 + 95]
    assert panel.body.count('class="hollow"') == 1
    assert "highest bar: 90 rows" in _words(root)
    heights = [float(node.get("height") or 0) for node in root.iter(f"{SVG}rect") if node.get("class") == "bar"]
    assert heights[0] == 34
    assert 0 < heights[1] < 34


def test_a_bin_of_few_rows_has_a_small_mark_and_no_line() -> None:
    few = replace(_AFTER, bins=(_BINS[0], replace(_BINS[1], count=9)))
    assert reliability_panel(SECURITY, _AFTER, _BEFORE).body.count('class="curve"') == 1
    body = reliability_panel(SECURITY, few, _BEFORE).body
    assert 'class="curve"' not in body and 'r="2.8"' in body


def test_a_category_without_any_row_is_drawn_empty() -> None:
    nothing = replace(_AFTER, bins=(), positives=0)
    both = Calibration(_AFTER, 0.1, {SECURITY: nothing, FIRST_PARTY: _AFTER})
    panels = reliability_panels(both, both)
    assert [panel.title.split(", ")[1].split(":")[0] for panel in panels] == [SECURITY, FIRST_PARTY]
    _file(panels[0])


def test_a_grid_holds_every_panel_and_the_legend_once() -> None:
    panels = [precision_recall_panel(label, None, _metrics(None, None, None, 0)) for label in LABELS]
    drawing = grid(panels, "Precision & recall <test>")
    words = _words(_file(drawing))
    assert [word for word in words if word in LABELS] == list(LABELS)
    assert words.count("guessing") == 1
    assert "Precision & recall <test>" in words
    assert drawing.height == 3 * (panels[0].height + 16)
    assert _words(_file(grid([], "none")))[-1] == "nothing to show"


HOSTILE = '<b>&"\x01</script><script>{{ 7 * 7 }}'


def test_texts_are_escaped_and_lose_what_xml_cannot_hold() -> None:
    drawing = f1_bars([replace(_BAR, label=HOSTILE, baselines={HOSTILE: 0.1})], HOSTILE)
    panel = precision_recall_panel(HOSTILE, None, _metrics(None, None, None, 0))
    diagram = reliability_panel(HOSTILE, _AFTER, _BEFORE)
    shown = HOSTILE.replace("\x01", "")
    for picture in (drawing, panel, diagram, grid([panel, diagram], HOSTILE)):
        root = _file(picture)
        assert shown in _words(root)
        assert {node.tag.removeprefix(SVG) for node in root.iter()} <= {
            *("svg", "title", "style", "rect", "g", "text", "path", "circle", "tspan")
        }
        inline = ElementTree.fromstring(str(picture.inline("broad")).replace("<svg", f'<svg xmlns="{SVG[1:-1]}"'))
        assert shown in (inline.get("aria-label") or "")
    assert all("<script" not in key.inline() for key in drawing.legend)
    narrow = f1_bars([replace(_BAR, label=HOSTILE)], "F1", narrow=True)
    assert shown in _words(_file(narrow))


def test_long_legends_break_into_lines_within_the_picture() -> None:
    keys = tuple(Key(path("floor", "M0 7H26"), "a rather long entry") for _ in range(9))
    root = _file(Drawing(400, 10, "t", Markup(), keys))
    rows = {node.get("y") for node in root.iter(f"{SVG}text")}
    assert len(rows) > 3


def test_the_same_figures_give_the_same_bytes() -> None:
    assert f1_bars([_BAR, _EMPTY], "F1").file() == f1_bars([_BAR, _EMPTY], "F1").file()


def test_every_colour_of_the_rules_is_defined_for_light_and_for_dark() -> None:
    light, dark = STYLE.split("@media")
    for name in set(re.findall(r"var\((--\w+)\)", STYLE)):
        assert f"{name}:" in light
        assert f"{name}:" in dark
