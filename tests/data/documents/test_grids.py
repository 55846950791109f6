"""Tables: a block a row where rows are short, and cells that know their column's heading."""

from __future__ import annotations

from clausetag.data.documents.sniff import extract_html, extract_text
from clausetag.data.records import Document
from clausetag.data.segment import segment

_LONG = (
    "We use your name and your address to send you what you have ordered from us, and to answer what you ask us when "
    "you write to us by e-mail, call us, or come to one of our shops. "
)


def _rows(document: Document) -> list[tuple[str, str | None]]:
    return [(sentence.text, sentence.lead_in) for sentence in segment(document)]


def _table(*rows: list[str], head: str = "td") -> str:
    tags = [head, *["td"] * (len(rows) - 1)]
    return "".join(
        f"<tr>{''.join(f'<{tag}>{cell}</{tag}>' for cell in row)}</tr>" for tag, row in zip(tags, rows, strict=True)
    )


def test_a_cookie_is_one_sentence() -> None:
    rows = _table(
        ["Cookie", "Purpose", "Expiry"],
        ["_ga", "Counts our visitors. It has no name.", "2 years"],
        ["<p>id</p><p>sid</p>", '<a href="/x">Keeps</a> you logged in', "Session"],
        ["_x", "", "1 day"],
        head="th",
    )
    document = extract_html("p", f"<h1>Cookies</h1><table>{rows}</table>")
    head = "Cookie | Purpose | Expiry"
    assert _rows(document)[1:] == [
        (head, None),
        ("_ga | Counts our visitors. It has no name. | 2 years", head),
        ("id; sid | Keeps you logged in | Session", head),
        ("_x | 1 day", head),
    ]
    (link,) = (link for sentence in segment(document) for link in sentence.links)
    assert document.text[link.start : link.end] == "Keeps"


def test_cells_with_sentences_have_the_heading_of_their_column() -> None:
    rows = _table(["Purpose", "Legal basis"], [_LONG * 2, "Contract."], ["<p>Adverts.</p>", _LONG])
    found = _rows(extract_html("p", f"<table>{rows}</table>"))
    assert [(text[:9], lead_in) for text, lead_in in found] == [
        ("Purpose", None),
        ("Legal bas", None),
        ("We use yo", "Purpose"),
        ("We use yo", "Purpose"),
        ("Contract.", "Legal basis"),
        ("Adverts.", "Purpose"),
        ("We use yo", "Legal basis"),
    ]


def test_spans_keep_the_columns_apart() -> None:
    rows = (
        "<thead><tr><td>Data</td><td colspan=2>Purpose</td><td>Period</td></tr></thead>"
        f"<tr><td rowspan=2>Name</td><td>{_LONG}</td><td>More.</td><td>A year.</td></tr>"
        f"<tr><td>{_LONG}</td><td>Other.</td><td>Two years.</td></tr>"
    )
    found = dict(_rows(extract_html("p", f"<table>{rows}</table>")))
    assert found["Name"] == "Data" and found["A year."] == found["Two years."] == "Period"
    assert found[_LONG.strip()] == found["More."] == found["Other."] == "Purpose"


def test_a_table_without_headings_is_read_cell_by_cell() -> None:
    for rows in (_table(["Acme Ltd.", "Springfield"], ["Beta Ltd.", "Bonn"]), _table(["Name"], ["Age"], head="th")):
        found = _rows(extract_html("p", f"<table>{rows}</table>"))
        assert all(lead_in is None and "|" not in text for text, lead_in in found)


def test_a_table_of_markdown() -> None:
    text = "# Cookies\n\n| Cookie | Expiry |\n|---|---|\n| _ga | 2 years |\n| [_x](/x) | 1 day |\n"
    assert _rows(extract_text("p", text))[1:] == [
        ("Cookie | Expiry", None),
        ("_ga | 2 years", "Cookie | Expiry"),
        ("_x | 1 day", "Cookie | Expiry"),
    ]


def test_nested_lists_know_their_level() -> None:
    html = "<p>We ask:</p><ul><li>how you pay:<ul><li>card</li></ul></li><li>your age</li></ul>"
    text = "# Data\n\nWe ask:\n\n- how you pay:\n  - card\n- your age\n"
    for document in (extract_html("p", html), extract_text("p", text)):
        assert _rows(document)[-4:] == [
            ("We ask:", None),
            ("how you pay:", "We ask:"),
            ("card", "how you pay:"),
            ("your age", "We ask:"),
        ]
