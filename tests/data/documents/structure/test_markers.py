"""List markers: what is one, and that a number without siblings belongs to its sentence."""

from __future__ import annotations

import pytest

from clausetag.data.documents.structure.markers import Markers


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["• We ask", "(a) 2) We ask", "– We ask", "__We ask"], ["We ask"] * 4),
        (["1. One", "2. Two"], ["One", "Two"]),
        (["within thirty", "(30) days", "14) days"], ["within thirty", "(30) days", "14) days"]),
        (["(9) One", "(10) Two"], ["One", "Two"]),
        (["11) One", "(12) Two", "(ii) Three"], ["One", "Two", "Three"]),
        (["1. One", "1. Two"], ["One", "Two"]),
        (["a. One", "b. Two"], ["One", "Two"]),
        (["I. One", "II. Two", "III. Three"], ["One", "Two", "Three"]),
        (["3.1 One", "3.2. Two"], ["One", "Two"]),
        (["4. of data", "4.1 only"], ["4. of data", "only"]),
        (["4. Data", "2.6 We ask"], ["4. Data", "We ask"]),
        (["2.5 years after that", "We ask"], ["2.5 years after that", "We ask"]),
        (["2.5 years", "2.5 years"], ["2.5 years", "2.5 years"]),
        (["A. Smith", "U. S. residents"], ["A. Smith", "U. S. residents"]),
        (["(GDPR) Rights", "(800) 555-1234"], ["(GDPR) Rights", "(800) 555-1234"]),
        (["2.5 GB of data", "5. only"], ["2.5 GB of data", "5. only"]),
        (["•", "1."], ["•", "1."]),
        (["• 1. One", "• 2. Two"], ["One", "Two"]),
    ],
)
def test_markers(texts: list[str], expected: list[str]) -> None:
    markers = Markers(texts)
    assert [markers.strip(text)[0] for text in texts] == expected
