"""Quality flags: not English, not a privacy policy."""

from __future__ import annotations

import os
import re
from html import unescape
from pathlib import Path

import pytest

from clausetag.data.documents.quality import NOT_ENGLISH, NOT_PRIVACY_POLICY, quality_flags
from clausetag.data.documents.sniff import extract_text

_ROOT = Path(__file__).parents[3]
_GERMAN = "Wir erheben Ihre Daten nur, soweit dies nötig ist, und geben sie nicht an Dritte weiter. "
_RECIPE = (
    "Heat the oven to 180 degrees. Beat the butter with the sugar until it is pale, add the eggs one by one, then fold "
    "in the flour and the milk. Pour the dough into a tin, bake it for forty minutes and let it cool before serving. "
)


@pytest.mark.parametrize("path", sorted((_ROOT / "data" / "policies").glob("*.txt")), ids=lambda path: path.stem)
def test_the_five_policies_raise_no_flag(path: Path) -> None:
    assert quality_flags(extract_text("p", path.read_text(encoding="utf-8"))) == ()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (_GERMAN, (NOT_ENGLISH,)),
        (_GERMAN * 20, (NOT_ENGLISH,)),
        ("我们不会出售您的个人信息。我们会妥善保管您的数据。", (NOT_ENGLISH,)),
        (_RECIPE, (NOT_PRIVACY_POLICY,)),
        (_RECIPE * 20, (NOT_PRIVACY_POLICY,)),
        (_RECIPE * 5 + "We collect your data.", (NOT_PRIVACY_POLICY,)),
        ("Cookies.", ()),
        ("Heat the oven to 180 degrees.", ()),
        ("We sell nothing.", ()),
        ("We collect your name. " + _RECIPE, ()),  # short, and it might be
        ("", ()),
    ],
)
def test_flags(text: str, expected: tuple[str, ...]) -> None:
    assert quality_flags(extract_text("p", text)) == expected


def test_the_licence_is_no_policy() -> None:
    assert quality_flags(extract_text("p", (_ROOT / "LICENSE").read_text(encoding="utf-8"))) == (NOT_PRIVACY_POLICY,)


def test_no_policy_of_the_corpus_is_flagged() -> None:
    corpus = Path(os.environ.get("OPP115_DIR") or _ROOT.parent / "shared" / "opp115")
    paths = sorted((corpus / "sanitized_policies").glob("*.html"))
    if not paths:
        pytest.skip("needs the OPP-115 corpus; set OPP115_DIR")
    for path in paths:
        text = unescape(re.sub(r"<[^>]*>", " ", path.read_text(encoding="utf-8", errors="replace")))
        assert quality_flags(extract_text(path.stem, text, markdown=False)) == (), path.stem
