"""Whole pages, invented, of the kinds that crawlers bring home: the policy is kept, and what is around it is not."""
# ruff: noqa: E501 (pages in one line)

from __future__ import annotations

import pytest

from clausetag.data.documents.sniff import extract_html

_ONE = "We collect the name and the postal address that you give us when you open an account with our shop."
_TWO = "We share your personal information with the carriers who bring the parcels to your door, and with nobody else."
_THREE = "We keep your order history for six years, because the tax office may ask us for it during that time."
_FOUR = "You may ask us at any time which data we hold about you, and we will answer within thirty days for free."
_PROSE = (_ONE, _TWO, _THREE, _FOUR)
_TEXT = "".join(f"<p>{prose}</p>" for prose in _PROSE)
_NAV = '<nav><ul><li><a href="/men">Men</a><li><a href="/women">Women</a></ul></nav>'


def _blocks(body: str, head: str = "") -> list[tuple[str, str]]:
    document = extract_html("p", f"<!doctype html><html><head>{head}</head><body>{body}</body></html>")
    return [(document.text[block.start : block.end], block.kind) for block in document.blocks]


def _texts(body: str, head: str = "") -> list[str]:
    return [text for text, _ in _blocks(body, head)]


# Accordions and tabs

_PANELS = {
    "details": "<details><summary>{title}</summary><div><p>{prose}</p></div></details>",
    "details with a heading": "<details><summary><h3>{title}</h3></summary><p>{prose}</p></details>",
    "hidden by an attribute": (
        '<h3><button aria-expanded="false" aria-controls="p{n}">{title}</button></h3>'
        '<div id="p{n}" role="region" hidden><p>{prose}</p></div>'
    ),
    "hidden by a style": (
        '<button class="accordion" aria-expanded="false">{title}</button>'
        '<div class="panel" style="display:none"><p>{prose}</p></div>'
    ),
    "hidden by a class": (
        '<div class="accordion-header"><button data-bs-toggle="collapse" data-bs-target="#p{n}" aria-expanded="false">'
        '{title}</button></div><div id="p{n}" class="accordion-panel hidden"><p>{prose}</p></div>'
    ),
    "cards": (
        '<div class="card"><div class="card-header"><h5><a data-toggle="collapse" href="#p{n}">{title}</a></h5></div>'
        '<div id="p{n}" class="collapse"><div class="card-body"><p>{prose}</p></div></div></div>'
    ),
    "a box to tick": '<input type="checkbox" id="c{n}"><label for="c{n}">{title}</label><div><p>{prose}</p></div>',
    "tabs": (
        '<a role="tab" href="javascript:void(0)" aria-controls="p{n}" aria-expanded="false"><h4>{title}</h4></a>'
        '<div role="tabpanel" id="p{n}" style="display: none;"><p>{prose}</p></div>'
    ),
}
_TITLES = ("What we collect", "Who receives it", "How long we keep it", "What you can ask for")


_INTRO = (
    "<p>We wrote this notice for all who visit our website or our shops, and it holds from the first of May on.</p>"
    * 30
)


@pytest.mark.parametrize("intro", ["", _INTRO], ids=["alone", "after much text"])
@pytest.mark.parametrize("kind", _PANELS)
def test_accordions_are_read_unfolded_with_their_titles_as_headings(kind: str, intro: str) -> None:
    panels = "".join(
        f"<div>{_PANELS[kind].format(title=title, prose=prose, n=number)}</div>"
        for number, (title, prose) in enumerate(zip(_TITLES, _PROSE, strict=True))
    )
    blocks = _blocks(f"{_NAV}<main><h1>Privacy notice</h1>{intro}{panels}</main>")
    expected = [
        pair
        for title, prose in zip(_TITLES, _PROSE, strict=True)
        for pair in ((title, "heading"), (prose, "paragraph"))
    ]
    assert blocks[0] == ("Privacy notice", "heading")
    assert blocks[-8:] == expected


def test_what_is_hidden_for_good_stays_hidden() -> None:
    hidden = (
        f'<div style="display:none" lang="de"><p>{"Wir geben Ihre Daten (your data, your information) nicht weiter. " * 9}</p></div>'
        f'<div hidden class="mobile">{_TEXT}</div>'
        f'<div class="modal" style="display:none"><p>Sign up and we send you {"fresh offers and much more " * 20}</p></div>'
        f'<div class="d-none"><p>{"The lazy dog jumps over the quick brown fox every day. " * 20}</p></div>'
    )
    assert _texts(f"<main><h1>Privacy notice</h1>{_TEXT * 8}{hidden}</main>") == ["Privacy notice", *_PROSE * 8]


def test_what_is_shown_on_wide_screens_is_shown() -> None:
    assert _texts(f'<main><p>{_ONE}</p><div class="hidden md:block"><p>{_TWO}</p></div></main>') == [_ONE, _TWO]


# The frame

_BANNERS = {
    "OneTrust": (
        '<div id="onetrust-consent-sdk"><div id="onetrust-banner-sdk"><p>By clicking “Accept all”, you agree to the storing '
        "of cookies on your device, and we share your information with third parties.</p><button>Accept all</button></div>"
        "<div id='onetrust-pc-sdk'><h2>Privacy preference centre</h2><p>When you visit any website, it may store or "
        "retrieve information on your browser, mostly in the form of cookies.</p></div></div>"
    ),
    "Cookiebot": (
        '<div id="CybotCookiebotDialog" name="CybotCookiebotDialog"><div class="CybotCookiebotDialogBodyContent"><p>We use '
        "cookies to personalise content and ads, and we share information about your use of our site with third parties."
        "</p></div></div>"
    ),
    "a plugin": (
        '<div id="cookie-law-info-bar"><span>This website uses cookies to improve your experience. We’ll assume that you '
        "are ok with this, but you can opt out if you wish.</span></div>"
    ),
    "by its class": (
        '<div class="cookieConsentBanner"><p>We use cookies, and we collect data about your visit, to give you the best '
        'experience on our website and in our shop.</p><a href="#" class="btn">Got it</a></div>'
    ),
    "no name at all": (
        "<div><p>We use cookies so that this website works well for you; by continuing to browse this site you agree to "
        "our use of them.</p><button>OK</button></div>"
    ),
}


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("kind", _BANNERS)
def test_cookie_banners_go(kind: str, first: bool) -> None:
    page = [
        _BANNERS[kind],
        f'{_NAV}<div class="page"><div class="content"><h1>Privacy notice</h1>{_TEXT * 3}</div></div>',
    ]
    assert _texts("".join(page if first else page[::-1])) == ["Privacy notice", *_PROSE * 3]


_SECTIONS = (
    "sharing", "social", "information-sharing", "social-media", "cookie-notice", "ccpa-notice", "gdpr-consent-box",
    "section-header", "newsletter", "how-we-search", "comments", "related-data", "cookiesAndConsentNotice",
)  # fmt: skip


@pytest.mark.parametrize("attribute", ["id", "class"])
@pytest.mark.parametrize("name", _SECTIONS)
def test_a_section_of_the_policy_may_be_named_like_a_widget(name: str, attribute: str) -> None:
    section = f'<section {attribute}="{name}"><h2>Others</h2><p>{_TWO}</p><p>{_TWO.replace("parcels", "boxes")} {_FOUR}</p></section>'
    texts = _texts(f"{_NAV}<main><h1>Privacy notice</h1>{_TEXT * 2}{section}{_TEXT}</main>")
    assert texts == [
        "Privacy notice",
        *_PROSE * 2,
        "Others",
        _TWO,
        f"{_TWO.replace('parcels', 'boxes')} {_FOUR}",
        *_PROSE,
    ]


def test_headers_within_the_text_are_its_headings() -> None:
    parts = "".join(
        f'<div class="section-header"><span>{title}</span></div><p>{prose}</p>'
        for title, prose in zip(_TITLES, _PROSE, strict=True)
    )
    sections = "".join(
        f"<section><header><h2>{title}</h2></header><p>{prose}</p></section>"
        for title, prose in zip(_TITLES, _PROSE, strict=True)
    )
    bare = parts.replace("section-header", "header")
    tags = sections.replace("section>", "div>")
    for body in (f"<p>{_ONE}</p>{text}" for text in (parts, sections, bare, tags)):
        assert [text for text, kind in _blocks(f"<header><h2>Shop</h2></header>{body}") if kind == "heading"] == list(
            _TITLES
        )


_WIDGETS = {
    "share bar": '<div class="sharedaddy sd-sharing"><h3>Share this:</h3><ul><li><a href="//t.example">Tweet</a></ul></div>',
    "share words": "<p>Share this page</p><p>Print</p>",
    "related": '<div class="related-posts"><h2>You may also like</h2><p>Ten shoes for spring, chosen by our editors for you and for all of your friends who like to walk.</p></div>',
    "comments": '<section id="comments"><h2>Leave a reply</h2><form><label>Name <input></label><p>Your e-mail address will not be published, and the fields that are marked with a star have to be filled in.</p></form></section>',
    "feedback": '<form><p>Was this page helpful to you, and did it have all of the answers that you came here to look for today?</p><input type="radio"> Yes <input type="radio"> No</form>',
    "newsletter": '<div class="newsletter-signup"><h3>Never miss an offer</h3><p>Sign up now for fresh offers and good stories in your inbox, every week, and save ten per cent.</p></div>',
    "languages": '<ul class="languages"><li><a href="/de">Deutsch</a><li><a href="/fr">Français</a></ul><select><option>English<option>Español</select>',
    "footer": '<div class="siteFooter"><p>Example Ltd is registered in England and Wales with the number 01234567; its seat is at 1 High Street, Leeds.</p></div>',
    "legal line": "<p>© 2024 Example Ltd. All rights reserved. All of the brands named here belong to their owners, who have not paid us.</p><p>Made with love in Leeds</p>",
    "advertisement": "<p>Advertisement - Continue Reading Below</p>",
    "pictures": '<svg><text>Logo of us</text></svg><noscript><img alt="x">Please enable JavaScript</noscript><template><p>{{ name }} joined</p></template>',
}  # fmt: skip


@pytest.mark.parametrize("kind", _WIDGETS)
def test_widgets_go(kind: str) -> None:
    assert _texts(f"{_NAV}<div><h1>Privacy notice</h1>{_TEXT * 4}{_WIDGETS[kind]}</div>") == [
        "Privacy notice",
        *_PROSE * 4,
    ]


def test_switches_between_the_paragraphs_go() -> None:
    body = f"""<p>{_ONE}</p><p><a href="/p#top">Back to top</a> | <a href="/p">Back to Shop Privacy Policy Index</a></p>
    <p>Advertisement</p><p>{_TWO}</p><div><a href="/more">Read more</a></div><p>{_THREE}
    <a href="https://tax.example">Tax office <span class="sr-only">(opens in a new window)</span></a></p>"""
    assert _texts(body) == [_ONE, _TWO, f"{_THREE} Tax office"]


def test_what_stands_before_the_title_goes_but_for_a_date() -> None:
    body = (
        f"<div><p>Custom search</p><p>Welcome, guest</p><p>Updated: 3 May 2024</p><h1>Privacy notice</h1>{_TEXT}</div>"
    )
    assert _texts(body) == ["Updated: 3 May 2024", "Privacy notice", *_PROSE]


def test_a_title_that_is_no_heading_is_found_by_the_title_of_the_page() -> None:
    body = f'<div class="crumbs"><div>Privacy Notice</div></div>{_NAV}<div class="text">{_TEXT}</div>'
    head = "<title>Privacy Notice | Shop</title>"
    assert _texts(body, head) == ["Privacy Notice", *_PROSE]
    assert _texts(body) == list(_PROSE)


def test_the_date_below_the_title_comes_along() -> None:
    date = "<h2>Updated as of 1 May 2024</h2><h3>Shop documents</h3>"
    body = f'<section><h1>Privacy notice</h1>{date}<div><div><a href="/terms">Terms</a></div><div>{_TEXT}</div></div></section>'
    assert _texts(body) == ["Privacy notice", "Updated as of 1 May 2024", *_PROSE]


def test_an_introduction_beside_the_main_list_is_kept() -> None:
    items = "".join(f"<li><h3>{title}</h3>{_TEXT * 4}" for title in _TITLES)
    body = f'{_NAV}<div id="main"><div class="box"><h2>Privacy notice</h2><p>{_ONE}</p></div><ol>{items}</ol></div>'
    assert _texts(body)[:3] == ["Privacy notice", _ONE, _TITLES[0]]


# Kinds of text


def test_tables_and_definition_lists_keep_their_cells_apart() -> None:
    body = f"""<p>{_ONE}</p><table><caption>What and why</caption><thead><tr><th>Data<th>Purpose</thead>
    <tr><td>Name<br>Address<td><ul><li>To send parcels<li>To bill</ul></table>
    <dl><dt>Controller</dt><dd>Example Ltd</dd><dt>Officer</dt><dd>Jo Doe</dd></dl><p>{_TWO}</p>"""
    assert _blocks(body)[1:-1] == [
        ("What and why", "heading"), ("Data | Purpose", "table_row"),
        ("Name; Address | To send parcels; To bill", "table_row"),
        ("Controller", "heading"), ("Example Ltd", "list_item"), ("Officer", "heading"), ("Jo Doe", "list_item"),
    ]  # fmt: skip


def test_paragraphs_of_line_breaks_in_bare_divisions() -> None:
    body = f"<div><div><b>Your data</b><br><br>{_ONE}<br><br>{_TWO}<br>• your name;<br>• your address.<br><span>{_THREE}</span></div></div>"
    assert _blocks(body) == [
        ("Your data", "heading"), (_ONE, "paragraph"), (_TWO, "paragraph"), ("your name;", "list_item"),
        ("your address.", "list_item"), (_THREE, "paragraph"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "title", ["A. Advertising.", "How do our sites use and share my information?", "1. WHO WE ARE"]
)
def test_headings_made_of_bold_type(title: str) -> None:
    blocks = _blocks(f"<p>{_ONE}</p><p><strong>{title}</strong></p><p>{_TWO}</p>")
    assert [kind for _, kind in blocks] == ["paragraph", "heading", "paragraph"]


@pytest.mark.parametrize(
    "sentence", ["We do not sell your data to anyone.", "Please note the following:", "mail@shop.example"]
)
def test_what_is_bold_but_no_heading(sentence: str) -> None:
    assert ("heading" in {k for _, k in _blocks(f"<p>{_ONE}</p><p><b>{sentence}</b></p><p>{_TWO}</p>")}) is False


def test_addresses_that_are_encoded_against_harvesters() -> None:
    code = "7e" + "".join(f"{ord(letter) ^ 0x7E:02x}" for letter in "privacy@shop.example")
    for broken in (code, "7", "zz", ""):
        mail = (
            f'<a href="/cdn-cgi/l/email-protection" class="__cf_email__" data-cfemail="{broken}">[email protected]</a>'
        )
        (text,) = _texts(f"<p>{_ONE} Write to {mail}.</p>")
        assert text.endswith("privacy@shop.example." if broken == code else "protected].") or broken == ""


@pytest.mark.parametrize(
    "page",
    [
        "<iframe srcdoc='{}'></iframe>",
        "<noscript>{}</noscript>",
        "<template>{}</template>",
    ],
)
def test_a_page_that_shows_nothing_is_searched_for_what_it_stores(page: str) -> None:
    assert _texts(f"{_NAV}{page.format(_TEXT * 2)}") == [*_PROSE * 2]
    assert _texts(f"<main>{_TEXT}</main>{page.format(_TEXT.replace('We', 'They') * 2)}") == [*_PROSE]


def test_shadow_roots_are_part_of_the_page() -> None:
    root = f'<policy-part><template shadowrootmode="open"><p>{_TWO}</p></template></policy-part>'
    assert _texts(f"<main><p>{_ONE}</p>{root}<p>{_THREE}</p></main>") == [_ONE, _TWO, _THREE]


def test_a_text_box_is_read_only_if_there_is_nothing_else() -> None:
    box = "<form><textarea readonly>" + "\n\n".join(_PROSE * 2) + "</textarea></form>"
    assert _texts(box) == [*_PROSE * 2]


def test_pages_within_pages_end() -> None:
    page = f"<p>{_ONE}</p>"
    for _ in range(9):
        page = "<iframe srcdoc='" + page.replace("&", "&amp;").replace("'", "&#39;") + "'></iframe>"
    assert _texts(page) == []


def test_telephone_numbers_keep_their_area_code() -> None:
    assert _texts(f"<p>{_ONE}</p><p>(800) 555-0199</p><p>{_TWO}</p>")[1] == "(800) 555-0199"


# Limits of the rules: each of these pages fails if a constant or a rule of the selection changes

_OTHER = "The lazy dog jumps over the quick brown fox every single day, and the fox does not mind that at all."
"""Prose that says nothing about data."""


def test_the_main_element_has_nearly_all_prose() -> None:
    """A second section with a fifth of the prose, in which no sentence is about data, is kept."""
    second = f"<div><h2>Dogs</h2><p>{_OTHER}</p><p>{_OTHER.replace('dog', 'cat')}</p></div>"
    page = f"<div><div>{_TEXT * 2}</div>{second}</div>"
    assert _texts(page) == [*_PROSE * 2, "Dogs", _OTHER, _OTHER.replace("dog", "cat")]


_CONTACT = "If you have a question about your data, or about which information we collect, please write to our office."


@pytest.mark.parametrize(
    ("after", "kept"),
    [
        (f"<p>{_CONTACT}</p>", True),
        (
            "<p>Our privacy officer works in Leeds and answers every letter that she gets within a week or two.</p>",
            True,
        ),
        (f"<p>{_OTHER}</p>", False),
        (f'<p><a href="/shop">Shop</a></p><p>{_CONTACT}</p>', True),
        (f"<nav>Home</nav><p>{_CONTACT}</p>", True),
        (f"<p>{_CONTACT} All rights reserved.</p>", False),
        (f"<p>{_CONTACT} By your click you accept our cookies, which you agree to.</p>", False),
    ],
)
def test_prose_after_the_main_element_belongs_to_it_if_it_is_about_data(after: str, kept: bool) -> None:
    items = "".join(f"<li><h3>{title}</h3>{_TEXT * 4}" for title in _TITLES)
    texts = _texts(f'<div id="page"><div id="main"><ol>{items}</ol></div>{after}</div>')
    assert (len(texts) == 4 * 17 + 1) is kept and len(texts) >= 4 * 17


def test_prose_about_data_belongs_to_the_main_element_however_far_it_is() -> None:
    items = "".join(f"<li><h3>{title}</h3>{_TEXT * 4}" for title in _TITLES)
    page = f"<div>{'<div>' * 5}<ol>{items}</ol>{'</div>' * 5}<p>{_CONTACT}</p></div>"
    assert _texts(page)[-1] == _CONTACT


def test_a_paragraph_is_not_the_main_element() -> None:
    """A broken <p> or a <span> with all the prose is part of the element around it."""
    spans = "".join(f"<span>{prose}</span><br>" for prose in _PROSE)
    assert _texts(f"<div><div>Short one.</div><ul>{_TEXT}</ul><div>Short two.</div></div>")[0] == "Short one."
    assert len(_texts(f"<div><i><div>{spans}</div></i></div>")) == 4


@pytest.mark.parametrize("name", ["menu", "page-footer", "navigation-block"])
def test_a_long_text_about_data_is_kept_under_any_name(name: str) -> None:
    long = _TEXT * 4  # 300 words with many mentions of data
    assert len(_texts(f'<main>{_TEXT * 9}<div class="{name}">{long}</div></main>')) == 36 + 16
    assert len(_texts(f'<main>{_TEXT * 9}<div class="{name}">{_TEXT}</div>{_TEXT}</main>')) == 36 + 8


@pytest.mark.parametrize("tag", ["nav", "footer"])
def test_a_menu_or_footer_by_its_tag_goes_unless_it_is_long_and_about_data(tag: str) -> None:
    assert len(_texts(f"<div>{_TEXT * 9}<{tag}>{_TEXT}</{tag}></div>")) == 36
    assert len(_texts(f"<div>{_TEXT * 9}<{tag}>{_TEXT * 4}</{tag}></div>")) == 36 + 16


def test_names_do_not_outweigh_sentences_between_those_of_the_policy() -> None:
    between = "<div class='{}'><h2>Others</h2><p>Nobody else may see it.</p></div>"
    for name in ("accordion-menu", "related", "newsletter", "no-footer", "us-ccpa-notice"):
        texts = _texts(f"<main><h1>Privacy notice</h1>{_TEXT}{between.format(name)}{_TEXT}</main>")
        assert texts[5:7] == ["Others", "Nobody else may see it."]
    assert len(_texts(f"<main>{_TEXT * 2}{between.format('related')}</main>")) == 8
    for widget in ('<p><a href="/x">Boots</a></p>', "<input><button>Sign up</button>"):
        page = between.format("related").replace("</div>", f"{widget}</div>")
        assert len(_texts(f"<main>{_TEXT}{page}{_TEXT}</main>")) == 8


@pytest.mark.parametrize(
    ("element", "kept"),
    [
        ('<aside class="share"><p>{}</p></aside>', True),
        ('<div role="search"><p>{}</p></div>', False),
        ('<div role="dialog"><p>{}</p></div>', True),
        ('<div role="dialog"><p>{}</p><button>Close</button></div>', True),
        ('<div role="dialog"><p>{}</p><button>Accept all</button></div>', False),
        ("<dialog open><p>{}</p><input type='email'></dialog>", False),
        ("<form><p>{}</p><input></form>", True),
        ("<form><p>{}</p></form>", True),
    ],
)
def test_two_mentions_of_data_outweigh_a_dialog_without_a_request_but_no_role_of_the_site(
    element: str, kept: bool
) -> None:
    two = "Here we collect the address of every visitor, and this information is kept for a week in the safe of our office."
    one = two.replace("this information", "all of it")
    for prose, expected in ((two, kept), (one, element.startswith(("<aside", "<form><p>{}</p></form>")))):
        assert (prose in _texts(f"{_TEXT * 2}{element.format(prose)}{_TEXT * 2}")) is expected


def test_a_footer_of_the_site_goes_and_one_of_the_text_stays() -> None:
    footer = f"<footer><p>{_CONTACT}</p></footer>"
    for tag, kept in (("main", True), ("article", True), ("section", True), ("div", False)):
        assert (_CONTACT in _texts(f"<{tag}>{_TEXT * 3}{footer}{_TEXT}</{tag}>")) is kept


def test_a_heading_in_the_header_of_an_article_stays() -> None:
    assert _texts(f"<article><header class='menu'><h2>Privacy</h2></header>{_TEXT}</article>")[0] == "Privacy"


@pytest.mark.parametrize(
    ("cookies", "kept"),
    [
        (f'<div class="cookie-notice"><p>{_TEXT}</p></div>', True),
        (f'<div class="cookie-notice">{_TEXT[:-4]} <a href="/yes">Yes</a></p></div>', True),
        (f'<div class="cookie-notice">{_TEXT}<a href="#">I agree</a></div>', False),
        (f'<div class="cookie-notice">{_TEXT}<button>Reject</button></div>', False),
    ],
)
def test_a_cookie_notice_is_text_if_it_asks_for_nothing(cookies: str, kept: bool) -> None:
    assert len(_texts(f"<div>{_TEXT * 3}{cookies}{_TEXT}</div>")) == 16 + 4 * kept


def test_folded_text_is_kept_if_it_has_enough_prose_about_data() -> None:
    often = (
        "We share your personal information, and they use the data that we collect, with no other third party at all."
    )
    rare = f"{_OTHER} {_OTHER} {_OTHER} {_OTHER} We collect the data that is in it."
    never = " ".join([_OTHER] * 5)
    base = f"<main>{_TEXT * 9}" + "{}</main>"
    for hidden, controlled, kept in (
        (often, False, False),  # 20 words
        (often, True, True),
        (" ".join([often] * 4), False, True),
        (rare, True, True),
        (never, True, True),
        (" ".join([never] * 4), True, False),  # another document
        (never, False, False),
    ):
        control = '<button aria-controls="x" aria-expanded="false">More about this</button>' if controlled else ""
        texts = _texts(base.format(f'{control}<div id="x" hidden><p>{hidden}</p></div>'))
        assert (hidden in texts) is kept, (hidden[:30], controlled)


def test_a_long_label_is_no_title() -> None:
    for words, kind in ((15, "heading"), (16, "")):
        title = " ".join(["Data"] * words)
        blocks = _blocks(f"<div><details><summary>{title}</summary><p>{_ONE}</p></details>{_TEXT}</div>")
        assert ((title, "heading") in blocks) is bool(kind)


def test_a_copyright_line_ends_the_text_unless_much_follows() -> None:
    line = "<p>© 2024 Example Ltd, Leeds</p>"
    little = f"<p>{_OTHER}</p>"
    mentions = f"<p>{_TWO}</p><p>{_FOUR}</p><p>We collect the data that they use and that we share with third parties, all of it.</p>"
    assert _texts(f"<div>{_TEXT * 9}{line}{little}</div>") == [*_PROSE * 9]
    assert _texts(f"<div>{_TEXT * 9}{line}{mentions}</div>")[-2:-1] == [_FOUR]
    assert _texts(f"<div>{_TEXT}{line}{little * 3}</div>")[-1] == _OTHER


def test_a_date_is_short() -> None:
    long = "Updated on 1 May 2024 by our office in Leeds, with small changes"
    for date in (f"<h3>{long}</h3>", "<h3>Shop documents</h3>"):
        page = f'<section><h1>Privacy notice</h1>{date}<div><div><a href="/terms">Terms</a></div><div>{_TEXT}</div></div></section>'
        assert _texts(page) == ["Privacy notice", *_PROSE]


def test_a_long_item_or_cell_is_layout() -> None:
    for tag in ("li", "td"):
        wrap = "<ul><li>{}</ul>" if tag == "li" else "<table><tr><td>{}</table>"
        kinds = {kind for _, kind in _blocks(wrap.format("<p>" + "</p><p>".join([_ONE] * 9) + "</p>"))}
        assert kinds == {"paragraph"}


def test_a_page_with_little_text_is_read_with_its_hidden_text() -> None:
    hidden = f'<div style="display:none"><p>{" ".join([_OTHER] * 9)}</p></div>'
    assert len(_texts(f"<main>{_TEXT}{hidden}</main>")) == 5
    assert len(_texts(f"<main>{_TEXT * 8}{hidden}</main>")) == 32


def test_an_element_named_depth_is_not_nested_too_deeply() -> None:
    assert _texts(f"{_NAV}<main>{_TEXT}</in-depth></main>") == [*_PROSE]


def test_three_levels_of_pages_within_pages_are_read() -> None:
    page = _TEXT * 2
    for level in range(1, 5):
        page = "<iframe srcdoc='" + page.replace("&", "&amp;").replace("'", "&#39;") + "'></iframe>"
        assert bool(_texts(page)) is (level <= 3)


def test_folded_text_needs_one_mention_of_data_per_100_words() -> None:
    some = " ".join([_TWO, *[_OTHER] * 4])
    texts = _texts(f'<main>{_TEXT * 9}<div style="display:none"><p>{some}</p></div></main>')
    assert some in texts


@pytest.mark.parametrize(("linked", "kept"), [(85, False), (50, True)])
def test_a_block_is_a_link_if_four_fifths_of_its_letters_are(linked: int, kept: bool) -> None:
    line = f"<p><a href='/x'>{'a' * linked}</a> {'b' * (100 - linked)}</p>"
    assert len(_texts(f"<div>{_TEXT}{line}</div>")) == 4 + kept


def test_an_introduction_above_a_menu_comes_back_without_a_title() -> None:
    intro = f"<div><p>{_TWO} {_FOUR}</p></div>"
    assert _texts(f"{intro}<nav>Contents</nav><div>{_TEXT * 9}</div>")[0] == f"{_TWO} {_FOUR}"
    assert _texts(f"<div><p>{_OTHER}</p></div><nav>Contents</nav><div>{_TEXT * 9}</div>")[0] == _ONE


def test_a_panel_below_a_short_text_is_read_if_it_is_about_data() -> None:
    for text, kept in ((_TWO, True), (_OTHER, False)):
        panel = f'<div><b>More</b></div><div style="display:none"><p>{text}</p></div>'
        assert (text in _texts(f"<main>{_TEXT.replace(_TWO, _FOUR) * 9}{panel}</main>")[36:]) is kept
    tooltip = f'<div>More</div><div class="tooltip" style="display:none"><p>{_TWO}</p></div>'
    assert _TWO not in _texts(f"<main>{_TEXT.replace(_TWO, _FOUR) * 9}{tooltip}</main>")
