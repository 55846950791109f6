"""Codes and colours: no two labels alike, whatever they are called."""

from __future__ import annotations

import pytest

from clausetag.data.labels import LABELS, MAX_LABELS
from clausetag.data.palette import CODES, HUES, palette


def test_the_twelve_keep_theirs() -> None:
    found = palette()
    assert (found.labels, found.codes, found.hues) == (LABELS, CODES, HUES)
    assert palette(LABELS) == found


@pytest.mark.parametrize(
    "labels",
    [
        tuple(f"Sale {n}" for n in range(MAX_LABELS)),
        tuple("a" * n for n in range(1, MAX_LABELS + 1)),
        tuple(chr(0x4E00 + n) for n in range(MAX_LABELS)),
        ("Sale of data", "sold", "SO", "S", "!?", "1 2", "12"),
        tuple(reversed(LABELS)),
    ],
)
def test_no_two_codes_and_no_two_colours_are_alike(labels: tuple[str, ...]) -> None:
    found = palette(labels)
    assert list(found.codes) == list(labels)
    assert len({code.casefold() for code in found.codes.values()}) == len(labels)
    assert all(len(code) == 2 for code in found.codes.values())
    assert len(set(found.hues.values())) == len(labels)
    assert len({found.hue_rules(label) for label in labels}) == len(labels)


def test_codes_come_from_the_name_where_they_can() -> None:
    assert palette(("Sale of data", "Children", "Chat")).codes == {"Sale of data": "SO", "Children": "Ch", "Chat": "Ca"}


def test_a_label_is_known_by_its_place() -> None:
    found = palette(("a", "<b>"))
    assert found.key("<b>") == "1"
    assert found.hue_rules("<b>").startswith(".l1 {")
