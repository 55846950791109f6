"""What a new version of a policy says and no longer says, in a line each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from clausetag.data.labels import CHOICE
from clausetag.data.records import Sentence
from clausetag.predict.diff.diff import diff_sentences
from clausetag.predict.diff.facts import fact_changes
from clausetag.predict.diff.report import Report, markdown, page, terminal
from tests.predict.facts.policy import ADS, CONTACT, DOES, DOES_NOT, LOCATION, MARKETING, PARTNERS, ours, stated, theirs

FIRST = ours(0, "We use your address for offers.", DOES, CONTACT, MARKETING)
PLACE = ours(1, "We use your location for advertising.", DOES, LOCATION, ADS)


def lines(old: Sequence[Sentence], new: Sequence[Sentence]) -> list[str]:
    return [str(fact) for fact in fact_changes(diff_sentences(old, new))]


def test_a_new_collection_is_one_line() -> None:
    line = "+ the company collects or uses Location for Advertising (sentence 1)"
    assert lines([FIRST], [FIRST, PLACE]) == [line]
    assert lines([FIRST, PLACE], [FIRST]) == [line.replace("+", "-", 1)]
    report = Report("a", "b", diff_sentences([FIRST], [FIRST, PLACE]))
    for shown in (terminal(report, 100), markdown(report), page(report)):
        assert line[2:].split(" (")[0] in shown


def test_what_was_stated_before_is_no_news() -> None:
    again = ours(1, "For ads we also use where you are at that moment.", DOES, LOCATION, ADS)
    assert lines([FIRST, PLACE], [FIRST, replace(again, index=1), replace(PLACE, index=2)]) == []


def test_a_new_purpose_of_known_data_names_it_alone() -> None:
    more = ours(1, "Your address also serves for advertising elsewhere.", DOES, CONTACT, ADS)
    assert lines([FIRST], [FIRST, more]) == ["+ the company collects or uses Contact for Advertising (sentence 1)"]
    bare = ours(1, "Something quite different about addresses.", DOES, CONTACT)
    assert lines([FIRST], [FIRST, bare]) == []


def test_a_sentence_that_is_only_read_differently_is_no_news() -> None:
    assert lines([replace(PLACE, attributes={})], [PLACE]) == []


def test_a_denial_is_news_and_never_a_collection() -> None:
    denial = theirs(1, "We never sell your location.", DOES_NOT, LOCATION, PARTNERS)
    assert lines([FIRST], [FIRST, denial]) == [
        "+ it says that it does not: “We never sell your location.” (sentence 1)"
    ]
    reworded = replace(denial, text="We never sell your precise location.")
    assert lines([FIRST, denial], [FIRST, reworded]) == []


def test_a_denial_that_becomes_a_statement() -> None:
    denial = theirs(1, "We do not sell your location to partners.", DOES_NOT, LOCATION, PARTNERS)
    sale = theirs(1, "We do sell your location to partners.", DOES, LOCATION, PARTNERS)
    assert lines([FIRST, denial], [FIRST, sale]) == [
        "+ third parties get or collect Location (sentence 1)",
        "+ recipients: Unnamed third party (sentence 1)",
        "- it says that it does not: “We do not sell your location to partners.” (sentence 1)",
    ]


def test_topics() -> None:
    choice = stated(1, "You may opt out there.", CHOICE, ("Choice Type", "Opt-out link"))
    assert lines([FIRST], [FIRST, choice]) == ["+ choices: Opt-out link (sentence 1)"]


def test_without_attributes_nothing_is_said() -> None:
    bare = [replace(one, attributes=None) for one in (FIRST, PLACE)]
    assert lines(bare[:1], bare) == []
    assert "what it says" not in terminal(Report("a", "b", diff_sentences(bare[:1], bare)), 100)
