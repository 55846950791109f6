from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clausetag.data.corpora.offsets import find_text, html_text, match_key
from clausetag.data.corpora.opp115 import Corpus, Passage, download_opp115, find_opp115, read_opp115
from clausetag.data.corpora.splits import held_back, policy_split
from clausetag.data.errors import DataError
from clausetag.data.records import Sentence
from tests.data.corpora.opp115_fixture import (
    ANN,
    BEN,
    CAT,
    FIRST,
    POLICY,
    ROWS,
    SEGMENTS,
    THIRD,
    row,
    select,
    unselected,
    write_corpus,
    zip_corpus,
)

GENERIC, CONTACT = "Introductory/Generic", "Privacy contact information"
THIRD_OF = pytest.approx(1 / 3)
TWO_THIRDS = pytest.approx(2 / 3)


@pytest.fixture
def corpus(tmp_path: Path) -> Corpus:
    return read_opp115(write_corpus(tmp_path / "corpus"))


def sentence(corpus: Corpus, text: str) -> Sentence:
    (found,) = [sentence for sentence in corpus.sentences if sentence.text == text]
    return found


def passage(corpus: Corpus, segment: int) -> Passage:
    (found,) = [passage for passage in corpus.passages if passage.segment == segment]
    return found


# HTML to text


def test_html_text_maps_characters_to_the_markup() -> None:
    page = html_text("<strong> A  &amp; b </strong> <br> <br> <ul> <li> Cc </li> </ul>")
    assert page.text == "A & b\nCc"
    assert page.sources == (9, 10, 12, 17, 18, 50, 50, 51)
    assert [(block.start, block.end, block.bold, block.in_list) for block in page.blocks] == [
        (0, 5, True, False),
        (6, 8, False, True),
    ]
    assert page.text_range(12, 19) == (2, 5)
    assert page.text_range(20, 50) == (5, 5)


def test_html_text_reads_a_mangled_tag_as_browsers_do_and_keeps_other_brackets() -> None:
    assert html_text("Write. <strMeadow.example <br> Now <3 or a < b.").text == "Write.\nNow <3 or a < b."


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from(["ab", "Zé", " ", "\n", "&amp;", "<br>", "<b>", "</b>", "<li>", "</li>", "<", "7."])))
def test_html_text_invariants(parts: list[str]) -> None:
    markup = "".join(parts)
    page = html_text(markup)
    assert len(page.sources) == len(page.text)
    assert list(page.sources) == sorted(page.sources)
    for character, place in zip(page.text, page.sources, strict=True):
        if character not in "\n ":
            assert markup.startswith("&amp;" if character == "&" else character, place)
    assert "\n".join(page.text[block.start : block.end] for block in page.blocks) == page.text
    assert match_key(page.text) == match_key(html_text(markup.replace(" ", "  ")).text)


def test_find_text_ignores_tags_and_punctuation() -> None:
    page = html_text("We sell <b>no</b> data, ever.")
    found = find_text(page, "sell no <br> DATA")
    assert found is not None
    assert page.text[slice(*found)] == "sell no data"
    assert find_text(page, "all data") is None
    assert find_text(page, "<br>") is None


# Sentences and votes


def test_sentences_headings_and_markers(corpus: Corpus) -> None:
    assert [(sentence.passage, sentence.heading, sentence.text) for sentence in corpus.sentences] == [
        (0, None, "Privacy at Meadow"),
        (0, "Privacy at Meadow", "Welcome to Meadow Farm."),
        (0, "Privacy at Meadow", "We wrote this page for our visitors."),
        (1, "Privacy at Meadow", "We ask for your name & your home address."),
        (1, "Privacy at Meadow", "We sell no data to any other company."),
        (2, "Privacy at Meadow", "Nobody marked this paragraph."),
        (2, "Privacy at Meadow", "It is context."),
        (3, "Privacy at Meadow", "We erase old orders after two years."),
        (4, "Privacy at Meadow", "You can write to us."),
        (4, "Privacy at Meadow", "We answer within a week."),
        (5, "Privacy at Meadow", "You may also:"),
        (5, "Privacy at Meadow", "1. Close your account at once."),
        (5, "Privacy at Meadow", "Correct your home address."),
        (6, None, "How We Protect Data"),
        (6, "How We Protect Data", "Our servers stand in a locked room."),
        (7, "How We Protect Data", "Only two people have the key."),
    ]
    assert [sentence.index for sentence in corpus.sentences] == list(range(16))
    assert {sentence.policy for sentence in corpus.sentences} == {POLICY}


def test_offsets_index_the_policys_text(corpus: Corpus) -> None:
    text = corpus.texts()[POLICY]
    assert text == "\n\n".join(passage.text for passage in corpus.passages)
    for sentence in corpus.sentences:
        assert text[sentence.start : sentence.end] == sentence.text


def test_votes_are_shares_of_three_and_labels_the_majority(corpus: Corpus) -> None:
    collects = sentence(corpus, "We ask for your name & your home address.")
    assert (collects.labels, collects.votes) == ((FIRST,), {FIRST: 1.0})
    sells = sentence(corpus, "We sell no data to any other company.")
    assert (sells.labels, sells.votes) == ((THIRD,), {THIRD: TWO_THIRDS})
    assert sells.extra == {"annotators": {ANN: [THIRD], BEN: [THIRD], CAT: []}}
    # A segment that only one of the three left a row in: its vote is one of three.
    locked = sentence(corpus, "Our servers stand in a locked room.")
    assert (locked.labels, locked.votes) == ((), {"Data Security": THIRD_OF})
    assert sentence(corpus, "How We Protect Data").votes == {}
    assert sentence(corpus, "How We Protect Data").labelled


def test_other_becomes_its_type_and_plain_other_no_label(corpus: Corpus) -> None:
    assert sentence(corpus, "Welcome to Meadow Farm.").labels == (GENERIC,)
    wrote = sentence(corpus, "We wrote this page for our visitors.")
    assert (wrote.labels, wrote.votes) == ((), {GENERIC: THIRD_OF})
    assert passage(corpus, 0).annotators == {ANN: (GENERIC,), BEN: (GENERIC,), CAT: ()}


def test_a_segment_without_rows_is_unlabelled_not_negative(corpus: Corpus) -> None:
    nobody = sentence(corpus, "Nobody marked this paragraph.")
    assert (nobody.labels, nobody.votes, nobody.extra) == (None, None, {})
    assert not nobody.labelled
    unlabelled = passage(corpus, 2)
    assert (unlabelled.labels, unlabelled.votes, unlabelled.annotators) == (None, None, None)
    assert passage(corpus, 7).labels == ()


def test_passages_carry_majority_votes_and_text(corpus: Corpus) -> None:
    assert [passage.labels for passage in corpus.passages] == [
        (GENERIC,),
        (FIRST, THIRD),
        None,
        ("Data Retention",),
        (CONTACT,),
        ("User Access, Edit and Deletion",),
        (),
        (),
    ]
    assert passage(corpus, 5).text == "You may also:\n1. Close your account at once.\n(b) Correct your home address."
    assert passage(corpus, 4).votes == {FIRST: THIRD_OF, CONTACT: TWO_THIRDS}


def test_a_practice_without_span_labels_the_passage_and_an_only_sentence(corpus: Corpus) -> None:
    assert sentence(corpus, "We erase old orders after two years.").labels == ("Data Retention",)
    assert sentence(corpus, "You can write to us.").votes == {}


def test_wrong_offsets_fall_back_to_the_selected_text(corpus: Corpus) -> None:
    assert sentence(corpus, "We answer within a week.").votes == {FIRST: THIRD_OF}


def test_notes_count_what_was_repaired(corpus: Corpus) -> None:
    assert corpus.notes == (
        'practices "Other" of type "Other", which is no label: 1',
        "practices without a usable span, given to the segment alone: 2",
        "practices without a usable span, given to the sentence, the only one of its segment: 2",
        "segments unlabelled: 1",
        "spans that match once tags and white space are dropped: 1",
        "spans with wrong offsets, found by their text: 1",
    )


@pytest.mark.parametrize(
    ("span", "marked"),
    [
        ("We collect all your addresses. You can", {"We collect all your addresses."}),  # 7 characters of the second
        ("We collect all your addresses. You can ", {"We collect all your addresses.", "You can always object."}),
        ("ject. Yes,", set()),  # 4 of 9 characters
        ("ject. Yes, ", {"Yes, now."}),  # 5 of 9
    ],
)
def test_a_span_must_overlap_by_eight_characters_or_half(tmp_path: Path, span: str, marked: set[str]) -> None:
    segments = ["We collect all your addresses. You can always object. Yes, now. <br>"]
    rows = [row(ANN, 0, FIRST, {"Purpose": select(0, span, segments)})]
    corpus = read_opp115(write_corpus(tmp_path, {POLICY: (segments, rows)}))
    assert {sentence.text for sentence in corpus.sentences if sentence.votes} == marked


def test_spans_of_one_practice_add_up(tmp_path: Path) -> None:
    segments = ["We collect all your addresses and names."]
    halves = {"A": select(0, "all ", segments), "B": select(0, "names", segments)}
    alone = read_opp115(write_corpus(tmp_path / "a", {POLICY: (segments, [row(ANN, 0, FIRST, {"A": halves["A"]})])}))
    both = read_opp115(write_corpus(tmp_path / "b", {POLICY: (segments, [row(ANN, 0, FIRST, halves)])}))
    assert [sentence.votes for sentence in alone.sentences] == [{}]
    assert [sentence.votes for sentence in both.sentences] == [{FIRST: THIRD_OF}]


# Masking


@pytest.mark.parametrize("unmask", [False, True])
def test_held_back_segments_are_masked_unless_asked(tmp_path: Path, unmask: bool) -> None:
    policy, segment = min(held_back())
    free = next(number for number in range(1000) if (policy, number) not in held_back())
    segments = ["We collect your names."] * (max(segment, free) + 1)
    places = [(reader, number) for reader in (ANN, BEN) for number in (segment, free)]
    rows = [row(reader, number, FIRST, {"A": select(number, "collect your", segments)}) for reader, number in places]
    corpus = read_opp115(write_corpus(tmp_path, {policy: (segments, rows)}), unmask=unmask)
    labels = {sentence.passage: sentence.labels for sentence in corpus.sentences}
    assert labels[free] == (FIRST,)
    assert labels[segment] == ((FIRST,) if unmask else None)
    assert passage(corpus, segment).labels == labels[segment]
    assert ("rows of held-back segments left out: 2" in corpus.notes) is not unmask


# Files


def test_zip_and_folder_read_the_same(tmp_path: Path, corpus: Corpus) -> None:
    folder = write_corpus(tmp_path / "corpus")
    assert read_opp115(zip_corpus(folder, tmp_path / "corpus.zip")) == corpus
    (tmp_path / "outer").mkdir()
    folder.rename(tmp_path / "outer" / "OPP-115")
    assert read_opp115(tmp_path / "outer") == corpus


def test_policies_come_in_numeric_order(tmp_path: Path) -> None:
    names = ("20_b.example", "3_a.example", "100_c.example")
    folder = write_corpus(tmp_path, {name: (["Hello there."], []) for name in names})
    assert [passage.policy for passage in read_opp115(folder).passages] == ["3_a.example", *names[::2]]


BAD_ROWS = {
    "columns": (ROWS[0][:8], "expected 9 columns, found 8"),
    "segment text": ([*ROWS[0][:4], "two", *ROWS[0][5:]], "must be an integer from 0, found 'two'"),
    "segment negative": ([*ROWS[0][:4], "-1", *ROWS[0][5:]], "must be an integer from 0, found '-1'"),
    "segment beyond": (row(ANN, 8, FIRST, {}), "there is no segment 8: the policy has 8, counted from 0"),
    "annotator": (row(" ", 0, FIRST, {}), "annotator id (column 3) is empty"),
    "category": (row(ANN, 0, "Fishing", {}), "unknown category 'Fishing'"),
    "other type": (row(ANN, 0, "Other", {"Other Type": unselected("Fishing")}), "unknown Other Type 'Fishing'"),
    "other type list": (row(ANN, 0, "Other", {"Other Type": {"value": []}}), "unknown Other Type []"),
    "other untyped": (row(ANN, 0, "Other", {}), "has no attribute 'Other Type'"),
    "json": ([*ROWS[0][:6], "{'a': 1}", *ROWS[0][7:]], "the attributes (column 7) are not JSON"),
    "json list": ([*ROWS[0][:6], "[]", *ROWS[0][7:]], "must be a JSON object"),
    "attribute": (row(ANN, 0, FIRST, {"Purpose": "x"}), "the attribute 'Purpose' must be a JSON object"),
    "offset": (row(ANN, 0, FIRST, {"Purpose": {"startIndexInSegment": 1.5}}), "must be an integer, found 1.5"),
    "text": (row(ANN, 0, FIRST, {"Purpose": {"selectedText": 7}}), "must be a string, found 7"),
    "annotators": (row("44", 0, FIRST, {}), "'44' is the fourth annotator of this policy"),
}


@pytest.mark.parametrize(("bad", "reason"), BAD_ROWS.values(), ids=BAD_ROWS)
def test_a_bad_row_names_file_line_and_reason(tmp_path: Path, bad: Sequence[str], reason: str) -> None:
    folder = write_corpus(tmp_path, {POLICY: (SEGMENTS, [*ROWS, bad])})
    with pytest.raises(DataError) as caught:
        read_opp115(folder)
    assert f"{POLICY}.csv, line {len(ROWS) + 1}: " in str(caught.value)
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_open_quote_is_an_error_with_its_line(tmp_path: Path) -> None:
    folder = write_corpus(tmp_path)
    with (folder / "annotations" / f"{POLICY}.csv").open("a", encoding="utf-8") as file:
        file.write('1,batch,"11\n')
    with pytest.raises(DataError, match=rf"{POLICY}\.csv, line {len(ROWS) + 1}: unexpected end of data"):
        read_opp115(folder)


def test_sources_that_are_no_corpus(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="No such file"):
        read_opp115(tmp_path / "absent")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="no folders annotations and sanitized_policies"):
        read_opp115(tmp_path / "empty")
    (tmp_path / "text.zip").write_text("not a zip")
    with pytest.raises(DataError, match=r"text\.zip: neither a folder nor a valid zip"):
        read_opp115(tmp_path / "text.zip")
    folder = write_corpus(tmp_path / "corpus")
    page = folder / "sanitized_policies" / f"{POLICY}.html"
    page.write_bytes(b"caf\xe9")
    with pytest.raises(DataError, match=rf"{POLICY}\.html: not UTF-8"):
        read_opp115(folder)
    page.unlink()
    page.with_name("8_else.example.html").write_text("Hello there.")
    with pytest.raises(DataError, match=rf"sanitized_policies has no {POLICY}\.html"):
        read_opp115(folder)


# Finding and fetching


def test_find_prefers_the_variable_then_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPP115_DIR", raising=False)
    monkeypatch.setenv("CLAUSETAG_CACHE", str(tmp_path / "cache"))
    with pytest.raises(DataError, match=r"usableprivacy\.org.*OPP115_DIR"):
        find_opp115()
    (tmp_path / "cache" / "opp115").mkdir(parents=True)
    assert find_opp115() == tmp_path / "cache" / "opp115"
    monkeypatch.setenv("OPP115_DIR", str(tmp_path / "mine"))
    with pytest.raises(DataError, match="mine, which does not exist"):
        find_opp115()
    (tmp_path / "mine").mkdir()
    assert find_opp115() == tmp_path / "mine"


def test_download_puts_the_zip_into_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, corpus: Corpus) -> None:
    packed = zip_corpus(write_corpus(tmp_path / "corpus"), tmp_path / "served.zip")
    fetched = download_opp115(tmp_path / "cache", packed.as_uri())
    assert read_opp115(fetched) == corpus
    monkeypatch.delenv("OPP115_DIR", raising=False)
    monkeypatch.setenv("CLAUSETAG_CACHE", str(tmp_path / "cache"))
    assert find_opp115() == fetched


def test_a_failed_download_says_where_to_get_it_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text("moved")
    for url in ((tmp_path / "page.html").as_uri(), (tmp_path / "absent.zip").as_uri()):
        with pytest.raises(DataError, match=r"usableprivacy\.org.*OPP115_DIR"):
            download_opp115(tmp_path / "cache", url)
        assert list((tmp_path / "cache").iterdir()) == []


# The real corpus


def test_the_corpus_itself(opp115_corpus: Corpus) -> None:
    corpus = opp115_corpus
    assert len(corpus.passages) == 3792
    assert {(passage.policy, passage.segment) for passage in corpus.passages if passage.labels is None} == held_back()
    split = {policy for part in policy_split().values() for policy in part}
    assert {passage.policy for passage in corpus.passages} == split
    texts = corpus.texts()
    assert all(texts[sentence.policy][sentence.start : sentence.end] == sentence.text for sentence in corpus.sentences)
    labelled = [sentence for sentence in corpus.sentences if sentence.labels is not None]
    assert 0.37 < sum(not sentence.labels for sentence in labelled) / len(labelled) < 0.41
    assert "practices without a usable span, given to the segment alone: 15" in corpus.notes
    assert "spans with wrong offsets, left out: 4" in corpus.notes


# Attributes


def test_values_label_the_sentences_that_their_own_span_covers(tmp_path: Path) -> None:
    text = "We collect your name and your IP address. We use both to send you offers. We never sell them."

    def span(selected: str, value: str) -> dict[str, Any]:
        start = text.index(selected)
        end = start + len(selected)
        return {"selectedText": selected, "startIndexInSegment": start, "endIndexInSegment": end, "value": value}

    none = {"selectedText": "null", "startIndexInSegment": -1, "endIndexInSegment": -1}
    first = {
        "Does/Does Not": {**none, "value": "Does"},
        "Personal Information Type": span("your name", "Contact"),
        "Purpose": span("to send you offers", "Service Operation and Security"),
        "Choice Type": {**none, "value": "not-selected"},
        "Retention Period": span("your name", "Limited"),  # no attribute of this category
    }
    third = {
        "Does/Does Not": {**none, "value": "Does Not"},
        "Action Third Party": span("We never sell", "See"),
        "Personal Information Type": span("them", "User Profile"),
    }
    policy = "9002_brook.example"
    rows = [row(ANN, 0, FIRST, first), row(BEN, 0, THIRD, third), row(CAT, 0, THIRD, third)]
    corpus = read_opp115(write_corpus(tmp_path, {policy: ([text], rows)}))
    collect, use, sell = corpus.sentences
    assert collect.extra["annotator_attributes"] == {
        ANN: {"Does/Does Not": ["Does"], "Personal Information Type": ["Contact"]}
    }
    assert use.extra["annotator_attributes"] == {
        ANN: {"Does/Does Not": ["Does"], "Purpose": ["Service operation and security"]}
    }
    said = {"Does/Does Not": ["Does Not"], "Personal Information Type": ["User profile"]}
    assert sell.extra["annotator_attributes"] == {BEN: said, CAT: said}
    (whole,) = corpus.passages
    assert whole.annotator_attributes is not None
    assert whole.annotator_attributes[ANN] == {
        "Does/Does Not": ("Does",),
        "Personal Information Type": ("Contact",),
        "Purpose": ("Service operation and security",),
    }


@pytest.mark.parametrize("value", ["Delete account (partial)", "Delete account (full)"])
def test_both_ways_to_delete_an_account_are_one_value(value: str, tmp_path: Path) -> None:
    text = "You may delete your account."
    span = {"selectedText": text, "startIndexInSegment": 0, "endIndexInSegment": len(text), "value": value}
    rows = [row(ANN, 0, "User Access, Edit and Deletion", {"Access Type": span})]
    corpus = read_opp115(write_corpus(tmp_path, {"9003_hill.example": ([text], rows)}))
    assert corpus.sentences[0].extra["annotator_attributes"] == {ANN: {"Access Type": ["Delete"]}}
