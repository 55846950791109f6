"""Lines that are only a date, which are no headings."""

from __future__ import annotations

import pytest

from clausetag.data.documents.sniff import extract_html, extract_text
from clausetag.data.documents.structure.dates import is_date_line
from clausetag.data.segment import segment


@pytest.mark.parametrize(
    "line",
    [
        "Last updated: March 7, 2024",
        "Effective Date: 01/02/24",
        "Effective as of 1st January 2020",
        "This Privacy Policy was last modified on 2023-11-05.",
        "May 25, 2018",
        "2024-03-07",
        "Version 2.1, March 2024",
        "LAST REVISED 7 MARCH 2024 AT 10:00 AM UTC",
        "Published on: Monday, 4 March 2024",
        "Updated: Sept. 30, 2019 (effective Oct. 1, 2019)",
    ],
)
def test_a_date(line: str) -> None:
    assert is_date_line(line)


@pytest.mark.parametrize(
    "line",
    [
        "Privacy Policy 2024",
        "Privacy Policy",
        "Last updated",
        "California Consumer Privacy Act of 2018",
        "Changes to this policy since 2020",
        "Data that we keep after May 25, 2018",
        "Call 555 2024",
    ],
)
def test_no_date(line: str) -> None:
    assert not is_date_line(line)


def test_what_follows_a_date_has_the_heading_above_it() -> None:
    html = "<h1>Privacy Policy</h1><h2>Last updated: March 7, 2024</h2><p>We collect your name.</p>"
    text = "Privacy Policy\n\nLast updated: March 7, 2024\n\nWe collect your name.\n"
    for document in (extract_html("p", html), extract_text("p", text)):
        assert [sentence.heading for sentence in segment(document)] == [None, "Privacy Policy", "Privacy Policy"]
