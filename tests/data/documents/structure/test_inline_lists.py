"""Lists in running text become blocks."""

from __future__ import annotations

import pytest

from clausetag.data.documents.blocks import RawBlock, assemble
from clausetag.data.documents.sniff import extract_text
from clausetag.data.records import Link
from clausetag.data.segment import segment


def test_items_are_sentences_with_their_lead_in() -> None:
    text = "Policy\n\nYou agree to: • the use of your data; • the transfer of your data. You may object at any time.\n"
    assert [(s.text, s.lead_in) for s in segment(extract_text("p", text))][1:] == [
        ("You agree to:", None),
        ("the use of your data;", "You agree to:"),
        ("the transfer of your data.", "You agree to:"),
        ("You may object at any time.", None),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "We share it with: - banks; - couriers; - the police.",
        "We share it with: * banks, * couriers, * the police.",
        "We share it with: – banks; – couriers; – the police.",
        "We share it with: · banks; · couriers; · the police.",
        "We share it with: o banks; o couriers; o the police.",
        "We share it with: • banks • couriers • the police",
        "We share it with these: ► banks ► couriers ► police",
        "We share all data with ▪ banks ▪ couriers ▪ the police.",
    ],
)
def test_signs_that_are_bullets(text: str) -> None:
    document = assemble("p", [RawBlock(text)])
    lead_in, *items = (document.text[block.start : block.end] for block in document.blocks)
    assert lead_in.startswith("We share")
    assert [item.rstrip(";,.") for item in items] in (
        ["banks", "couriers", "the police"],
        ["banks", "couriers", "police"],
    )


@pytest.mark.parametrize(
    "text",
    [
        "We ask for this: your name - the full one; your age - in years; and more - if you like.",
        "We sell - and lend - what we have.",
        "Call us: 9 - 12, 14 - 17.",
        "Privacy • Terms of use • Cookies",
        "We sell: • nothing",
        "Our brands, • Acme • Beta • Gamma",
        "We use • as a sign",
    ],
)
def test_bullets_that_are_no_list(text: str) -> None:
    assert len(assemble("p", [RawBlock(text)]).blocks) == 1


def test_links_stay_on_their_words() -> None:
    text = "You may: • write to us; • opt out here."
    link = Link(text.index("opt"), text.index("here"), "/out")
    document = assemble("p", [RawBlock(text, links=(link,))])
    (found,) = (link for block in document.blocks for link in block.links)
    assert document.text[found.start : found.end] == "opt out "
