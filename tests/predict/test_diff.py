"""Two versions of a policy: statuses, order, word edits, labels, counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clausetag.data.corpora.five import read_five
from clausetag.data.labels import CHOICE, FIRST_PARTY, RETENTION, SECURITY
from clausetag.data.records import Sentence
from clausetag.predict.diff.diff import Change, WordEdit, comparison_key, count_categories, diff_sentences, word_edits

_VTIGER = [sentence for sentence in read_five() if sentence.policy == "004_vtiger"]
_TEXTS = [sentence.text for sentence in _VTIGER]


def _sentences(texts: Sequence[str], labels: Sequence[Sequence[str]] = ()) -> list[Sentence]:
    return [
        Sentence("p", index, text, labels=tuple(labels[index]) if labels else ()) for index, text in enumerate(texts)
    ]


def _said(old: Sequence[str], new: Sequence[str]) -> list[tuple[str, int | None, int | None]]:
    return [
        (change.status, change.old and change.old.index, change.new and change.new.index)
        for change in diff_sentences(_sentences(old), _sentences(new))
    ]


def _statuses(old: Sequence[str], new: Sequence[str]) -> Counter[str]:
    return Counter(status for status, _, _ in _said(old, new))


def test_a_policy_against_itself() -> None:
    changes = diff_sentences(_VTIGER, _VTIGER)
    assert {change.status for change in changes} == {"unchanged"} and len(changes) == len(_VTIGER)


def test_each_status_once_and_in_order() -> None:
    new = [*_TEXTS]
    new[73] = new[73].replace("48 hours", "ten days")
    new.insert(37, "Your account data are deleted 90 days after you close your account.")
    moved = new.pop(10)
    new.insert(60, moved)
    del new[80]
    changes = diff_sentences(_VTIGER, _sentences(new))
    told = {c.status: c for c in changes if c.status != "unchanged"}
    assert Counter(c.status for c in changes) == {"unchanged": 98, "moved": 1, "changed": 1, "added": 1, "removed": 1}
    assert told["moved"].old is _VTIGER[10] and told["moved"].new is not None and told["moved"].new.index == 60
    assert told["changed"].old is _VTIGER[73] and 0.6 < (told["changed"].similarity or 0) < 1
    assert told["added"].new is not None and told["added"].new.text.startswith("Your account data")
    assert told["removed"].old is not None
    at = changes.index(told["removed"])
    assert changes[at - 1].old is _VTIGER[told["removed"].old.index - 1]
    assert changes[at + 1].old is _VTIGER[told["removed"].old.index + 1]


@given(st.lists(st.integers(0, 30)), st.lists(st.integers(0, 30)))
def test_every_sentence_stands_there_once_and_the_new_ones_in_order(old: list[int], new: list[int]) -> None:
    said = _said([_TEXTS[number] for number in old], [_TEXTS[number] for number in new])
    assert [j for _, _, j in said if j is not None] == list(range(len(new)))
    assert sorted(i for _, i, _ in said if i is not None) == list(range(len(old)))
    removed = [i for status, i, _ in said if status == "removed"]
    assert removed == sorted(i for i in removed if i is not None)
    for status, i, j in said:
        assert (i is None) == (status == "added") and (j is None) == (status == "removed")


def test_removed_stands_before_what_was_added_in_its_place() -> None:
    old = ["Start here.", "Cookies expire yearly.", "End here."]
    new = ["Start here.", "Children may not register.", "End here."]
    assert _said(old, new) == [
        ("unchanged", 0, 0),
        ("removed", 1, None),
        ("added", None, 1),
        ("unchanged", 2, 2),
    ]


def test_shapes_of_quotes_dashes_and_spaces_are_no_change_but_case_and_signs_are() -> None:
    old = ["We don’t sell “data” – ever.", "We share Personal Data.", "We keep it for 1.000 days."]
    new = ['We don\'t  sell "data" - ever.', "We share personal data.", "We keep it for 1,000 days."]
    assert [status for status, _, _ in _said(old, new)] == ["unchanged", "changed", "changed"]


def test_the_most_similar_of_several_is_the_changed_one() -> None:
    old = [_TEXTS[73], _TEXTS[74]]
    new = [_TEXTS[74].replace("30", "60"), "We sell boats.", _TEXTS[73].replace("48", "72")]
    pairs = {(i, j) for status, i, j in _said(old, new) if status == "changed"}
    assert pairs == {(0, 2), (1, 0)}


def test_another_place_asks_for_more_than_the_same_place() -> None:
    """Half of the words are the same: a rewording in its place, a coincidence elsewhere."""
    before, after = "We keep your invoices for seven years.", "We keep your invoices as long as needed."
    anchors = ["Alpha one.", "Beta two.", "Gamma three.", "Delta four."]
    here = _statuses([anchors[0], before, *anchors[1:]], [anchors[0], after, *anchors[1:]])
    there = _statuses([anchors[0], before, *anchors[1:]], [*anchors[:3], after, anchors[3]])
    assert here["changed"] == 1
    assert there["changed"] == 0 and there["added"] == there["removed"] == 1


@pytest.mark.parametrize(
    ("old", "new", "status"),
    [
        ("Last updated: March 7, 2024", "Last updated: 1 June 2025", "changed"),
        ("Effective 03/07/24", "Effective 2025-06-01", "changed"),
        ("Last updated: March 7, 2024", "Effective: June 1, 2025", "removed"),
        ("Seen on March 7, 2024", "Read on June 1, 2025", "removed"),
    ],
)
def test_another_date_is_a_change_wherever_it_stands(old: str, new: str, status: str) -> None:
    texts = ["We keep it.", "You may ask us."]
    changes = diff_sentences(_sentences([old, *texts]), _sentences([*texts, new]))
    assert [change.status for change in changes if change.old and change.old.text == old] == [status]


def test_unrelated_sentences_in_one_place_are_no_change() -> None:
    assert _statuses(["We encrypt backups."], ["Contact our office in Chennai."]) == {"removed": 1, "added": 1}


def test_far_more_sentences_than_are_compared_each_with_each() -> None:
    old = [f"Partner number {n} of district {n % 7} gets file {n * n}." for n in range(3_000)]
    new = [text.replace("gets", "receives") for text in old]
    assert _statuses(old, new) == {"changed": 3_000}
    assert _statuses(["More."] * 100_000, ["More."] * 99_000) == {"unchanged": 99_000, "removed": 1_000}


def test_word_edits() -> None:
    assert word_edits("Changes take up to 48 hours.", "Changes may take up to 10 days.") == (
        WordEdit("=", "Changes"),
        WordEdit("+", " may"),
        WordEdit("=", " take up to"),
        WordEdit("-", " 48 hours"),
        WordEdit("+", " 10 days"),
        WordEdit("=", "."),
    )


@given(st.sampled_from(_TEXTS), st.sampled_from(_TEXTS))
def test_word_edits_put_together_give_both_texts(old: str, new: str) -> None:
    edits = word_edits(old, new)
    assert "".join(edit.text for edit in edits if edit.kind != "-") == new
    without = "".join(edit.text for edit in edits if edit.kind != "+")
    assert comparison_key(without).replace(" ", "") == comparison_key(old).replace(" ", "")
    assert all(a.kind != b.kind for a, b in pairwise(edits))


def test_labels_gained_and_lost() -> None:
    old = _sentences(["We log visits.", "Same text.", "Gone now."], [[FIRST_PARTY, CHOICE], [SECURITY], [SECURITY]])
    new = _sentences(["We log visits daily.", "Same text."], [[FIRST_PARTY, RETENTION], []])
    changed, same, gone = diff_sentences(old, new)
    assert (changed.gained, changed.lost) == ((RETENTION,), (CHOICE,))
    assert changed.labels == (FIRST_PARTY, CHOICE, RETENTION)
    assert (same.status, same.gained, same.lost) == ("unchanged", (), (SECURITY,))
    assert (gone.gained, gone.lost) == ((), (SECURITY,))
    counts = {row.label: (row.added, row.removed, row.changed) for row in count_categories((changed, same, gone))}
    assert counts == {FIRST_PARTY: (0, 0, 1), CHOICE: (0, 0, 1), RETENTION: (0, 0, 1), SECURITY: (0, 1, 0)}


def test_every_row_has_every_key() -> None:
    changes = diff_sentences(_VTIGER[:3], _sentences([_TEXTS[0], _TEXTS[1] + " We are.", "New here."]))
    rows = [change.row() for change in changes]
    assert len({tuple(row) for row in rows}) == 1
    assert rows[0]["old_text"] == rows[0]["new_text"] and rows[0]["words"] is None
    changed = next(row for row in rows if row["status"] == "changed")
    assert changed["words"][-1] == ["+", " We are."] and 0 < changed["similarity"] < 1
    added = next(row for row in rows if row["status"] == "added")
    assert added["old_index"] is None and added["old_labels"] is None and added["new_labels"] == []


@pytest.mark.parametrize(("old", "new"), [([], []), ([], ["One."]), (["One."], [])])
def test_nothing_on_a_side(old: list[str], new: list[str]) -> None:
    assert len(_said(old, new)) == len(old) + len(new)


def test_a_change_that_is_no_pair_has_no_edits() -> None:
    assert Change("added", None, _VTIGER[0]).edits() == ()


def test_a_changed_sentence_from_elsewhere_does_not_pull_removed_ones_along() -> None:
    """What was removed between two unchanged sentences stays between them."""
    moved = (
        "We share your postal address, your name and your telephone number with the carriers that deliver your order"
    )
    old = ["We collect names.", "This line goes away entirely.", "We keep nothing.", f"{moved}."]
    new = [f"{moved} today.", "We collect names.", "We keep nothing."]
    said = [(status, i, j) for status, i, j in _said(old, new)]
    assert said == [("changed", 3, 0), ("unchanged", 0, 1), ("removed", 1, None), ("unchanged", 2, 2)]
