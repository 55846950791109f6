"""The constants of the selection: each test fails if one of them is changed by a half or more."""
# ruff: noqa: E501 (pages in one line)

from __future__ import annotations

import json

import pytest

from clausetag.data.documents.sniff import extract_html

_POLICY = "<p>We collect the name and the postal address that you give us when you open an account with our shop.</p>"


def _text(html: str) -> str:
    return extract_html("p", html).text


def _words(number: int, mentions: int = 0, end: str = ".") -> str:
    """A text of so many words that mentions data so often."""
    return " ".join(["third parties"] * mentions + ["dog"] * (number - 2 * mentions)) + end


@pytest.mark.parametrize(("words", "kept"), [(60, False), (61, True)])
def test_a_cookie_banner_without_a_name_is_short(words: int, kept: bool) -> None:
    banner = f"<div><p>Cookies? Accept, {_words(words - 2)}</p><button>OK</button></div>"
    assert ("Cookies?" in _text(f"<div>{_POLICY * 4}{banner}{_POLICY * 4}</div>")) is kept


@pytest.mark.parametrize(("mentions", "kept"), [(1, False), (2, True)])
def test_mentions_that_outweigh_a_form(mentions: int, kept: bool) -> None:
    form = f"<form><input><p>{_words(20, mentions)}</p></form>"
    assert ("dog" in _text(f"<main>{_POLICY * 4}{form}{_POLICY * 4}</main>")) is kept


@pytest.mark.parametrize(("words", "mentions", "kept"), [(239, 5, False), (240, 5, True), (240, 4, False)])
def test_a_footer_that_is_long_and_about_data_is_text(words: int, mentions: int, kept: bool) -> None:
    page = f"<div>{_POLICY * 30}<footer><p>{_words(words, mentions)}</p></footer></div>"
    assert ("dog" in _text(page)) is kept


@pytest.mark.parametrize(
    ("words", "mentions", "kept"), [(59, 1, False), (60, 1, True), (100, 1, True), (101, 1, False)]
)
def test_hidden_text_without_a_control(words: int, mentions: int, kept: bool) -> None:
    page = f'<main>{_POLICY * 30}<div style="display:none"><p>{_words(words, mentions)}</p></div></main>'
    assert ("dog" in _text(page)) is kept


@pytest.mark.parametrize(
    ("words", "mentions", "kept"), [(299, 0, True), (300, 0, False), (500, 4, True), (500, 3, False)]
)
def test_a_panel_that_is_another_document(words: int, mentions: int, kept: bool) -> None:
    panel = f'<button aria-controls="x">More</button><div id="x" hidden><p>{_words(words, mentions)}</p></div>'
    assert ("dog" in _text(f"<main>{_POLICY * 30}{panel}</main>")) is kept


@pytest.mark.parametrize(("words", "kept"), [(4, False), (5, True)])
def test_the_hidden_rest_of_a_line(words: int, kept: bool) -> None:
    rest = f'<p>We sell nothing. <span style="display:none">{_words(words)}</span></p>'
    assert ("dog" in _text(f"<main>{_POLICY}{rest}{_POLICY}</main>")) is kept


@pytest.mark.parametrize(("words", "kept"), [(15, False), (26, True)])
def test_the_main_element_has_95_of_100_words_of_prose(words: int, kept: bool) -> None:
    page = f"<div><div>{_POLICY * 20}</div><div><p>{_words(words)}</p></div></div>"
    assert ("dog" in _text(page)) is kept


@pytest.mark.parametrize(("words", "kept"), [(39, True), (41, False)])
def test_a_fragment_is_kept_as_a_whole(words: int, kept: bool) -> None:
    page = f"<div><p>Hello there</p></div><div><div><p>{_words(20, 1)}</p><p>{_words(words - 20, 1)}</p></div></div>"
    assert ("Hello there" in _text(page)) is kept


@pytest.mark.parametrize(("words", "kept"), [(30, False), (34, True)])
def test_the_end_behind_a_copyright_line(words: int, kept: bool) -> None:
    page = f"<div><p>{_words(300, 5)}</p><p>© 2024 Shop</p><p>{_words(words, end='!')}</p></div>"
    assert ("!" in _text(page)) is kept


@pytest.mark.parametrize(("words", "kept"), [(12, True), (13, False)])
def test_a_date_below_the_title_is_short(words: int, kept: bool) -> None:
    page = f'<h1>Privacy</h1><div>Updated 2024 {_words(words - 2, end="")}</div><p><a href="/x">Terms</a></p><div>{_POLICY * 9}</div>'
    assert ("dog" in _text(page)) is kept


@pytest.mark.parametrize(("words", "kept"), [(14, False), (15, True)])
def test_prose_has_15_words(words: int, kept: bool) -> None:
    page = f"<div>{_POLICY * 9}</div><div><p>{_words(words, 2)}</p></div>"
    assert ("dog" in _text(page)) is kept


@pytest.mark.parametrize(("words", "kept"), [(3, False), (4, True)])
def test_a_sentence_has_4_words(words: int, kept: bool) -> None:
    page = f"<main>{_POLICY * 2}<aside><p>{_words(words)}</p></aside>{_POLICY * 2}</main>"
    assert ("dog" in _text(page)) is kept


@pytest.mark.parametrize(("depth", "kept"), [(7, True), (8, False)])
def test_the_text_beside_a_word_is_near(depth: int, kept: bool) -> None:
    word = f"{'<b>' * depth}<button>Accept</button>{'</b>' * depth}"
    assert ("Accept" in _text(f"<p>You may {word} it at any time.</p>")) is kept


@pytest.mark.parametrize(("left", "right", "apart"), [(1, 3, True), (0, 3, False), (1, 2, False)])
def test_spans_that_are_lines_of_their_own(left: int, right: int, apart: bool) -> None:
    spans = f"<span>{_words(left, end='') or 'do'}</span><span>Now {_words(right - 1)}</span>"
    assert ("\n\nNow" in _text(f"<div>{spans}</div>")) is apart
    assert "\n\nNow" not in _text(f"<div>{spans.replace('span', 'b')}</div>")


@pytest.mark.parametrize(("words", "kept"), [(499, True), (500, False)])
def test_a_page_that_is_one_folded_list_is_short(words: int, kept: bool) -> None:
    hidden = f"<div style='display:none'><p>{_words(1100).replace('dog', 'cat')}</p></div>"
    assert ("cat" in _text(f"<main><p>{_words(words, 2)}</p>{hidden}</main>")) is kept


@pytest.mark.parametrize(("words", "kept"), [(39, True), (40, False)])
@pytest.mark.parametrize(("stored", "enough"), [(99, False), (100, True)])
def test_a_page_with_little_prose_is_searched_for_stored_text(
    words: int, kept: bool, stored: int, enough: bool
) -> None:
    for store in ("<noscript><p>{}</p></noscript>", "<iframe srcdoc='<p>{}</p>'></iframe>"):
        page = f"<p>{_words(words)}</p>{store.format(_words(stored).replace('dog', 'cat'))}"
        assert ("cat" in _text(page)) is (kept and enough)


@pytest.mark.parametrize(("words", "kept"), [(14, False), (15, True)])
def test_the_text_in_a_script(words: int, kept: bool) -> None:
    """It has prose, and its sentences have three words; what is shorter is text only as a title."""
    strings = [_words(words - 1, end=f" {number}.") for number in range(9)]
    data = json.dumps({"id": "cat one", "title": "Cats", "parts": strings, "more": ["two cats too", "two mice"]})
    text = _text(f"<div id=app></div><script>x=1;window.state = {data};</script>")
    assert ("dog" in text) is kept
    assert ("Cats" in text) is ("two cats too" in text) is kept
    assert "mice" not in text and "cat one" not in text


@pytest.mark.parametrize(("before", "kept"), [(7, True), (8, False)])
def test_places_in_a_script_that_are_searched_for_data(before: int, kept: bool) -> None:
    data = json.dumps([_words(60), _words(61)])
    assert ("dog" in _text(f"<div></div><script>{'a=[1];' * before}b={data}</script>")) is kept


@pytest.mark.parametrize(("placed", "others", "joined"), [(8, 2, True), (6, 2, False)])
def test_pages_of_lines_that_are_placed_one_by_one(placed: int, others: int, joined: bool) -> None:
    line = "We collect the name and the postal address that you give us"
    lines = f'<div style="position:absolute;top:9px">{line}</div>' * placed + f"<div>{line}</div>" * others
    assert (f"{line} {line}" in _text(lines)) is joined
