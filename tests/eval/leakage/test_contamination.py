"""The guard: what counts as the same text, and what is refused."""

from __future__ import annotations

import pytest

from clausetag.data.errors import LeakageError
from clausetag.data.records import Sentence
from clausetag.data.text import is_boilerplate, short_hash, text_hash
from clausetag.eval.leakage.contamination import contamination, refuse_leakage

LONG = "We keep the address of number {} for as long as the account exists."


def sentences(count: int, policy: str = "new") -> list[Sentence]:
    return [Sentence(policy, index, LONG.format(index)) for index in range(count)]


def test_hash_ignores_case_spacing_and_punctuation() -> None:
    assert text_hash("We collect  your E-Mail\naddress.") == text_hash("we collect your “email” address")
    assert text_hash("We collect your address") != text_hash("We collected your address")
    assert text_hash("Straße 5") == text_hash("STRASSE 5")
    assert text_hash("политика") != text_hash("условия")


def test_hash_is_frozen() -> None:
    # Hashes are stored in models: another normalisation would make every stored one useless.
    assert text_hash("We collect your e-mail address.") == "e36a8fb56e55eccf"


@pytest.mark.parametrize(
    ("text", "short"), [("Contact us", True), ("1 . 2 - 3 4", True), ("a b c d e", False), ("", True)]
)
def test_boilerplate_has_fewer_than_five_words(text: str, short: bool) -> None:
    assert is_boilerplate(text) is short


def test_share_counts_seen_texts() -> None:
    rows = [*sentences(9), Sentence("new", 9, "Contact us")]
    hashes = {text_hash(LONG.format(3)), text_hash("Contact us"), text_hash("Something else that nobody wrote here.")}
    found = contamination(hashes, rows)
    assert (found.count, found.total, found.share) == (1, 10, 0.1)
    assert found.examples == (("new", 3),)
    assert found.leaks


def test_two_percent_pass_and_more_is_refused() -> None:
    rows = sentences(100)
    two = {text_hash(LONG.format(index)) for index in range(2)}
    refuse_leakage(contamination(two, rows))
    three = two | {text_hash(LONG.format(50))}
    with pytest.raises(LeakageError, match=r"3\.0% of its texts \(3 of 100\).*new sentence 50.*--in-sample"):
        refuse_leakage(contamination(three, rows))
    refuse_leakage(contamination(three, rows), in_sample=True)


def test_a_benchmark_may_set_another_limit() -> None:
    three = {text_hash(LONG.format(index)) for index in range(3)}
    refuse_leakage(contamination(three, sentences(100), limit=0.03))
    with pytest.raises(LeakageError):
        refuse_leakage(contamination(three, sentences(99), limit=0.03))


def test_policy_trained_on_is_refused_by_its_id() -> None:
    found = contamination((), [*sentences(5), *sentences(5, "004_vtiger")], {"004_vtiger", "elsewhere"})
    assert found.policies == ("004_vtiger",)
    with pytest.raises(LeakageError, match="004_vtiger"):
        refuse_leakage(found)


def test_passage_of_seen_sentences_is_seen() -> None:
    parts = [LONG.format(1), LONG.format(2)]
    passage = Sentence("new", 0, f"{parts[0]} {parts[1]}\nContact us")
    assert contamination({text_hash(part) for part in parts}, [passage]).count == 1
    assert contamination({text_hash(parts[0])}, [passage]).count == 0
    assert contamination({text_hash(passage.text)}, [passage]).count == 1


def test_nothing_to_measure() -> None:
    assert contamination({"0"}, []).share == 0.0


def test_a_text_of_the_pool_is_found_by_its_short_key() -> None:
    short = {short_hash(text_hash(LONG.format(1)))}
    assert contamination(short, [Sentence("p", 0, LONG.format(1)), Sentence("p", 1, LONG.format(2))]).count == 1
