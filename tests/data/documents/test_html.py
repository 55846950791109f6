"""HTML pages and fragments to blocks."""

from __future__ import annotations

import pytest

from clausetag.data.documents.sniff import extract_html

_PROSE = "We collect the name and the e-mail address that you give us when you open an account with us. " * 3


def _blocks(html: str) -> list[tuple[str, str]]:
    document = extract_html("p", html)
    return [(document.text[block.start : block.end], block.kind) for block in document.blocks]


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("<p>We sell nothing.</p>", [("We sell nothing.", "paragraph")]),
        ("We sell nothing.", [("We sell nothing.", "paragraph")]),
        ("<footer>We sell nothing.</footer>", [("We sell nothing.", "paragraph")]),
        ("<h2>Security</h2><p>It is safe.</p>", [("Security", "heading"), ("It is safe.", "paragraph")]),
        ("<p><b>Your choices</b></p><p>You may ask.</p>", [("Your choices", "heading"), ("You may ask.", "paragraph")]),
        (
            "<ul><li>your name;<li>your <i>address</i>.</ul>",
            [("your name;", "list_item"), ("your address.", "list_item")],
        ),
        ("<table><tr><th>Data<td>2 years</table>", [("Data", "table_cell"), ("2 years", "table_cell")]),
        ("<p>• your name</p>", [("your name", "list_item")]),
        ("<p>One.<br>Two.</p>", [("One.", "paragraph"), ("Two.", "paragraph")]),
        ("<p>One and<br>two.</p>", [("One and two.", "paragraph")]),
        ("<p>a<span>b</span>&nbsp;&amp; c</p>", [("ab & c", "paragraph")]),
        ("<p>One\n  line.</p>", [("One line.", "paragraph")]),
        ("<pre>We sell nothing.\nWe keep it.</pre>", [("We sell nothing.", "paragraph"), ("We keep it.", "paragraph")]),
        (
            "<p>We keep it.<sup>1</sup> You<sup>[2]</sup> may<sup><a href='#3'>3</a></sup> ask.</p>",
            [("We keep it. You may ask.", "paragraph")],
        ),
        ("<p>5 m<sup>2</sup>, 10<sup>6</sup>, the 1<sup>st</sup>.</p>", [("5 m2, 106, the 1st.", "paragraph")]),
        (
            "<p>We keep it.<sup>a</sup> You<sup>2, 3</sup> may.<a href='#n'><sup>[1]</sup></a> It is sold.</p>",
            [("We keep it. You may. It is sold.", "paragraph")],
        ),
        (
            "<p>Kept <span style='text-decoration: line-through'>two</span> five days.</p>",
            [("Kept five days.", "paragraph")],
        ),
        (
            "<h2><span>7</span><span>Our servers</span></h2><p>One.</p>",
            [("7 Our servers", "heading"), ("One.", "paragraph")],
        ),
        ("<p><span>4</span><span>th</span> floor.</p>", [("4th floor.", "paragraph")]),
        (
            "<div><span>We sell nothing.</span><span>Scope</span><span>We keep it all.</span></div>",
            [("We sell nothing.", "paragraph"), ("Scope", "heading"), ("We keep it all.", "paragraph")],
        ),
        ("<script>alert(1)</script><style>p{}</style><!-- x -->", []),
        ("", []),
        ("  \n", []),
    ],
)
def test_fragments(html: str, expected: list[tuple[str, str]]) -> None:
    assert _blocks(html) == expected


@pytest.mark.parametrize("html", ["<html hidden><p>We sell it.", "<html class=hidden><body><p>We sell it."])
def test_a_page_that_is_hidden_as_a_whole_is_read(html: str) -> None:
    assert _blocks(html) == [("We sell it.", "paragraph")]


_BROKEN = (
    "We record your phone number and your street when you sign",
    "up, and hand them to our couriers, who throw them away as",
    "soon as the parcel has reached your door. You can ask us to",
    "stop at any time by calling the hotline, and we shall then",
    "take your details off all of our lists within two weeks.",
)


@pytest.mark.parametrize(
    "line",
    [
        "<p>{}</p>",
        "<div class=line>{}</div>",
        "<span style='left: 9px; top: {}px'>{}</span>",
        "<p style='position:absolute;top:{}px'>{}</p>",
    ],
)
def test_the_lines_of_a_converted_pdf_become_paragraphs(line: str) -> None:
    lines = (line.format(*[9 * place] * (line.count("{}") - 1), text) for place, text in enumerate(_BROKEN))
    assert _blocks("".join(lines)) == [(" ".join(_BROKEN), "paragraph")]


def test_paragraphs_that_begin_small_stay_apart() -> None:
    items = [f"the name of your {what}, which we ask for when you write to us" for what in ("aunt", "uncle")]
    html = "".join(f"<p>{text}</p>" for text in ["We collect this:", *items, "We sell none of it.", "Write to us."])
    assert len(_blocks(html)) == 5


@pytest.mark.parametrize(
    "form",
    [
        "<div class=hs-form><form><input></form><div class=submitted-message>{}</div></div>",
        "<div class=newsletter><form><input></form><div class='message-success'>{}</div></div>",
        "<form><input><p>E-mail</p><div class=error>{}</div></form>",
    ],
)
def test_what_a_form_says_after_it_is_sent_is_left_out(form: str) -> None:
    said = "Thank you! It has been sent."
    assert said not in str(_blocks(f"<p>{_PROSE * 3}</p>{form.format(said)}<p>{_PROSE}</p>"))
    assert said in str(_blocks(f"<p>{_PROSE * 3}</p><div class=success>{said}</div><p>{_PROSE}</p>"))


@pytest.mark.parametrize("tag", ["main", "section", "article", "div", "policy-text"])
def test_pages_without_head_and_body_tags(tag: str) -> None:
    page = (
        f"<!doctype html><title>Privacy</title><meta charset=utf-8><{tag}><p>We sell nothing.</p></{tag}><p>To no one."
    )
    assert [body for body, _ in _blocks(page)] == ["We sell nothing.", "To no one."]


@pytest.mark.parametrize(
    ("html", "headings"),
    [
        (
            "<p>We sell none.<br><br>1. Data we need<br><br>We need your name.<br>2. All of it<br>is safe.",
            ["Data we need"],
        ),
        ("<p>Security<br>&nbsp;<br>We keep it safe.<p>Kept apart<br>It is.", ["Security"]),
        ("<p>Hello.<p>&bull; Cookies<p>&bull; Logs<p>We sell none.", []),
        ("<p>Hello.<p><b>&bull; Cookies</b><p>We have some.", ["Cookies"]),
        (
            "<p><b>1. All of the services that we or our partners offer to you</b>:<p>They are.<p>2. Yes.<p>3. No.",
            1,
        ),
        ("<p><b>We share all of the data that we hold with these partners</b>:<p>one;<p>two.", []),
    ],
)
def test_headings_are_lines_between_empty_ones_and_numbered_lines_in_bold_type(
    html: str, headings: list[str] | int
) -> None:
    found = [body for body, kind in _blocks(html) if kind == "heading"]
    assert headings in (found, len(found))


@pytest.mark.parametrize("times", [1, 3, 12])
@pytest.mark.parametrize(
    ("html", "around"),
    [
        ("<p>{}</p><p>We sell nothing.</p>", 1),
        ("<p>Hello there.</p><p>{}</p><p>We sell nothing.</p><p>Write to us.</p>", 3),
        ("<h1>Privacy</h1><div><p><span>{}</span></p><p>We sell nothing.</p></div>", 2),
        ("<div>{}</div><div>We sell nothing.</div>", 1),
        ("<p>{}</p><ul><li>cookies</li><li>logs</li></ul>", 2),
        ("<ul><li>{}</li><li>logs</li></ul>", 1),
    ],
)
def test_what_stands_beside_the_only_long_paragraph_is_kept(html: str, around: int, times: int) -> None:
    assert len(_blocks(html.format(_PROSE * times))) == around + 1


def test_the_frame_of_a_page_is_left_out() -> None:
    page = f"""<!doctype html><html><head><title>Shop</title><script>var x = "Buy now";</script></head><body>
    <header><a href="/">Shop</a></header>
    <nav><ul><li><a href="/men">Men</a><li><a href="/women">Women</a></ul></nav>
    <div id="cookie-banner">We use cookies to give you the best experience. <button>Accept all</button></div>
    <h1>Privacy notice</h1>
    <div class="layout"><div class="content"><p>{_PROSE}</p><h2>Sharing</h2><p>{_PROSE}</p>
    <ul><li><a href="https://a.example">Analytics Ltd</a><li><a href="https://b.example">Mail Ltd</a></ul>
    <p>{_PROSE}</p>
    </div><div class="teaser"><a href="/x">Ten shoes for spring</a></div></div>
    <div style="display: none"><p>{_PROSE.replace("collect", "hide")}</p></div>
    <footer><a href="/terms">Terms</a> © 2024 Shop</footer></body></html>"""
    blocks = _blocks(page)
    assert blocks[0] == ("Privacy notice", "heading")
    assert [kind for _, kind in blocks] == [
        "heading", "paragraph", "heading", "paragraph", "list_item", "list_item", "paragraph"
    ]  # fmt: skip
    text = " ".join(body for body, _ in blocks)
    for left_out in ("Men", "cookies", "Accept", "shoes", "Terms", "2024", "hide", "Buy", "Shop"):
        assert left_out not in text


def test_a_container_that_is_named_like_a_frame_keeps_the_text() -> None:
    inner = f'<div id="sidebar">{_PROSE}</div><p>{_PROSE}</p>'
    page = f'<body><div class="page footer-fixed">{inner}</div><p>Two short words.</p></body>'
    assert sum(body.count("We collect") for body, _ in _blocks(page)) == 6
    named = f'<body class="header-fixed"><footer><p>{_PROSE}</p></footer><p>{_PROSE[:95]}</p></body>'
    assert sum(body.count("We collect") for body, _ in _blocks(named)) == 4


def test_a_page_that_is_folded_up_is_unfolded() -> None:
    panels = "".join(f"<h3>Part {n}</h3><div hidden><p>{_PROSE}</p></div>" for n in range(3))
    assert sum(body.count("We collect") for body, _ in _blocks(f"<p>Click to read more.</p>{panels}")) == 9


@pytest.mark.parametrize(
    "html",
    [
        "<div>" * 5000 + "x",
        "<b>" * 3000 + "x" * 10,
        "<table><tr><td>" * 200 + "We sell.",
        "</p></div><<>&#xD800;\x00a",
        "<p>\ud800</p>",
    ],
)
def test_damaged_pages_never_raise(html: str) -> None:
    for body, _ in _blocks(html):
        body.encode("utf-8")


def test_the_text_keeps_the_numbers_of_headings_in_front_of_their_blocks() -> None:
    who = "<h2>1. Who <a href='https://a.example'>we</a> are</h2><p>Acme.</p>"
    page = f"{who}<h2>2. Data</h2><ol><li>1. All</li><li>2. None</li></ol>"
    document = extract_html("p", page)
    assert document.text == "1. Who we are\n\nAcme.\n\n2. Data\n\nAll\n\nNone"
    (link,) = (link for block in document.blocks for link in block.links)
    assert document.text[link.start : link.end] == "we"
    assert [text for text, kind in _blocks(page) if kind == "heading"] == ["Who we are", "Data"]
