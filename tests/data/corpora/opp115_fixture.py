"""A tiny invented corpus in OPP-115's official layout: what the tests of the reader and of its callers read."""

from __future__ import annotations

import csv
import json
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

POLICY = "9001_meadow.example"
ANN, BEN, CAT = "11", "22", "33"
FIRST, THIRD = "First Party Collection/Use", "Third Party Sharing/Collection"

SEGMENTS = (
    # 0: a heading in bold, then two sentences.
    "<strong> Privacy at Meadow </strong> <br> <br> Welcome to Meadow Farm. We wrote this page for our visitors.",
    # 1: an entity and tags inside sentences, so that offsets into HTML and text differ.
    "We ask for your name &amp; your home address. We sell <strong> no data </strong> to any other company. <br> <br>",
    # 2: nobody left a row here.
    "Nobody marked this paragraph. It is context.",
    # 3: one sentence, for practices without a span.
    "We erase old orders after two years.",
    # 4: two sentences, for practices without a span.
    "You can write to us. We answer within a week.",
    # 5: list items with markers behind a lead-in.
    "You may also: <ul> <li> 1. Close your account at once. </li> <li> (b) Correct your home address. </li> </ul>",
    # 6: a heading that is not in bold holds for the next segment too.
    "How We Protect Data <br> <br> Our servers stand in a locked room.",
    "Only two people have the key.",
)


def select(segment: int, text: str, segments: Sequence[str] = SEGMENTS, shift: int = 0) -> dict[str, Any]:
    """The JSON of an attribute whose span is the first place of `text` in a segment's HTML, moved by `shift`."""
    start = segments[segment].index(text) + shift
    return {
        "startIndexInSegment": start,
        "endIndexInSegment": start + len(text),
        "selectedText": text,
        "value": "Unspecified",
    }


def unselected(value: str = "not-selected") -> dict[str, Any]:
    """The JSON of an attribute without a span, as the annotation tool wrote it."""
    return {"startIndexInSegment": -1, "endIndexInSegment": -1, "value": value}


def row(annotator: str, segment: int, category: str, attributes: Mapping[str, Any]) -> list[str]:
    """One row of an annotation file."""
    url = "https://meadow.example/privacy"
    return ["1", "batch", annotator, "77", str(segment), category, json.dumps(attributes), "1/2/15", url]


def other(kind: str, span: Mapping[str, Any]) -> dict[str, Any]:
    """The attributes of the category Other with a type."""
    return {"Other Type": {**span, "value": kind}}


ROWS: tuple[list[str], ...] = (
    row(ANN, 0, "Other", other("Introductory/Generic", select(0, "Welcome to Meadow Farm."))),
    row(BEN, 0, "Other", other("Introductory/Generic", select(0, "Welcome to Meadow Farm. We wrote this page"))),
    row(CAT, 0, "Other", other("Other", select(0, "We wrote this page for our visitors."))),
    row(ANN, 1, FIRST, {"Purpose": select(1, "name &amp; your home"), "User Type": unselected()}),
    # The same annotator again: still one vote.
    row(ANN, 1, FIRST, {"Purpose": select(1, "your home address")}),
    row(BEN, 1, FIRST, {"Purpose": select(1, "your home address")}),
    row(CAT, 1, FIRST, {"Purpose": select(1, "We ask for your name")}),
    row(ANN, 1, THIRD, {"Purpose": select(1, "We sell <strong> no data"), "Entity": select(1, "other company")}),
    # The selected text lost its tags, so it is not the slice of the HTML.
    row(
        BEN,
        1,
        THIRD,
        {"Purpose": {**select(1, "sell <strong> no data </strong> to"), "selectedText": "sell no data to"}},
    ),
    row(ANN, 3, "Data Retention", {"Retention Period": unselected()}),
    row(BEN, 3, "Data Retention", {"Retention Period": unselected()}),
    row(ANN, 4, "Other", other("Privacy contact information", unselected())),
    row(BEN, 4, "Other", other("Privacy contact information", unselected())),
    # Wrong offsets, but the text says where it is.
    row(BEN, 4, FIRST, {"Purpose": select(4, "answer within a week", shift=-17)}),
    row(CAT, 5, "User Access, Edit and Deletion", {"Access Type": select(5, "Close your account")}),
    row(BEN, 5, "User Access, Edit and Deletion", {"Access Type": select(5, "Close your account at once.")}),
    row(CAT, 6, "Data Security", {"Security Measure": select(6, "Our servers stand in a locked room.")}),
    row(CAT, 7, "Data Security", {"Security Measure": select(7, "Only two people have the key.")}),
)


def write_corpus(
    folder: Path, policies: Mapping[str, tuple[Sequence[str], Sequence[Sequence[str]]]] | None = None
) -> Path:
    """Write policies (name to segments and rows; the one above if none are given) into `folder` and return it."""
    for name, (segments, rows) in (policies or {POLICY: (SEGMENTS, ROWS)}).items():
        for part in ("sanitized_policies", "annotations", "documentation"):
            (folder / part).mkdir(parents=True, exist_ok=True)
        (folder / "sanitized_policies" / f"{name}.html").write_text("|||".join(segments), encoding="utf-8", newline="")
        with (folder / "annotations" / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows(rows)
    return folder


def zip_corpus(folder: Path, target: Path) -> Path:
    """Pack a corpus as its site does: in one top-level folder, with a Mac's leftovers beside it."""
    with zipfile.ZipFile(target, "w") as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                archive.write(path, Path("OPP-115") / path.relative_to(folder))
        archive.writestr("__MACOSX/OPP-115/annotations/._x.csv", b"\x00\x05\x16\x07")
        archive.writestr("OPP-115/annotations/._9001_meadow.example.csv", b"\x00\x05\x16\x07")
    return target
