"""Whatever a document, a label or a model card says, a page shows it as text: each place is rendered and parsed."""

from __future__ import annotations

import base64
import hashlib
import re
from urllib.parse import quote

import pytest
from lxml import html as lxml_html

from clausetag.data.palette import palette
from clausetag.data.records import Block, Document, FailedInput, Sentence
from clausetag.predict.diff.diff import diff_sentences
from clausetag.predict.diff.report import Report
from clausetag.predict.diff.report import page as diff_page
from clausetag.predict.pages.index import Totals, failed_part, policy_parts, render_index
from clausetag.predict.pages.policy import MultiPolicyPage, render_policy
from clausetag.predict.pages.summary import summarise

MARKUP = "</title></style></script><script>alert(1)</script>\"'><img src=x onerror=alert(2)>{{ 7 * 7 }}{% if %}{#"
HOSTILE = f"{MARKUP} &amp; ]]> \u2028--><!-- stop."
LABEL = "<i onclick=\"x('&amp;')\">{{ label }}"
LABELS = (LABEL, "Plain & simple", "</style>")
KINDS = ("heading", "paragraph", "list_item", "table_cell")


def _tagged(policy: str = HOSTILE, flags: tuple[str, ...] = (HOSTILE,)) -> tuple[Document, list[Sentence]]:
    """A block of each kind, each with a sentence and text that belongs to none; the last sentence has no label."""
    text, blocks, sentences = "", [], []
    for number, kind in enumerate(KINDS):
        start = len(text)
        text += f"{HOSTILE} {HOSTILE}\n\n"
        end = start + len(HOSTILE)
        blocks.append(Block(start, len(text) - 2, kind))  # type: ignore[arg-type]
        labels = (LABEL,) if number < 3 else ()
        scores = {LABEL: 0.9 - number / 10, LABELS[1]: 0.1, LABELS[2]: 0.0}
        sentences.append(Sentence(policy, number, HOSTILE, number, start, end, HOSTILE, labels, scores=scores))
    return Document(policy, text, tuple(blocks), flags=flags), sentences


def _parse(page: str, scripts: int) -> lxml_html.HtmlElement:
    """The page; it must hold no markup but its own, and the style and script that its policy allows, unbroken."""
    tree = lxml_html.document_fromstring(page)
    assert len(tree.findall(".//script")) == scripts
    assert not tree.xpath("//img | //i | //comment()[contains(., 'stop')]")
    assert not tree.xpath("//@*[starts-with(name(), 'on')]")
    assert "alert(2)" in tree.text_content() and "49" not in tree.text_content()
    (policy,) = tree.xpath("//meta[@http-equiv='Content-Security-Policy']/@content")
    for tag in ("style", "script")[: scripts + 1]:
        (content,) = re.findall(rf"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
        assert f"{tag}-src 'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'" in policy
    return tree


def _legend(tree: lxml_html.HtmlElement) -> None:
    chips = [chip for chip in tree.find_class("chip") if chip.get("data-l") != "none"]
    assert [chip.get("title") for chip in chips] == list(LABELS)
    assert [chip.find_class("name")[0].text_content() for chip in chips] == list(LABELS)
    assert [chip.find_class("b")[0].get("title") for chip in chips] == list(LABELS)
    assert [chip.find_class("b")[0].text for chip in chips] == list(palette(LABELS).codes.values())


def _policy_section(section: lxml_html.HtmlElement, anchor: str) -> None:
    assert [flag.text for flag in section.find_class("flag")] == [f"{HOSTILE} ({HOSTILE})"]
    (row,) = section.xpath(".//ul[@class='states']/li")
    assert row.text_content().startswith(f"{palette(LABELS).codes[LABEL]} {LABEL} 3 {HOSTILE[:50]}")
    assert section.find_class("missing")[0].text == f"Not mentioned: {LABELS[1]}, {LABELS[2]}."
    (text,) = section.find_class("text")
    assert [node.tag for node in text] == ["h3", "p", "ul", "div"]
    spans = text.find_class("s")
    assert [(span.text, span.get("id")) for span in spans] == [(HOSTILE, f"{anchor}{n}") for n in range(4)]
    assert [span.tail for span in spans] == [f" {HOSTILE}"] * 4
    assert spans[0].get("title") == f"{LABEL} 90 %, {LABELS[1]} 10 %, {LABELS[2]} 0 %"
    assert spans[3].get("title").startswith(f"no category ({LABEL} 60 %")
    assert [badge.get("title") for badge in text.find_class("b")] == [LABEL] * 3


@pytest.mark.parametrize("quality", [HOSTILE, f"{HOSTILE}\n{HOSTILE}"])
def test_a_page_of_several_policies(quality: str) -> None:
    page = MultiPolicyPage(quality, LABELS)
    failed = FailedInput(HOSTILE, f"code {HOSTILE}", f"message {HOSTILE}")
    sections = [page.section(*_tagged()), page.section(failed, ())]
    tree = _parse("".join(page.render(sections)), 1)
    _legend(tree)
    first, second = tree.findall(".//section")
    assert first.findtext("h2") == second.findtext("h2") == HOSTILE
    _policy_section(first, "p1s")
    assert second.find_class("error")[0].text == f"message {HOSTILE} (code {HOSTILE})"
    assert [link.text for link in tree.xpath("//ul[@class='jump']//a")] == [HOSTILE] * 2
    shown = tree.xpath("//header/p[2] | //header/details")[0].text_content()
    assert shown == quality.replace("\n", "", 1)


def test_the_page_of_one_policy() -> None:
    document, sentences = _tagged()
    page = "".join(render_policy(document, sentences, summarise(document, sentences, LABELS), f"../{HOSTILE}", HOSTILE))
    tree = _parse(page, 1)
    assert tree.findtext(".//title") == f"{HOSTILE}: what this privacy policy says"
    assert tree.findtext(".//h1") == HOSTILE
    assert tree.xpath("//p[@class='back']/a/@href") == [f"../{HOSTILE}"]
    _legend(tree)
    (section,) = tree.findall(".//section")
    _policy_section(section, "s")


def test_the_index() -> None:
    document, sentences = _tagged()
    summary = summarise(document, sentences, LABELS)
    totals = Totals(failed=1, stating=dict.fromkeys(LABELS, 0))
    totals.add(summary)
    parts = policy_parts(summary, f"html/{HOSTILE}.html") | failed_part(FailedInput(HOSTILE, HOSTILE, HOSTILE))
    files = ["index.html", f"{HOSTILE}-2.html", f"{HOSTILE}-3.html"]
    shown = {"policies": 1, "flagged": 1, "failed": 1}
    page = render_index(totals, 2, files, shown, {name: [part] for name, part in parts.items()}, HOSTILE)
    tree = _parse("".join(page), 1)
    _legend(tree)
    heads = tree.xpath("//thead//th[contains(@class, 'c')]")
    assert [head.find_class("sr")[0].text for head in heads] == list(LABELS)
    (row,) = tree.findall(".//tbody/tr")
    link = f"html/{quote(HOSTILE)}.html"
    assert row.xpath(".//a/@href") == [link, f"{link}#s0"]
    assert row.findtext("th/a") == HOSTILE and row.find_class("mark")[0].get("title") == HOSTILE
    flagged, failed = tree.find_class("list")
    assert flagged.find(".//li/a").get("href") == link
    assert flagged.findtext(".//li/a") == HOSTILE and flagged.find(".//li/a").tail == f": {HOSTILE}"
    assert failed.findtext(".//li/b") == HOSTILE and failed.find(".//li/b").tail == f": {HOSTILE} ({HOSTILE})"
    assert tree.xpath("//nav//a/@href") == ["index.html", f"{HOSTILE}-3.html"] * 2
    assert tree.findtext(".//header/p[2]") == HOSTILE


def test_a_comparison() -> None:
    def sentence(index: int, text: str, *labels: str) -> Sentence:
        return Sentence("p", index, text, heading=HOSTILE, labels=labels)

    gone = "Backups stay encrypted at rest in two data centres. <img src=gone onerror='x'>"
    new = 'Children below thirteen register with the consent of their parents. <img src=new onerror="x">'
    moved, kept, old = f"Moved {MARKUP}", f"Kept {MARKUP}", f"It takes {MARKUP} one {HOSTILE} day."
    changed = old.replace(" one ", f" two{MARKUP} ").replace(" day", f" week{MARKUP}")
    before = [moved, kept, old, gone, "Anchor one.", "Anchor two."]
    after = [kept, changed, "Anchor one.", "Anchor two.", new, moved]
    changes = diff_sentences(
        [sentence(n, text, LABEL) for n, text in enumerate(before)],
        [sentence(n, text, LABELS[1]) for n, text in enumerate(after)],
        LABELS,
    )
    assert {change.status for change in changes} == {"unchanged", "moved", "changed", "added", "removed"}
    tree = _parse(diff_page(Report(HOSTILE, MARKUP, changes, f"by {HOSTILE}", LABELS)), 0)
    assert tree.findtext(".//title") == tree.findtext(".//h1") == f"{HOSTILE} → {MARKUP}"
    assert f"by {HOSTILE}" in [note.text for note in tree.find_class("top")[0].findall("p")]
    assert [cell.text_content().partition(" ")[2] for cell in tree.xpath("//tbody/tr/td[1]")] == list(LABELS[:2])
    assert [
        choice.text_content().strip().partition(" ")[2] for choice in tree.findall(".//fieldset/label")[1:]
    ] == list(LABELS[:2])
    texts = {
        article.find("header/b").text: (article.find("header/b").tail, article.find("p"))
        for article in tree.findall(".//article")
    }
    assert all(head.endswith(f" · {HOSTILE}") for head, _ in texts.values())
    assert texts["added"][1].findtext("ins") == new and texts["removed"][1].findtext("del") == gone
    assert texts["moved"][1].text.strip() == moved
    for badge in texts["changed"][1].find_class("b"):
        badge.drop_tree()
    kept_and_new = texts["changed"][1]
    assert any(MARKUP[-20:] in node.text for node in kept_and_new.findall("ins"))
    for deletion in kept_and_new.findall("del"):
        deletion.drop_tree()
    assert kept_and_new.text_content().split() == changed.split()
    assert tree.findtext(".//details/p").strip() == kept
