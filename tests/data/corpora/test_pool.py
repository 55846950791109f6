"""The pool: nothing that is measured on gets in, nor what is no policy or in it already; drawn the same each time."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clausetag.cli import main
from clausetag.data.corpora.five import FIVE, document_of
from clausetag.data.corpora.pool import MIN_SENTENCES, NEAR, HeldOut, Pool, sample_pool
from clausetag.data.jsonl import read_jsonl, write_jsonl
from clausetag.data.segment import segment
from clausetag.data.text import is_boilerplate, jaccard, shingles, text_hash, words
from tests.data.corpora.opp115_fixture import write_corpus

LONG = (
    "When you open an account at our farm shop we ask for your name and the address of your house so that the "
    "carrier knows where to leave the box and whom to ring"
)
NOTHING = HeldOut([])


class TestHeldOut:
    def test_an_exact_copy_may_differ_in_case_spacing_and_punctuation(self) -> None:
        held = HeldOut(["We never sell your e-mail address."])
        assert held.contains("WE never sell\nyour “email” address")
        assert not held.contains("We never lose your e-mail number.")

    def test_a_near_duplicate_is_held(self) -> None:
        held = HeldOut(["Nothing of that kind is done here.", LONG])
        assert held.contains(LONG.replace("shop", "stall"))  # 29 of 35 triples in common
        assert held.contains(LONG.replace("shop", "stall") + " twice")  # 29 of 36
        assert not held.contains(LONG.replace("shop", "stall").replace("house", "home"))  # 26 of 38
        assert not held.contains(" ".join(reversed(LONG.split())))

    @pytest.mark.parametrize(("extra", "near"), [(3, True), (4, False)])
    def test_the_threshold_itself_counts(self, extra: int, near: bool) -> None:
        # 9 words are 7 triples; 3 words more, and 7 of 10 triples are shared.
        short = "one two three four five six seven eight nine"
        long = " ".join([short, *("ten", "eleven", "twelve", "thirteen")[:extra]])
        assert HeldOut([short]).contains(long) is near
        assert HeldOut([long]).contains(short) is near

    def test_triples_of_several_texts_make_no_near_duplicate(self) -> None:
        held = HeldOut(["We ask for your name and your house", "your house are kept by the carrier"])
        assert not held.contains("We ask for your name and your house are kept by the carrier")

    @pytest.mark.parametrize("text", ["Contact us", "Cookies and web beacons", "- * - * - * -", ""])
    def test_boilerplate_is_never_held(self, text: str) -> None:
        held = HeldOut([text, LONG])
        assert not held.contains(text)
        assert not HeldOut([]).contains(text)

    def test_boilerplate_that_is_held_does_not_hold_a_longer_text(self) -> None:
        assert not HeldOut(["a/b/c/d/e/f/g"]).contains("a b c d e f g h")
        assert HeldOut(["a b c d e f g"]).contains("a b c d e f g h")

    def test_texts_of_one_hash_and_other_words_are_both_held(self) -> None:
        # Equal without spaces, so exact copies of each other; a near duplicate is one of the words of either.
        held = HeldOut(["we are now here in our green house", "we are nowhere in our green house"])
        assert held.contains("we are nowhere in our green house today")
        assert held.contains("we are now here in our green house today")


WORD = st.sampled_from(["we", "you", "keep", "sell", "share", "e-mail", "name", "box", "farm", "shop"])
TEXT = st.lists(WORD, min_size=3, max_size=14).map(" ".join)


def brute_force(held: Sequence[str], text: str) -> bool:
    """What `HeldOut.holds` means, one held text after the other."""
    if is_boilerplate(text):
        return False
    return any(
        text_hash(one) == text_hash(text) or jaccard(shingles(words(one)), shingles(words(text))) >= NEAR
        for one in held
        if not is_boilerplate(one)
    )


@settings(max_examples=100, deadline=None)
@given(st.lists(TEXT, max_size=12), st.lists(TEXT, max_size=6), st.randoms(use_true_random=False))
def test_holds_is_what_brute_force_says(held: list[str], texts: list[str], random: Random) -> None:
    found = HeldOut(held)
    for text in [*texts, *(changed(one, random) for one in held for _ in range(3))]:
        assert found.contains(text) is brute_force(held, text), text


def changed(text: str, random: Random) -> str:
    """`text` with one or two words more, fewer or other ones."""
    sequence = text.split()
    for _ in range(random.randint(1, 2)):
        place = random.randrange(len(sequence))
        sequence[place : place + random.randint(0, 1)] = random.choice([[], ["farm"], ["box", "shop"]])
        sequence = sequence or ["we"]
    return " ".join(sequence)


VERBS = ("collect", "keep", "share", "process", "use", "store", "disclose", "erase", "send", "receive")
THINGS = ("name", "address", "telephone number", "order", "payment", "picture", "location", "birthday", "letter")


def sentences(seed: int, count: int = 20) -> list[str]:
    """Invented sentences of a policy, which share no more than a few words with those of another seed."""
    random = Random(seed)
    mark = f"shop{seed:03}"
    return [
        f"At {mark} part {number} says that we {random.choice(VERBS)} personal information such as your "
        f"{random.choice(THINGS)} for {mark} purpose {random.randrange(10_000)}."
        for number in range(count)
    ]


def policy(seed: int, count: int = 20) -> str:
    return "\n\n".join(sentences(seed, count))


def said(pool: Pool) -> dict[str, int]:
    return {what: count for what, count in pool.left_out.items() if count}


def drawn(pool: Pool) -> set[str]:
    return {sentence.policy for sentence in pool.sentences}


class TestDrawPool:
    def test_sentences_keep_their_place_in_the_policy(self) -> None:
        pool = sample_pool([("a", policy(1))], NOTHING, 1000)
        assert [sentence.text for sentence in pool.sentences] == sentences(1)
        assert [sentence.index for sentence in pool.sentences] == list(range(20))
        assert {sentence.labels for sentence in pool.sentences} == {None}
        assert pool.policies == 1 and said(pool) == {}

    @pytest.mark.parametrize(
        ("text", "reason"),
        [
            (
                "\n\n".join(f"Wir geben Ihre Daten von Teil {n} nicht an Dritte weiter." for n in range(20)),
                "policies that are no English privacy policy",
            ),
            (
                "\n\n".join(f"Heat the oven, then beat egg {n} with the butter and the milk." for n in range(20)),
                "policies that are no English privacy policy",
            ),
            (policy(2, MIN_SENTENCES - 1), "policies of fewer than 10 sentences"),
            ("", "policies of fewer than 10 sentences"),
        ],
    )
    def test_what_is_no_policy_or_too_short_is_left_out(self, text: str, reason: str) -> None:
        pool = sample_pool([("a", text), ("b", policy(1, MIN_SENTENCES))], NOTHING, 1000)
        assert drawn(pool) == {"b"} and pool.policies == 1
        assert said(pool) == {reason: 1}

    def test_sentences_that_are_held_are_left_out(self) -> None:
        own = sentences(1)
        near = own[7].replace("At shop001", "In shop001")
        pool = sample_pool([("a", policy(1))], HeldOut([own[4], near]), 1000)
        assert [sentence.index for sentence in pool.sentences] == [n for n in range(20) if n not in (4, 7)]
        assert said(pool) == {"sentences nearly the same as one that is held out": 2}

    def test_a_policy_that_shares_much_is_left_out_altogether(self) -> None:
        own = sentences(1)
        pool = sample_pool([("a", policy(1)), ("b", policy(2))], HeldOut(own[:3]), 1000)
        assert drawn(pool) == {"b"}
        assert said(pool) == {"policies that share too much with what is held out": 1}

    def test_headings_do_not_dilute_what_is_shared(self) -> None:
        headings = [f"Heading {number}" for number in range(20)]
        pool = sample_pool([("a", policy(1) + "\n\n" + "\n\n".join(headings))], HeldOut(sentences(1)[:3]), 1000)
        assert pool.sentences == [] and pool.policies == 0
        assert said(pool) == {"policies that share too much with what is held out": 1}

    @pytest.mark.parametrize("seed", range(4))
    def test_of_two_versions_the_first_drawn_is_taken(self, seed: int) -> None:
        first, second = sentences(1), sentences(2)[:13] + sentences(1)[:7]
        pool = sample_pool([("a", "\n\n".join(first)), ("b", "\n\n".join(second))], NOTHING, 1000, seed)
        assert len(drawn(pool)) == pool.policies == 1 and len(pool.sentences) == 20
        assert said(pool) == {"policies of which a version is in the pool": 1}

    def test_six_shared_sentences_of_twenty_are_no_version(self) -> None:
        second = sentences(2)[:14] + sentences(1)[:6]
        pool = sample_pool([("a", policy(1)), ("b", "\n\n".join(second))], NOTHING, 1000)
        assert drawn(pool) == {"a", "b"} and said(pool) == {}

    def test_common_headings_make_no_version(self) -> None:
        headings = "\n\n".join(f"# Our Heading {number}" for number in range(20))
        pool = sample_pool([(str(seed), f"{headings}\n\n{policy(seed)}") for seed in range(3)], NOTHING, 1000)
        assert pool.policies == 3 and said(pool) == {}
        assert len(pool.sentences) == 3 * 40

    def test_an_id_is_used_once(self, tmp_path: Path) -> None:
        pool = sample_pool([("a", policy(1)), ("a", policy(2)), ("b", policy(3))], NOTHING, 1000)
        assert pool.policies == 2 and said(pool) == {"policies whose id is in the pool": 1}
        write_jsonl(tmp_path / "pool.jsonl", (sentence.row() for sentence in pool.sentences))
        assert len(read_jsonl(tmp_path / "pool.jsonl")) == 40

    @pytest.mark.parametrize("seed", range(4))
    def test_what_was_left_out_keeps_no_other_policy_out(self, seed: int) -> None:
        # Drawn first or second, neither its id nor its text is in the pool.
        both = "\n\n".join(sentences(1)[:10] + sentences(2)[:10])
        pool = sample_pool([("a", both), ("a", policy(1))], HeldOut(sentences(2)), 1000, seed)
        assert [sentence.text for sentence in pool.sentences] == sentences(1)

    def test_whole_policies_until_the_limit(self) -> None:
        rows = [(str(seed), policy(seed)) for seed in range(6)]
        assert len(sample_pool(rows, NOTHING, 40).sentences) == 40
        pool = sample_pool(rows, NOTHING, 41)
        assert len(pool.sentences) == 60 and pool.policies == 3
        assert sample_pool(rows, NOTHING, 10_000).policies == 6

    def test_the_seed_alone_decides_what_is_drawn(self) -> None:
        rows = [(str(seed), policy(seed)) for seed in range(8)]
        once = sample_pool(iter(rows), NOTHING, 60, seed=3)
        assert sample_pool(rows, NOTHING, 60, seed=3) == once
        assert [key for key, _ in rows] == list("01234567")
        orders = {tuple(s.policy for s in sample_pool(rows, NOTHING, 60, seed).sentences[::20]) for seed in range(6)}
        assert len(orders) > 1

    def test_the_limit_of_a_larger_pool_changes_nothing_before(self) -> None:
        rows = [(str(seed), policy(seed)) for seed in range(8)]
        small, large = sample_pool(rows, NOTHING, 40), sample_pool(rows, NOTHING, 100)
        assert large.sentences[:40] == small.sentences


def write_policies(path: Path, texts: Mapping[str, str]) -> Path:
    with gzip.open(path, "wt", encoding="utf-8") as stream:
        stream.writelines(json.dumps({"id": name, "text": text}) + "\n" for name, text in texts.items())
    return path


@pytest.fixture
def opp115(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = write_corpus(tmp_path / "opp115")
    monkeypatch.setenv("OPP115_DIR", str(folder))
    return folder


def held_file(path: Path, splits: Sequence[str | None], seed: int = 9) -> Path:
    rows = [
        {"policy": "held", "index": index, "text": text, "labels": []} | ({"split": split} if split else {})
        for index, (text, split) in enumerate(zip(sentences(seed), splits, strict=False))
    ]
    write_jsonl(path, rows)
    return path


class TestCommand:
    def test_nothing_that_is_measured_on_gets_in(
        self, tmp_path: Path, opp115: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        five = [one.text for one in segment(document_of(FIVE[0])) if len(one.text.split()) > 12]
        splits = ("train", "validation", "test", None)
        held = held_file(tmp_path / "held.jsonl", splits)
        more = held_file(tmp_path / "more.jsonl", ("validation",), seed=8)
        # One sentence of each in a policy of its own, and the corpus's, whose policies are all held.
        planted = [
            ("opp115", "We ask for your name & your home address."),
            ("five", five[3]),
            *zip(("train", "validation", "test", "none"), sentences(9), strict=False),
            ("more", sentences(8)[0]),
        ]
        texts = {name: "\n\n".join([*sentences(seed), text]) for seed, (name, text) in enumerate(planted, 20)}
        source = write_policies(tmp_path / "policies.jsonl.gz", texts | {FIVE[1]: document_of(FIVE[1]).text})
        target = tmp_path / "runs" / "pool.jsonl"
        command = ["data", "pool", str(source), "--held", str(held), "--held", str(more), "-o", str(target)]
        assert main(command) == 0
        assert capsys.readouterr().out == (
            "7 policies, 142 sentences; left out: 1 policies that share too much with what is held out, "
            "5 sentences nearly the same as one that is held out\n"
        )
        kept = {(row.policy, row.text) for row in read_jsonl(target)}
        inside = {name for name, text in planted if (name, text) in kept}
        assert inside == {"train", "none"}
        assert FIVE[1] not in {name for name, _ in kept}

    def test_the_same_command_writes_the_same_file(self, tmp_path: Path, opp115: Path) -> None:
        source = write_policies(tmp_path / "p.jsonl.gz", {str(seed): policy(seed) for seed in range(8)})
        written = []
        for name, seed in (("a", "1"), ("b", "1"), ("c", "2")):
            target = tmp_path / name
            assert main(["data", "pool", str(source), "--sentences", "50", "--seed", seed, "-o", str(target)]) == 0
            written.append(target.read_bytes())
        assert written[0] == written[1] != written[2]
        assert written[0].count(b"\n") == 60

    @pytest.mark.parametrize(
        ("broken", "message"),
        [
            ({"--sentences": "0"}, "--sentences 0: give at least 1"),
            ({"--held": "train.jsonl"}, "train.jsonl: no row has the split validation or test"),
            ({"--held": "empty.jsonl"}, "empty.jsonl: no row has the split validation or test"),
            ({"--held": "nosuch.jsonl"}, "nosuch.jsonl: No such file"),
            ({"POLICIES": "nosuch.jsonl.gz"}, "nosuch.jsonl.gz: No such file"),
            ({"POLICIES": "train.jsonl"}, "train.jsonl, line 1: it needs the columns id, and text or html"),
            ({"POLICIES": "short.jsonl.gz"}, "no policy in it can be used (2 policies of fewer than 10 sentences)"),
            ({"POLICIES": "empty.jsonl"}, "empty.jsonl: holds no policy"),
            ({"OPP115_DIR": "nosuch"}, "OPP115_DIR names nosuch"),
        ],
    )
    def test_errors_are_one_line_and_write_nothing(
        self,
        broken: dict[str, str],
        message: str,
        tmp_path: Path,
        opp115: Path,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        monkeypatch.chdir(tmp_path)
        held_file(tmp_path / "train.jsonl", ["train"] * 5 + [None])
        held_file(tmp_path / "held.jsonl", ["validation"])
        (tmp_path / "empty.jsonl").touch()
        write_policies(tmp_path / "good.jsonl.gz", {"a": policy(1)})
        write_policies(tmp_path / "short.jsonl.gz", {"a": policy(1, 3), "b": "We sell nothing."})
        given = {"POLICIES": "good.jsonl.gz", "--held": "held.jsonl", "--sentences": "100"} | broken
        if "OPP115_DIR" in given:
            monkeypatch.setenv("OPP115_DIR", given.pop("OPP115_DIR"))
        command = ["data", "pool", given.pop("POLICIES"), "-o", "runs/pool.jsonl"]
        assert main([*command, *(word for pair in given.items() for word in pair)]) == 2
        output = capsys.readouterr()
        assert message in output.err and output.err.count("\n") == 1 and output.out == ""
        assert not (tmp_path / "runs").exists()

    def test_wrong_inputs_are_found_before_a_corpus_is_fetched(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fetch(*, download: bool = False) -> Path:
            raise AssertionError("asked for the corpus")

        monkeypatch.setattr("clausetag.data.command.find_opp115", fetch)
        assert main(["data", "pool", str(tmp_path / "nosuch.jsonl"), "-o", str(tmp_path / "pool.jsonl")]) == 2
