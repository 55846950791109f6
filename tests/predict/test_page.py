"""The HTML page and the terminal's summary."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Sequence

from lxml import html as lxml_html

from clausetag.data.documents.sniff import extract_html, extract_text
from clausetag.data.labels import CHOICE, DO_NOT_TRACK, FIRST_PARTY, GENERIC, LABELS, SECURITY
from clausetag.data.palette import CODES, palette
from clausetag.data.records import Document, FailedInput, Sentence
from clausetag.data.segment import segment
from clausetag.predict.pages.index import Totals, policy_parts, render_index
from clausetag.predict.pages.policy import MultiPolicyPage, render_policy
from clausetag.predict.pages.rendering import stylesheet
from clausetag.predict.pages.summary import not_mentioned, practices, summarise, summary_table
from clausetag.predict.terminal import shorten

_TEXT = "Security\n\nWe keep data safe. We collect your name.\n\n• You may object.\n• It rains.\n"


def _tagged(policy: str = "shop", text: str = _TEXT, **changes: object) -> tuple[Document, list[Sentence]]:
    document = extract_text(policy, text)
    wanted = {"safe": (SECURITY, FIRST_PARTY), "collect": (FIRST_PARTY,), "object": (CHOICE,), "Security": (SECURITY,)}
    sentences = []
    for sentence in segment(document):
        labels = next((labels for word, labels in wanted.items() if word in sentence.text), ())
        base = {"Security": 0.99}.get(sentence.text, 0.5 + 0.1 * sentence.index)
        scores = {label: base if label in labels else 0.02 for label in LABELS}
        sentences.append(sentence.with_prediction(labels, scores))
    return document, sentences


def render_page(
    policies: Sequence[tuple[Document | FailedInput, Sequence[Sentence]]], quality: str | None = None
) -> str:
    page = MultiPolicyPage(quality)
    return "".join(page.render([page.section(*policy) for policy in policies]))


def _tree(page: str) -> lxml_html.HtmlElement:
    return lxml_html.document_fromstring(page)


def test_the_text_stands_in_full_and_in_its_structure() -> None:
    document, sentences = _tagged()
    tree = _tree(render_page([(document, sentences)]))
    (text,) = tree.find_class("text")
    for badge in text.find_class("b"):
        badge.drop_tree()
    assert text.text_content().split() == document.text.split()
    assert [node.tag for node in text] == ["h3", "p", "ul"]
    assert len(text.findall("ul/li")) == 2
    spans = text.find_class("s")
    assert [span.text_content() for span in spans] == [sentence.text for sentence in sentences]
    assert [span.get("data-l") for span in spans] == ["5", "5 0", "0", "2", "none"]
    assert spans[1].get("title").startswith("First Party Collection/Use 60 %, Data Security 60 %")


def test_text_between_and_without_sentences_is_kept() -> None:
    document, sentences = _tagged()
    tree = _tree(render_page([(document, sentences[2:3])]))
    (text,) = tree.find_class("text")
    assert "It rains." in text.text_content()
    assert "We keep data safe." in text.text_content()


def test_links_lead_to_other_sites_only() -> None:
    html = (
        '<p>See <a href="https://a.example/?x=1&amp;y=%22">this &lt;page&gt;</a>, <a href="/x">that</a> '
        'or <a href="mailto:a@b.example">mail</a>. <a href="https://c.example">Both</a>.</p>'
    )
    document = extract_html("p", html)
    tree = _tree(render_page([(document, segment(document))]))
    links = tree.xpath("//div[@class='text']//a")
    assert [(link.text, link.get("href")) for link in links] == [
        ("this <page>", "https://a.example/?x=1&y=%22"),
        ("mail", "mailto:a@b.example"),
        ("Both", "https://c.example"),
    ]
    assert {link.get("rel") for link in links} == {"noopener nofollow noreferrer"}
    assert tree.find_class("text")[0].text_content().split() == document.text.split()


def test_legend_badges_and_summary() -> None:
    document, sentences = _tagged()
    tree = _tree(render_page([(document, sentences)], "micro-F1 0.7 <on> the test policies"))
    counts = {chip.get("data-l"): chip.find_class("n")[0].text for chip in tree.find_class("chip")}
    assert counts["0"] == "2"
    assert counts["5"] == "2"
    assert counts["7"] == "0"
    assert counts["none"] == "1"
    assert len(counts) == 13
    assert len(set(CODES.values())) == 12
    assert tuple(CODES) == LABELS
    rows = list(tree.find_class("states")[0])
    assert [row.find_class("n")[0].text for row in rows] == ["2", "1", "2"]
    # Not the heading, though its score is higher.
    assert rows[2].findtext("a") == "We keep data safe."
    for link in tree.xpath(
        "//ul[@class='states']//a/@href | //p[@class='to-overview']/a/@href | //ul[@class='jump']//a/@href"
    ):
        assert tree.get_element_by_id(link[1:]) is not None
    assert "Not mentioned:" in tree.find_class("missing")[0].text
    assert DO_NOT_TRACK in tree.find_class("missing")[0].text
    assert "micro-F1 0.7 <on> the test policies" in tree.text_content()


def test_everything_is_escaped() -> None:
    evil = "<script>alert(1)</script> \"><img src=x onerror=alert(2)> {{script}} ' &amp; We keep data safe."
    document, sentences = _tagged(f"x{evil}", evil)
    document = Document(document.policy, document.text, document.blocks, flags=(evil,))
    failed = FailedInput(evil, evil, evil)
    page = render_page([(document, sentences), (failed, ())], evil)
    tree = _tree(page)
    assert len(tree.findall(".//script")) == 1
    assert not tree.findall(".//img")
    assert not tree.xpath("//@*[starts-with(name(), 'on')]")
    assert "<img" not in page
    assert "{{script}}" in page
    assert "&amp;amp;" in page


def test_the_pages_need_nothing_from_outside_and_allow_their_one_script_and_style() -> None:
    document, sentences = _tagged()
    summary = summarise(document, sentences)
    totals = Totals()
    totals.add(summary)
    shown = {"policies": 1, "flagged": 0, "failed": 0}
    row = policy_parts(summary, "html/shop.html")["policies"]
    pages = [
        render_page([(document, sentences), _tagged("other")]),
        "".join(render_policy(document, sentences, summary, "../index.html")),
        "".join(render_index(totals, 1, ["index.html"], shown, {"policies": [row]})),
    ]
    for page in pages:
        assert not re.search(
            r"""(?:src|href)=["'](?!#|\.\./index\.html"|html/shop\.html)|@import|url\(|https?://""", page
        )
        assert " style=" not in page
        for tag in ("script", "style"):
            (content,) = re.findall(rf"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
            digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
            assert f"{tag}-src 'sha256-{digest}'" in page
        assert "{{" not in page


def test_every_category_has_its_colours_and_its_code() -> None:
    style = stylesheet("index")
    for number, label in enumerate(LABELS):
        assert f'.l{number} {{ --code: "{CODES[label]}"; }}' in style
        assert palette().hue_rules(label) in style


def test_flags_and_failures_are_shown() -> None:
    document, sentences = _tagged()
    flagged = Document("flagged", document.text, document.blocks, flags=("not_english",))
    tree = _tree(render_page([(flagged, sentences), (FailedInput("gone", "missing", "gone.txt: no such file"), ())]))
    assert "not_english" in tree.find_class("flag")[0].text
    assert "gone.txt: no such file (missing)" in tree.find_class("error")[0].text
    assert [item.text_content() for item in tree.find_class("jump")[0]] == ["flagged 5", "gone error"]


def test_pages_without_anything_and_without_scores() -> None:
    assert "0 policies, 0 sentences" in render_page([])
    document, sentences = _tagged()
    bare = [sentence.with_prediction(sentence.labels or (), None) for sentence in sentences]
    assert 'title="Data Security, First Party Collection/Use"' in render_page([(document, bare)])


def test_practices_and_what_is_missing() -> None:
    document, sentences = _tagged()
    found = {practice.label: (practice.count, practice.strongest.index) for practice in practices(document, sentences)}
    assert found == {FIRST_PARTY: (2, 2), CHOICE: (1, 3), SECURITY: (2, 1)}
    missing = not_mentioned(sentences)
    assert DO_NOT_TRACK in missing
    assert SECURITY not in missing
    assert GENERIC not in missing


def test_the_terminal_table_fits_its_width() -> None:
    document, sentences = _tagged("shop\x1b[31m", _TEXT.replace("name", "name and address, " * 20))
    document = Document(document.policy, document.text, document.blocks, flags=("not_english",))
    for width in (60, 80, 120):
        lines = summary_table(document, sentences, width).splitlines()
        assert all(len(line) <= width for line in lines if not line.startswith("  warning"))
        assert lines[0].startswith("shop")
        assert "\x1b" not in lines[0]
        assert "not_english" in lines[1]
    table = summary_table(document, sentences, 120)
    assert re.search(r"Data Security +2  We keep data safe\.", table)
    assert "not mentioned: Third Party" in table
    assert re.search(r"First Party Collection/Use +2  We collect your .*…$", table, re.MULTILINE)


def test_shorten() -> None:
    assert shorten("one two", 7) == "one two"
    assert shorten("one two three", 9) == "one two…"
    assert len(shorten("x" * 50, 10)) == 10


def test_badges_are_in_the_order_of_their_scores() -> None:
    document = extract_text("shop", "We collect data and keep it safe.")
    (sentence,) = segment(document)
    for first, second in ((FIRST_PARTY, SECURITY), (SECURITY, FIRST_PARTY)):
        scores = {**dict.fromkeys(LABELS, 0.1), first: 0.9, second: 0.8}
        tagged = sentence.with_prediction((FIRST_PARTY, SECURITY), scores)
        shown = _tree(render_page([(document, [tagged])])).get_element_by_id(f"p1s{sentence.index}")
        assert shown.get("data-l") == f"{LABELS.index(first)} {LABELS.index(second)}"


def test_a_word_has_a_letter_or_a_digit() -> None:
    text = "We sell — nothing … 24/7 ¶ “x” ... it’s, e-mail\u00a0us * 5% \u4e2d\u6587"
    document = Document("a", text, ())
    assert summarise(document, ()).words == len(
        ["We", "sell", "nothing", "24/7", "“x”", "it’s,", "e-mail", "us", "5%", "中文"]
    )
