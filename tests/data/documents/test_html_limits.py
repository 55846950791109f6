"""Pages that would take too much memory or time are refused before they are parsed; real ones are far from that."""

from __future__ import annotations

import pytest

from clausetag.data.documents.html.limits import HTML_LIMITS, HtmlLimits
from clausetag.data.documents.html.reader import html_blocks
from clausetag.data.errors import DocumentError

TEXT = "We collect your name and share it with nobody."


def refused(html: str, limits: HtmlLimits) -> str:
    with pytest.raises(DocumentError) as caught:
        html_blocks(html, limits)
    assert caught.value.code == "too_large"
    return str(caught.value)


def test_tags_are_counted_wherever_they_are() -> None:
    page = f"<div><p>{TEXT}</p><br><img alt='a > b' src=\"<p>\">{'<p>a' * 6}</div>"
    assert html_blocks(page, HtmlLimits(tags=10))
    assert "more than 9 tags" in refused(page, HtmlLimits(tags=9))
    assert "more than 9 tags" in refused(f'<iframe srcdoc="{"&lt;p>a" * 20}"></iframe>', HtmlLimits(tags=9))


@pytest.mark.parametrize(
    "attributes",
    ["{} ", "{}=1 ", '{}="1 2"', "{}='1'\n", '{}="\'>" ', "{}\t"],
)
def test_attributes_of_one_tag(attributes: str) -> None:
    tag = "".join(attributes.format(f"a{number}") for number in range(40))
    assert html_blocks(f"<p {tag}>{TEXT}</p>", HtmlLimits(attributes=50))[0].text.endswith(TEXT)
    assert "more than 30 attributes" in refused(f"<p {tag}>{TEXT}</p>", HtmlLimits(attributes=30))
    assert "more than 30 attributes" in refused(f"{TEXT}<p {tag}", HtmlLimits(attributes=30))


def test_long_values_are_one_attribute() -> None:
    long = " ".join(["word"] * 20_000)
    page = f"<p title=\"{long}\" style='{long}'>{TEXT}</p><script>if (a<b) {{ {long} }}</script>"
    assert html_blocks(f'<img src="data:image/png;base64,{"AB/+" * 100_000}">{page[: page.index("<script")]}')
    assert html_blocks(page, HtmlLimits(attributes=25_000))
    assert HTML_LIMITS.tags > 100_000


def test_a_page_of_short_paragraphs_is_refused_before_it_takes_gigabytes() -> None:
    assert "more than 200,000 tags; save its text" in refused("<p>a b " * 1_000_000, HTML_LIMITS)
    assert "more than 5,000 attributes" in refused("<p " + "a=b " * 1_000_000, HTML_LIMITS)
