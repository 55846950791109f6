"""`clausetag eval` from arguments to files, with a tagger that looks its scores up."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from clausetag.data.errors import DataError, LeakageError
from clausetag.data.labels import CHOICE, DO_NOT_TRACK, FIRST_PARTY, LABELS, RETENTION, SECURITY
from clausetag.data.records import Sentence
from clausetag.data.text import text_hash
from clausetag.eval import evaluate
from clausetag.eval.benchmarks.benchmark import BaselineData, Benchmark
from clausetag.eval.benchmarks.load import load_benchmark
from clausetag.eval.command import add_arguments, run
from clausetag.eval.evaluate import evaluate_tagger
from clausetag.eval.report.text import by_category, markdown

MakeTagger = Callable[..., Any]

ROWS: list[dict[str, Any]] = [
    {"policy": "a", "index": 0, "passage": 0, "text": "This heading has nobody's label yet.", "split": "validation"},
    {"policy": "a", "index": 1, "passage": 0, "text": "We collect the address you type in.", "labels": [FIRST_PARTY]},
    {"policy": "a", "index": 2, "passage": 0, "text": "You can switch every cookie off again.", "labels": [CHOICE]},
    {"policy": "a", "index": 3, "passage": 1, "text": "Our disks are encrypted at rest.", "votes": {SECURITY: 0.67}},
    {"policy": "b", "index": 0, "passage": 0, "text": "Backups go after thirty days.", "votes": {RETENTION: 0.34}},
    {"policy": "b", "index": 1, "passage": 1, "text": "We note which pages of ours you read.", "labels": [FIRST_PARTY]},
]
SCORES = {
    ROWS[0]["text"]: {FIRST_PARTY: 0.9},
    ROWS[1]["text"]: {FIRST_PARTY: 0.45},
    ROWS[2]["text"]: {CHOICE: 0.75, FIRST_PARTY: 0.35},
    ROWS[3]["text"]: {SECURITY: 0.55, DO_NOT_TRACK: 0.6},
    ROWS[4]["text"]: {RETENTION: 0.3},
    ROWS[5]["text"]: {FIRST_PARTY: 0.1},
}
THRESHOLDS = {FIRST_PARTY: 0.4, CHOICE: 0.7}


def write_rows(folder: Path, rows: list[dict[str, Any]]) -> str:
    path = folder / "labels.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return str(path)


def arguments(*given: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return parser.parse_args(given)


@pytest.fixture
def labels_file(tmp_path: Path) -> str:
    return write_rows(tmp_path, ROWS)


def test_figures_files_and_context(
    tmp_path: Path, labels_file: str, fake_tagger: MakeTagger, capsys: pytest.CaptureFixture[str]
) -> None:
    tagger = fake_tagger(SCORES, THRESHOLDS)
    out = tmp_path / "deep" / "out"
    assert run(arguments(labels_file, "-o", str(out)), [tagger]) == 0

    # The unlabelled heading was read in its place, and is in no figure.
    assert tagger.calls == [("score", tuple(row["text"] for row in ROWS), "guide")]
    metrics = json.loads((out / "metrics.json").read_text(encoding="utf-8"))
    assert metrics["n"] == 5
    assert metrics["ci95"]["policies"] == 2  # whole policies are drawn, not rows
    first = metrics["per_category"][FIRST_PARTY]
    assert (first["precision"], first["recall"], first["support"]) == (1.0, 0.5, 2)
    assert metrics["per_category"][CHOICE]["f1"] == 1.0
    # Two of three voted for Data Security, one of three for Data Retention.
    assert metrics["per_category"][SECURITY]["support"] == 1
    assert metrics["per_category"][RETENTION]["f1"] is None
    absent = metrics["per_category"][DO_NOT_TRACK]
    assert {name: absent[name] for name in ("precision", "recall", "f1", "support", "predicted", "hits")} == {
        "precision": 0.0, "recall": None, "f1": None, "support": 0, "predicted": 1, "hits": 0,
    }  # fmt: skip
    assert absent["average_precision"] is None and absent["ci95"] is None
    assert metrics["macro_f1"] == pytest.approx((2 / 3 + 1 + 1) / 3)
    assert metrics["micro_f1"] == pytest.approx(2 * 3 / (4 + 4))
    assert metrics["at_0_5"]["per_category"][FIRST_PARTY]["f1"] == 0.0
    documented = {
        "macro_f1", "micro_f1", "weighted_f1", "per_category", "at_0_5", "unit", "n", "model", "recipe", "data",
        "overlap", "seeds", "versions", "git",
    }  # fmt: skip
    assert documented <= set(metrics)
    assert (metrics["recipe"], metrics["seeds"]["model"], metrics["unit"]) == ("none", 7, "sentence")
    assert metrics["model"]["hash"] == tagger.hash
    assert metrics["thresholds"][CHOICE] == 0.7
    assert not metrics["in_sample"]
    assert any("no baseline" in note for note in metrics["notes"])

    rows = [json.loads(line) for line in (out / "predictions.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [row["labels"] for row in rows] == [[FIRST_PARTY], [CHOICE], [SECURITY, DO_NOT_TRACK], [], []]
    assert [row["gold"] for row in rows] == [[FIRST_PARTY], [CHOICE], [SECURITY], [], [FIRST_PARTY]]
    assert rows[2]["votes"] == {SECURITY: 0.67}
    assert list(rows[0]["scores"]) == list(LABELS)
    assert rows[0]["scores"][FIRST_PARTY] == 0.45

    assert {path.name for path in out.iterdir()} == {
        "metrics.json", "predictions.jsonl", "report.md", "report.html", "f1.svg", "precision_recall.svg",
        "reliability.svg",
    }  # fmt: skip
    assert "in-sample" not in (out / "report.md").read_text(encoding="utf-8")
    assert "Macro" in capsys.readouterr().out


def test_swapped_thresholds_change_the_figures(labels_file: str, fake_tagger: MakeTagger) -> None:
    benchmark = load_benchmark(labels_file)
    right = evaluate_tagger(fake_tagger(SCORES, THRESHOLDS), benchmark).results.metrics.points
    swapped = {FIRST_PARTY: THRESHOLDS[CHOICE], CHOICE: THRESHOLDS[FIRST_PARTY]}
    wrong = evaluate_tagger(fake_tagger(SCORES, swapped), benchmark).results.metrics.points
    assert right.per_category[FIRST_PARTY].hits == 1
    assert wrong.per_category[FIRST_PARTY].hits == 0


def test_both_values_of_min_labels_are_reported(labels_file: str, fake_tagger: MakeTagger) -> None:
    results = evaluate_tagger(fake_tagger(SCORES, THRESHOLDS, least=1), load_benchmark(labels_file)).results
    assert results.min_labels == 1
    assert results.metrics == results.variants[1] != results.variants[0]
    # Without a label before: Data Retention is 0.2 below its threshold, First Party 0.3.
    assert results.variants[0].points.per_category[RETENTION].predicted == 0
    assert results.variants[1].points.per_category[RETENTION].predicted == 1
    assert results.variants[1].points.per_category[FIRST_PARTY].hits == 2


def test_model_with_another_label_order_is_refused(labels_file: str, fake_tagger: MakeTagger) -> None:
    tagger = fake_tagger(SCORES, labels=(LABELS[1], LABELS[0], *LABELS[2:]))
    with pytest.raises(DataError, match="order"):
        evaluate_tagger(tagger, load_benchmark(labels_file))


def test_leaked_policy_is_refused_and_in_sample_is_labelled_everywhere(
    tmp_path: Path,
    labels_file: str,
    fake_tagger: MakeTagger,
    seen: Callable[..., Any],
    capsys: pytest.CaptureFixture[str],
) -> None:
    tagger = fake_tagger(SCORES, trained_on=seen(policies=frozenset({"b"})))
    out = tmp_path / "out"
    with pytest.raises(LeakageError, match=r"1 of its policies were trained on \(b\)"):
        run(arguments(labels_file, "-o", str(out)), [tagger])
    assert not out.exists()
    assert tagger.calls == []

    assert run(arguments(labels_file, "--in-sample", "-o", str(out)), [tagger]) == 0
    metrics = json.loads((out / "metrics.json").read_text(encoding="utf-8"))
    assert metrics["in_sample"] and metrics["overlap"]["policies"] == ["b"]
    header = (out / "report.md").read_text(encoding="utf-8").splitlines()[4]
    for column in ("P (in-sample)", "R (in-sample)", "F1 (in-sample)", "AP (in-sample)", "F1 at 0.5 (in-sample)"):
        assert column in header
    for name in ("report.html", "f1.svg"):
        assert "in-sample" in (out / name).read_text(encoding="utf-8")
    assert "in-sample" in capsys.readouterr().out


def test_leaked_text_is_refused_under_any_policy_name(
    labels_file: str, fake_tagger: MakeTagger, seen: Callable[..., Any]
) -> None:
    hashes = frozenset({text_hash(ROWS[5]["text"].upper() + " !")})
    tagger = fake_tagger(SCORES, trained_on=seen(hashes=hashes))
    with pytest.raises(LeakageError, match=r"20\.0% of its texts \(1 of 5\).*b sentence 1"):
        evaluate_tagger(tagger, load_benchmark(labels_file))


def test_passages_unite_their_sentences(labels_file: str, fake_tagger: MakeTagger) -> None:
    benchmark = load_benchmark(labels_file, unit="passage")
    assert [(unit.policy, unit.index, unit.labels) for unit in benchmark.units] == [
        ("a", 0, (FIRST_PARTY, CHOICE)), ("a", 1, (SECURITY,)), ("b", 0, ()), ("b", 1, (FIRST_PARTY,)),
    ]  # fmt: skip
    evaluation = evaluate_tagger(fake_tagger(SCORES), benchmark)
    assert evaluation.model.scores[:, LABELS.index(FIRST_PARTY)].tolist() == [0.9, 0.0, 0.0, 0.1]
    assert evaluation.model.scores[1, LABELS.index(SECURITY)] == 0.55


def test_split_of_a_file(tmp_path: Path, fake_tagger: MakeTagger) -> None:
    rows = [row | {"split": "train" if row["policy"] == "a" else "validation"} for row in ROWS]
    path = write_rows(tmp_path, rows)
    benchmark = load_benchmark(path, split="validation")
    assert {unit.policy for unit in benchmark.units} == {"b"} == {sentence.policy for sentence in benchmark.sentences}
    with pytest.raises(DataError, match="its splits: train, validation"):
        load_benchmark(path, split="test")


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"data": "no-such.jsonl"}, "no such file; give a labelled JSONL"),
        ({"data": "privacyglue"}, "needs --test"),
        ({"data": "privacyglue", "split": "test"}, "leave out --split"),
        ({"data": "policies", "split": "test"}, "leave out --split"),
        ({"data": "policies", "test": "x"}, "--test applies to privacyglue"),
        ({"data": "policies", "unmask": True}, "--unmask applies to opp115"),
        ({"data": "policies", "unit": "passage", "head": "guide"}, "leave out --head"),
        ({"data": "opp115", "split": "dev"}, "train, validation, test"),
    ],
)
def test_wrong_usage_is_one_clear_line(given: dict[str, Any], reason: str) -> None:
    with pytest.raises(DataError, match=reason) as caught:
        load_benchmark(**given)
    assert "\n" not in str(caught.value)


def test_byte_order_mark_and_empty_text(tmp_path: Path) -> None:
    path = Path(write_rows(tmp_path, ROWS))
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert len(load_benchmark(str(path)).units) == 5
    with pytest.raises(DataError, match="line 1: 'text' is empty"):
        load_benchmark(write_rows(tmp_path, [ROWS[1] | {"text": " \n"}]))


def test_file_without_labels(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nothing labelled"):
        load_benchmark(write_rows(tmp_path, ROWS[:1]))


def test_output_that_is_a_file(tmp_path: Path, labels_file: str, fake_tagger: MakeTagger) -> None:
    with pytest.raises(DataError, match="exists"):
        run(arguments(labels_file, "-o", labels_file), [fake_tagger(SCORES)])


def test_privacyglue_reads_isolated_passages_at_one_half(tmp_path: Path, fake_tagger: MakeTagger) -> None:
    texts = {"test": "We log each request that reaches us.", "train": "Nobody else ever sees the address you gave."}
    for name, text in (*texts.items(), ("validation", texts["train"])):
        lines = [f'"{text}",{FIRST_PARTY}', f'"{text}",{CHOICE}', f'"Again: {text}",{CHOICE}']
        (tmp_path / f"{name}_dataset.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    benchmark = load_benchmark("privacyglue", test=str(tmp_path))
    assert benchmark.isolated and benchmark.baseline is not None
    tagger = fake_tagger({texts["test"]: {FIRST_PARTY: 0.49, CHOICE: 0.51}}, {FIRST_PARTY: 0.1, CHOICE: 0.9}, least=1)
    results = evaluate_tagger(tagger, benchmark).results
    assert tagger.calls == [("score_texts", (texts["test"], f"Again: {texts['test']}"), "passage")]
    assert (results.unit, results.min_labels, results.groups) == ("passage", 0, "texts")
    assert results.metrics == results.at_0_5
    found = results.metrics.points.per_category
    assert (found[FIRST_PARTY].hits, found[CHOICE].hits) == (0, 1)
    assert {row.model: (row.macro_f1, row.micro_f1) for row in results.published} == {
        "BERT": (0.784, 0.840), "RoBERTa": (0.795, 0.854), "Legal-BERT": (0.796, 0.843),
        "Legal-RoBERTa": (0.791, 0.847), "PrivBERT": (0.821, 0.872),
    }  # fmt: skip
    assert "PrivBERT" in markdown(results) and "flatter" in markdown(results)
    # Its own training file gives no baseline, and there is no corpus here to rebuild one from.
    alone = load_benchmark("privacyglue", test=str(tmp_path / "train_dataset.csv"))
    assert alone.baseline is None and any("no baseline" in note for note in alone.notes)


def test_privacyglue_bears_its_own_repeated_texts_and_no_more(
    tmp_path: Path, fake_tagger: MakeTagger, seen: Callable[..., Any]
) -> None:
    texts = [f"This invented passage has the number {index} in it." for index in range(697)]
    path = tmp_path / "test_dataset.csv"
    path.write_text("".join(f'"{text}",{CHOICE}\n' for text in texts), encoding="utf-8")
    benchmark = load_benchmark("privacyglue", test=str(path))

    def trained_on(count: int) -> Any:
        return fake_tagger(trained_on=seen(hashes=frozenset(text_hash(text) for text in texts[:count])))

    assert evaluate_tagger(trained_on(17), benchmark).results.contamination.count == 17
    with pytest.raises(LeakageError):
        evaluate_tagger(trained_on(35), benchmark)


def test_baseline_and_annotators_stand_in_the_same_table(fake_tagger: MakeTagger) -> None:
    def units(policy: str) -> tuple[Sentence, ...]:
        said = [("We collect the address of number {}.", FIRST_PARTY), ("You can switch cookie {} off.", CHOICE)]
        return tuple(
            Sentence(
                policy, index, said[index % 2][0].format(f"{policy} {index}"), labels=(said[index % 2][1],),
                extra={"annotators": {"1": [said[index % 2][1]], "2": [CHOICE]}},
            )
            for index in range(12)
        )  # fmt: skip

    test = units("test")
    baseline = BaselineData("invented policies", units("train"), units("validation"))
    results = evaluate_tagger(fake_tagger(), Benchmark("x", "sentence", "guide", test, test, baseline)).results
    assert results.people is not None
    named = {own.name: own.metrics.points for own in results.baselines}
    assert named["tfidf"].macro_f1 == 1.0
    assert named["majority"].per_category[FIRST_PARTY].recall in (0.0, 1.0)
    pairwise = results.people.pairwise
    assert pairwise.annotators.per_category[FIRST_PARTY] == 0.0
    assert pairwise.annotators.per_category[CHOICE] == pytest.approx(2 * 6 / 18)
    assert pairwise.model.micro_f1 == 0.0
    header, rows = by_category(results).header, by_category(results).rows
    assert "TF-IDF + LR F1" in header and "Person vs person F1" in header
    assert {len(row) for row in rows} == {len(header)}


def test_several_runs_give_mean_and_deviation(
    tmp_path: Path, labels_file: str, fake_tagger: MakeTagger, capsys: pytest.CaptureFixture[str]
) -> None:
    worse = {text: scores for text, scores in SCORES.items() if text != ROWS[1]["text"]}
    taggers = [
        fake_tagger(SCORES, THRESHOLDS, hash="a"),
        fake_tagger(worse, THRESHOLDS, hash="b", config={"name": "fake", "recipe": {"name": "none", "seed": 8}}),
    ]
    out = tmp_path / "out"
    assert run(arguments(labels_file, "-o", str(out)), taggers) == 0
    found = json.loads((out / "seeds.json").read_text(encoding="utf-8"))
    micro = [2 * 3 / (4 + 4), 2 * 2 / (4 + 3)]
    assert found["figures"]["micro_f1"]["mean"] == pytest.approx(sum(micro) / 2)
    assert found["figures"]["micro_f1"]["sd"] == pytest.approx(abs(micro[0] - micro[1]) / 2**0.5)
    assert found["figures"]["per_category"][DO_NOT_TRACK]["f1"]["mean"] is None
    assert [row["seed"] for row in found["runs"]] == [7, 8]
    for number, expected in enumerate(micro, start=1):
        own = json.loads((out / f"run{number}" / "metrics.json").read_text(encoding="utf-8"))
        assert own["micro_f1"] == pytest.approx(expected)
    assert "seeds 7, 8" in capsys.readouterr().out
    with pytest.raises(DataError, match="given twice"):
        run(arguments(labels_file), [taggers[0], taggers[0]])
    other = fake_tagger(SCORES, hash="c", config={"name": "fake", "recipe": {"name": "another", "seed": 1}})
    with pytest.raises(DataError, match="needs one recipe"):
        run(arguments(labels_file), [taggers[0], other])


def test_stale_files_and_a_refused_run_leave_nothing_wrong(
    tmp_path: Path, labels_file: str, fake_tagger: MakeTagger, seen: Callable[..., Any]
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    for name in ("predictions-tfidf.jsonl", "seeds.json", "mine.txt"):
        (out / name).write_text("stale", encoding="utf-8")
    assert run(arguments(labels_file, "-o", str(out)), [fake_tagger(SCORES)]) == 0
    assert (out / "mine.txt").exists()
    assert not (out / "predictions-tfidf.jsonl").exists() and not (out / "seeds.json").exists()
    tagger = fake_tagger(SCORES)
    with pytest.raises(DataError, match="give a folder to -o"):
        run(arguments(labels_file, "-o", labels_file + "/below"), [tagger])
    assert tagger.calls == []  # refused before anything was scored


def test_rows_that_chose_the_thresholds_are_named(
    labels_file: str, fake_tagger: MakeTagger, seen: Callable[..., Any]
) -> None:
    chose = seen(validation=frozenset(text_hash(str(row["text"])) for row in ROWS))
    results = evaluate_tagger(fake_tagger(SCORES, trained_on=chose), load_benchmark(labels_file)).results
    assert any("5 of these 5 texts chose the model's epoch" in note for note in results.notes)
    plain = evaluate_tagger(fake_tagger(SCORES), load_benchmark(labels_file)).results
    assert not any("chose" in note for note in plain.notes)


def test_baselines_do_not_learn_what_is_measured(fake_tagger: MakeTagger, monkeypatch: pytest.MonkeyPatch) -> None:
    said = "We collect the address that you type into form number {}."
    rows = tuple(Sentence("p", row, said.format(row), labels=(FIRST_PARTY,)) for row in range(8))
    copies = tuple(Sentence("copy", row.index, row.text.upper(), labels=row.labels) for row in rows)
    others = tuple(Sentence("q", row, f"Cookie {row} can be switched off here.", labels=(CHOICE,)) for row in range(8))
    learnt: list[Sentence] = []
    monkeypatch.setattr(evaluate, "fit_baselines", lambda train, held: learnt.extend((*train, *held)) or ())
    data = BaselineData("somewhere", (*copies, *others), (*others, copies[0]))
    results = evaluate_tagger(fake_tagger(), Benchmark("x", "sentence", "guide", rows, rows, data)).results
    assert learnt == [*others, *others]
    assert any("left out of the baselines' data because they are measured here: 9" in note for note in results.notes)


def test_offsets_must_select_the_text(tmp_path: Path) -> None:
    text = str(ROWS[1]["text"])
    rows = [ROWS[1] | {"start": 4, "end": 4 + len(text)}]
    path = write_rows(tmp_path, rows)
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "a.txt").write_text("And " + text, encoding="utf-8")
    assert len(load_benchmark(path).units) == 1
    (tmp_path / "texts" / "a.txt").write_text("But, " + text, encoding="utf-8")
    with pytest.raises(DataError, match="sentence 1 of a is not what its offsets 4 to"):
        load_benchmark(path)
    for wrong in ({"end": 9}, {"end": None}, {"start": -1, "end": len(text) - 1}):
        with pytest.raises(DataError, match=r"line 1: .*(offsets|given together)"):
            load_benchmark(write_rows(tmp_path, [rows[0] | wrong]))


def test_wrong_number_of_rows_is_noticed(labels_file: str, fake_tagger: MakeTagger) -> None:
    tagger = fake_tagger(SCORES)
    tagger.score = lambda sentences, head=None: np.zeros((len(sentences) - 1, 12))
    with pytest.raises(ValueError, match="5 rows of scores for 6"):
        evaluate_tagger(tagger, load_benchmark(labels_file))


def test_five_policies(fake_tagger: MakeTagger) -> None:
    benchmark = load_benchmark("policies")
    assert len({unit.policy for unit in benchmark.units}) == 5
    assert benchmark.head == "guide"
    assert all(unit.labels for unit in benchmark.units)


@pytest.fixture
def corpus(opp115_folder: Path) -> str:
    """The OPP-115 corpus, which is not part of the project."""
    return str(opp115_folder)


def test_privacyglue_alone_takes_its_baseline_from_the_corpus(
    tmp_path: Path, corpus: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from clausetag.data.corpora.splits import held_back

    monkeypatch.setenv("OPP115_DIR", corpus)
    (tmp_path / "test_dataset.csv").write_text(f'"We keep the logs of all.",{RETENTION}\n', encoding="utf-8")
    baseline = load_benchmark("privacyglue", test=str(tmp_path)).baseline
    assert baseline is not None
    rows = (*baseline.train, *baseline.validation)
    assert len(rows) > 2700 and not {(row.policy, row.index) for row in rows} & held_back()


@pytest.mark.parametrize("unit", ["sentence", "passage"])
def test_opp115_test_split(corpus: str, unit: str, fake_tagger: MakeTagger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPP115_DIR", corpus)
    benchmark = load_benchmark("opp115", unit=unit)
    assert len({row.policy for row in benchmark.units}) == 20
    assert benchmark.head == ("passage" if unit == "passage" else "opp115")
    assert benchmark.baseline is not None
    learnt = {row.policy for row in benchmark.baseline.train}
    held = {row.policy for row in benchmark.baseline.validation}
    measured = {row.policy for row in benchmark.units}
    assert (len(learnt), len(held)) == (85, 10)
    assert not learnt & held and not (learnt | held) & measured
    # Segments without a majority label are all-negative rows, segments without annotations are none.
    assert any(not row.labels for row in benchmark.units)
    assert all(row.labelled for row in benchmark.units)
    if unit == "sentence":
        assert len(benchmark.sentences) > len(benchmark.units)
        results = evaluate_tagger(fake_tagger(), benchmark, baselines=False).results
        assert results.people is not None
        assert results.people.pairwise.annotators.macro_f1 == pytest.approx(0.520, abs=0.001)
        assert results.people.pairwise.annotators.micro_f1 == pytest.approx(0.583, abs=0.001)
