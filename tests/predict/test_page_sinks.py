"""HTML on disk: one page for all, or one a policy and an index over them, whose every link leads somewhere."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote

import pytest
from lxml import html as lxml_html

from clausetag.data.documents.sniff import extract_text
from clausetag.data.labels import CHOICE, FIRST_PARTY, LABELS, SECURITY
from clausetag.data.records import Document, FailedInput, Sentence
from clausetag.data.segment import segment
from clausetag.predict.writers import html as html_sinks
from clausetag.predict.writers.writer import OutputWriter

_TEXT = "Security\n\nWe keep data safe. We collect your name.\n\n• You may object.\n• It rains.\n"
_EVIL = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>{{style}}{{policies}}#?%2e"
_FAILED = FailedInput("gone", "missing", "gone.txt: no such file")


def _tagged(policy: str = "shop", text: str = _TEXT, flags: tuple[str, ...] = ()) -> tuple[Document, list[Sentence]]:
    document = replace(extract_text(policy, text), flags=flags)
    wanted = {"safe": (SECURITY, FIRST_PARTY), "collect": (FIRST_PARTY,), "object": (CHOICE,), "Security": (SECURITY,)}
    sentences = []
    for sentence in segment(document):
        labels = next((labels for word, labels in wanted.items() if word in sentence.text), ())
        sentences.append(sentence.with_prediction(labels, dict.fromkeys(labels, 0.9), flags))
    return document, sentences


def _tree(path: Path) -> lxml_html.HtmlElement:
    return lxml_html.document_fromstring(path.read_text(encoding="utf-8"))


def _site(folder: Path, *items: tuple[Document, list[Sentence]] | FailedInput) -> lxml_html.HtmlElement:
    with OutputWriter(folder, "html", "How good:\n  very") as writer:
        for item in items:
            if isinstance(item, FailedInput):
                writer.fail(item)
            else:
                writer.add(*item)
    return _tree(folder / "index.html")


def _check_links(page: Path) -> int:
    """Follow every link of a page to its file and its anchor; returns how many there are."""
    links = _tree(page).xpath("//a/@href")
    for link in links:
        name, _, anchor = link.partition("#")
        target = page if not name else page.parent / unquote(name)
        assert target.is_file(), link
        if anchor:
            assert _tree(target).xpath("//*[@id=$anchor]", anchor=anchor), link
    return len(links)


def test_one_file_is_one_page_for_all(tmp_path: Path) -> None:
    with OutputWriter(tmp_path / "out.html", quality="as in the card") as writer:
        writer.add(*_tagged())
        writer.fail(_FAILED)
        writer.add(*_tagged("b"))
    tree = _tree(tmp_path / "out.html")
    assert [section.get("id") for section in tree.iter("section")] == ["p1", "p2", "p3"]
    assert [head.text for head in tree.iter("h2")] == ["Categories", "shop", "gone", "b"]
    assert "as in the card" in tree.findtext(".//header/p[2]")
    assert list(tmp_path.iterdir()) == [tmp_path / "out.html"]


def test_the_index_counts_and_every_link_leads_somewhere(tmp_path: Path) -> None:
    items = (
        _tagged("a/b/shop 1"),
        _tagged("x?#%&<b>.html/..é"),
        _FAILED,
        _tagged("rain", "It rains.", ("not_english",)),
    )
    tree = _site(tmp_path, *items)
    rows = [[cell.text_content() for cell in row] for row in tree.findall(".//tbody/tr")]
    assert [row[0] for row in rows] == ["a/b/shop 1", "x?#%&<b>.html/..é", "rain flagged"]
    assert rows[0][1:5] == ["5", "14", "1", "3"]
    expected = {FIRST_PARTY: "2", CHOICE: "1", SECURITY: "2"}
    assert rows[0][5:] == [expected.get(label, "0") for label in LABELS]
    assert [cell.text_content() for cell in tree.findall(".//thead//th")][5:] == [
        f"{badge.text_content()}{label}"
        for badge, label in zip(tree.xpath("//thead//span[@title]"), LABELS, strict=True)
    ]
    chips = {chip.get("data-l"): chip.find_class("n")[0].text for chip in tree.find_class("chip")}
    assert chips == {str(place): "2" if label in expected else "0" for place, label in enumerate(LABELS)}
    assert "3 policies, 11 sentences, 30 words, 1 flagged, 1 failed." in tree.text_content()
    (cell,) = tree.xpath(f"//tbody/tr[1]/td[@class='l{LABELS.index(FIRST_PARTY)}']/a/@href")
    assert cell == "html/a/b/shop%201.html#s1"
    assert _check_links(tmp_path / "index.html") > 12
    for page in (tmp_path / "html").rglob("*.html"):
        assert _check_links(page) >= 1
        assert _tree(page).find_class("back")[0].text_content() == "← All policies"


def test_flagged_and_failed_documents_are_listed_with_the_reason(tmp_path: Path) -> None:
    tree = _site(tmp_path, _tagged("rain", "It rains.", ("not_english", "odd")), _FAILED)
    flagged, failed = tree.find_class("list")
    assert flagged.findtext(".//h2").startswith("Flagged")
    assert "rain: this does not look like English; the labels mean little; odd" in flagged.text_content()
    assert "gone: gone.txt: no such file (missing)" in failed.text_content()
    page = _tree(tmp_path / "html" / "rain.html")
    assert [flag.text.rpartition(" ")[2] for flag in page.find_class("flag")] == ["(not_english)", "(odd)"]
    assert not _site(tmp_path / "fine", _tagged()).find_class("list")


def test_a_policys_page_is_complete_and_needs_no_script(tmp_path: Path) -> None:
    document, sentences = _tagged("shop", _TEXT)
    _site(tmp_path, (document, sentences))
    tree = _tree(tmp_path / "html" / "shop.html")
    assert tree.findtext(".//h1") == "shop"
    assert "5 sentences, 14 words, 1 minute to read" in tree.text_content()
    assert [span.get("id") for span in tree.find_class("s")] == [f"s{number}" for number in range(5)]
    assert [span.text for span in tree.find_class("s")] == [sentence.text for sentence in sentences]
    assert [b.text for b in tree.get_element_by_id("s1").find_class("b")] == ["Sec", "1st"]
    # What only a script can do is off until a script is there.
    assert all(chip.get("disabled") is not None for chip in tree.find_class("chip"))
    assert all(tools.get("hidden") is not None for tools in tree.find_class("tools"))


def test_everything_is_escaped(tmp_path: Path) -> None:
    evil = _tagged(f"x{_EVIL}", f"{_EVIL} We keep data safe.", (_EVIL,))
    _site(tmp_path, evil, FailedInput(_EVIL, _EVIL, _EVIL))
    pages = [tmp_path / "index.html", *(tmp_path / "html").rglob("*.html")]
    assert len(pages) == 2
    for page in pages:
        tree = _tree(page)
        assert len(tree.findall(".//script")) == 1
        assert not tree.findall(".//img")
        assert not tree.xpath("//@*[starts-with(name(), 'on')]")
        assert _EVIL in tree.text_content()
        assert _check_links(page)


def test_a_long_index_goes_on_in_further_pages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(html_sinks, "PAGE_POLICIES", 2)
    items = [_tagged("a"), _FAILED, _tagged("b"), _tagged("c", flags=("odd",)), _tagged("d")]
    first = _site(tmp_path, *items)
    names = ["index.html", "index-2.html", "index-3.html"]
    pages = [first, *(_tree(tmp_path / name) for name in names[1:])]
    found = [[row[0].text_content() for row in page.findall(".//tbody/tr")] for page in pages]
    assert found == [["a"], ["b", "c flagged"], ["d"]]
    for name, page in zip(names, pages, strict=True):
        assert "4 policies, 20 sentences" in page.text_content()
        assert _check_links(tmp_path / name)
    assert [len(page.find_class("list")) for page in pages] == [1, 1, 0]
    assert "Page 2 of 3" in pages[1].text_content()
    assert _tree(tmp_path / "html" / "d.html").xpath("//p[@class='back']/a/@href") == ["../index-3.html"]
    # A shorter run into the same folder leaves no page of the longer one.
    _site(tmp_path, *items[:3])
    assert sorted(path.name for path in tmp_path.glob("index*")) == ["index-2.html", "index.html"]
    assert not _site(tmp_path, _tagged("a")).find_class("turn")
    assert sorted(path.name for path in tmp_path.glob("index*")) == ["index.html"]


def test_nothing_but_the_results_stays(tmp_path: Path) -> None:
    _site(tmp_path / "out", _tagged("sub/a"), _FAILED)
    names = {path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*") if path.is_file()}
    assert names == {
        *("index.html", "html/sub/a.html", "texts/sub/a.txt", "texts/index.json"),
        *("summary.csv", "summary.jsonl"),
    }
