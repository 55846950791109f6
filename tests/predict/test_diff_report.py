"""A comparison in the terminal, as Markdown and as a page."""

from __future__ import annotations

import re

from lxml import html as lxml_html
from markdown_it import MarkdownIt

from clausetag.data.labels import ACCESS, FIRST_PARTY, SECURITY
from clausetag.data.records import Sentence
from clausetag.predict.diff.diff import diff_sentences
from clausetag.predict.diff.report import Report, markdown, page, summary, terminal

_EVIL = "<script>alert(1)</script> & {{rules}} *stars* [x](http://y) `c` \x1b[31m| sold."


def _sentence(index: int, text: str, *labels: str, heading: str | None = None) -> Sentence:
    return Sentence("p", index, text, labels=labels, heading=heading)


def _report() -> Report:
    old = [
        _sentence(0, "Welcome to the shop.", FIRST_PARTY),
        _sentence(1, "Such changes may take up to 48 hours to take effect.", ACCESS, heading="Access"),
        _sentence(2, "We encrypt backups.", SECURITY, heading="Access"),
        _sentence(3, "Goodbye now.", FIRST_PARTY),
    ]
    new = [
        _sentence(0, "Welcome to the shop.", ACCESS),
        _sentence(1, "Such changes may take up to 10 days to take effect.", SECURITY, heading="Access"),
        _sentence(2, "Goodbye now.", FIRST_PARTY),
        _sentence(3, _EVIL, FIRST_PARTY, heading=_EVIL),
    ]
    return Report("old <v1>", "new_v2", diff_sentences(old, new), "Labels by m.")


def test_summary_counts() -> None:
    lines = summary(_report()).splitlines()
    assert lines[:2] == [
        "old <v1> -> new_v2",
        "4 sentences before, 4 after: 2 unchanged, 0 moved, 1 changed, 1 added, 1 removed",
    ]
    table = {line[:32].strip(): line[32:].split() for line in lines[4:7]}
    assert table == {FIRST_PARTY: ["1", "0", "0"], ACCESS: ["0", "0", "1"], SECURITY: ["0", "1", "1"]}
    assert lines[7].startswith("1 sentence with the same text is labelled differently")


def test_the_terminal_shows_changes_in_order_and_nothing_that_moves_the_cursor() -> None:
    text = terminal(_report(), 80)
    assert "\x1b" not in text and all(line.isprintable() for line in text.splitlines())
    assert "Welcome to" not in text
    found = re.findall(r"^[~+>-] .*", text, re.MULTILINE)
    assert found == [
        "~ 1 -> 1  + Data Security; - User Access, Edit and Deletion",
        "- 2  Data Security",
        "+ 3  First Party Collection/Use",
    ]
    assert "    Such changes may take up to [-48 hours-] {+10 days+} to take effect." in text
    assert max(map(len, text.splitlines())) <= 80


def test_long_runs_of_kept_words_are_left_out_in_the_terminal() -> None:
    words = " ".join(f"w{number}" for number in range(60))
    changes = diff_sentences([_sentence(0, f"{words} 30 days.")], [_sentence(0, f"{words} 60 days.")])
    text = terminal(Report("a", "b", changes), 100)
    assert "… w52" in text.replace("\n    ", " ") and "w20" not in text
    assert "w59 [-30-] {+60+} days." in text.replace("\n    ", " ")


def test_markdown_shows_the_text_as_it_is() -> None:
    text = markdown(_report())
    html = MarkdownIt("commonmark").enable(["table", "strikethrough"]).render(text)
    tree = lxml_html.document_fromstring(html)
    assert not tree.xpath("//script | //a | //code | //em")
    assert tree.xpath("//s/text()") == ["48 hours"]
    assert "10 days" in tree.xpath("//strong/text()")
    assert "<script>alert(1)</script> & {{rules}} *stars* [x](http://y) `c`" in tree.text_content()
    assert len(tree.xpath("//tbody/tr")) == 3


def test_the_page_escapes_and_loads_nothing() -> None:
    html = page(_report())
    tree = lxml_html.document_fromstring(html)
    assert not tree.xpath("//script | //*[@src] | //link | //a")
    assert "default-src 'none'" in html
    assert "<script>alert(1)</script> & {{rules}} *stars*" in tree.text_content()
    assert tree.xpath("//del/text()") == ["48 hours", "We encrypt backups."]
    assert [node.get("class").split()[0] for node in tree.xpath("//article")] == ["changed", "removed", "added"]
    assert tree.xpath("//details/summary/text()") == ["1 unchanged sentence"] * 2


def test_the_page_can_show_one_category() -> None:
    tree = lxml_html.document_fromstring(page(_report()))
    numbers = {node.get("id")[1:] for node in tree.xpath("//input[@id]")}
    marked = {name[1:] for node in tree.xpath("//article") for name in node.get("class").split()[1:]}
    assert numbers == marked
    for number in numbers:
        assert f"body:has(#f{number}:checked) main > :not(.k{number})" in tree.xpath("//style")[0].text


def test_nothing_changed() -> None:
    same = [_sentence(0, "Welcome.", FIRST_PARTY)]
    report = Report("a", "b", diff_sentences(same, same))
    assert "category" not in summary(report) and terminal(report, 80) == summary(report)
    assert "<table" not in page(report) and "| category" not in markdown(report)
