"""Teacher scores: of the right rows, averaged, resumable; and a student that learns from them and records that."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.torch import load_file, save_file

from clausetag.cli import main
from clausetag.data.corpora.five import read_five
from clausetag.data.errors import DataError, LeakageError, RecipeError
from clausetag.data.jsonl import by_policy, write_jsonl
from clausetag.data.labels import LABELS
from clausetag.data.records import Sentence
from clausetag.data.text import short_hash, text_hash
from clausetag.model.artifact import load_artifact, write_manifest
from clausetag.model.configuration import HEADS
from clausetag.model.network import predict_logits
from clausetag.model.tokenise import SubwordTokenizer, encode_sentences, encode_texts, load_tokenizer
from clausetag.train import distil as module
from clausetag.train import trainer
from clausetag.train.config import Recipe, recipe_from
from clausetag.train.distil import Teacher, distil, select_pool
from clausetag.train.examples.sources import POOL, Source, TrainingData
from clausetag.train.examples.teacher_scores import ABOUT, SCORES, load_teacher_scores
from clausetag.train.examples.training_data import assemble
from clausetag.train.run import run_training
from clausetag.train.start import Start, load_start, start_network

TEACHERS = {"000_sagenext", "001_samanage", "002_clicentrix", "003_empxtrack"}
"""What the tiny artifact was trained on; 004_vtiger chose its thresholds."""


class Killed(BaseException):
    """Stands for a kill signal: nothing catches it."""


POOL_ROWS = tuple(
    Sentence(f"shop-{p}", i, text, passage=i // 2, heading=f"Shop {p}")
    for p in range(4)
    for i, text in enumerate(
        (
            f"Shop number {p} keeps the letters of its customers in a green box.",
            "The box is locked at night.",
            f"We tell nobody in the street of shop {p} what a customer has bought from us.",
            "Ask us for your letters.",
            "Thank you.",
        )
    )
)


@pytest.fixture
def recipe(tiny_recipe: dict[str, object]) -> Recipe:
    """The student's: it has the labels of one policy alone."""
    return recipe_from({**tiny_recipe, "name": "student", "policies": ["003_empxtrack"], "epochs": 2, "pool_parts": 2})


@pytest.fixture
def data(recipe: Recipe) -> TrainingData:
    return assemble(recipe)


@pytest.fixture(scope="module")
def teacher(tiny_artifact: Path) -> Start:
    return load_start(str(tiny_artifact))


def variant(
    model: Path, target: Path, *, bias: float = 0.0, heads: tuple[str, ...] = ("guide",), **config: Any
) -> Start:
    """Another teacher: a copy whose logits are shifted by `bias`, with settings for `heads`."""
    shutil.copytree(model, target)
    weights = load_file(target / "model.safetensors")
    weights["shared.bias"] += bias
    save_file(weights, target / "model.safetensors", metadata={"format": "pt"})
    values = json.loads((target / "config.json").read_text(encoding="utf-8"))
    guide = values["settings"]["guide"]
    values["settings"] = {head: {**guide, "output": head} for head in heads}
    values["default_head"] = heads[0]
    values.update(config)
    (target / "config.json").write_text(json.dumps(values), encoding="utf-8")
    write_manifest(target)
    return load_start(str(target))


def probabilities(teacher: Start, sentences: tuple[Sentence, ...], *, whole: bool = False) -> tuple[Any, Any]:
    """A teacher's probabilities of sentences and of their passages, for all heads, computed at once."""
    tokenizer = SubwordTokenizer.of(load_tokenizer(str(teacher.artifact.folder)))
    encoded = (
        encode_texts([one.text for one in sentences], tokenizer) if whole else encode_sentences(sentences, tokenizer)
    )
    logits = predict_logits(start_network(teacher, 0.0), encoded, teacher.artifact.window, tokenizer, bf16=False)
    return tuple(1 / (1 + np.exp(-values)) for values in logits)


def arrays_of(folder: Path) -> dict[str, Any]:
    with np.load(folder / SCORES) as arrays:
        return {name: arrays[name] for name in arrays.files}


@pytest.fixture(autouse=True)
def full_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "native_bf16", lambda: False)


def test_every_training_sentence_and_the_pool_are_scored(
    recipe: Recipe, data: TrainingData, teacher: Start, tmp_path: Path
) -> None:
    distil(recipe, data, POOL_ROWS, [teacher], tmp_path / "d", part_sentences=7, quiet=True)
    scores = load_teacher_scores(str(tmp_path / "d"))
    assert scores.heads == ("guide",)
    assert scores.pool == POOL_ROWS
    own = data.train[0].sentences
    for sentences in (own, POOL_ROWS):
        found, known = scores.of_sentences(sentences)
        expected, of_passages = probabilities(teacher, sentences)
        assert known.all()
        np.testing.assert_allclose(found[:, 0], expected[:, HEADS.index("guide")], atol=2e-3)
        keys = list(dict.fromkeys((one.policy, one.passage) for one in sentences if one.passage is not None))
        found, known = scores.of_passages(keys)
        assert known.all() and len(keys) == len(of_passages)
        np.testing.assert_allclose(found[:, 0], of_passages[:, HEADS.index("guide")], atol=2e-3)
    assert len(scores.sentences) == len(own) + len(POOL_ROWS)
    assert not (tmp_path / "d" / "parts").exists()
    about = json.loads((tmp_path / "d" / ABOUT).read_text(encoding="utf-8"))
    assert about["teachers"] == [teacher.described()]


def test_two_teachers_are_averaged_over_the_heads_that_both_have_learnt(
    recipe: Recipe, data: TrainingData, teacher: Start, tiny_artifact: Path, tmp_path: Path
) -> None:
    second = variant(tiny_artifact, tmp_path / "second", bias=1.5, heads=("opp115", "guide"))
    distil(recipe, data, POOL_ROWS, [teacher, second], tmp_path / "d", quiet=True)
    scores = load_teacher_scores(str(tmp_path / "d"))
    assert scores.heads == ("guide",)
    one, two = (probabilities(start, POOL_ROWS)[0][:, HEADS.index("guide")] for start in (teacher, second))
    assert np.abs(one - two).max() > 0.1
    np.testing.assert_allclose(scores.of_sentences(POOL_ROWS)[0][:, 0], (one + two) / 2, atol=2e-3)

    third = variant(tiny_artifact, tmp_path / "third", heads=("passage",))
    with pytest.raises(RecipeError, match="no trained head in common"):
        distil(recipe, data, POOL_ROWS, [teacher, third], tmp_path / "e", quiet=True)


def test_a_policy_is_scored_by_teachers_that_have_not_learnt_it(
    recipe: Recipe, data: TrainingData, teacher: Start, tiny_artifact: Path, tmp_path: Path
) -> None:
    second = variant(tiny_artifact, tmp_path / "second", bias=1.5)
    known = replace(teacher, trained_on=replace(teacher.trained_on, policies=frozenset(["shop-0", "shop-1"])))
    other = replace(second, trained_on=replace(second.trained_on, policies=frozenset(["shop-1", "shop-2"])))
    distil(recipe, data, POOL_ROWS, [known, other], tmp_path / "d", quiet=True)
    found = load_teacher_scores(str(tmp_path / "d")).of_sentences(POOL_ROWS)[0][:, 0]
    one, two = (probabilities(start, POOL_ROWS)[0][:, HEADS.index("guide")] for start in (teacher, second))
    expected = {"shop-0": two, "shop-1": (one + two) / 2, "shop-2": one, "shop-3": (one + two) / 2}
    for row, sentence in enumerate(POOL_ROWS):
        np.testing.assert_allclose(found[row], expected[sentence.policy][row], atol=2e-3)


def test_a_teacher_without_context_gives_no_passage_scores(
    recipe: Recipe, data: TrainingData, teacher: Start, tiny_artifact: Path, tmp_path: Path
) -> None:
    alone = variant(tiny_artifact, tmp_path / "alone", bias=1.0, context=False)
    distil(recipe, data, POOL_ROWS, [alone, teacher], tmp_path / "d", quiet=True)
    found, known = load_teacher_scores(str(tmp_path / "d")).of_passages([("shop-0", 0), ("shop-0", 1)])
    assert known.all()
    expected = probabilities(teacher, POOL_ROWS)[1][:2, HEADS.index("guide")]
    np.testing.assert_allclose(found[:, 0], expected, atol=2e-3)


def test_a_head_that_uses_another_output_gives_the_scores_of_that_output(
    recipe: Recipe, data: TrainingData, tiny_artifact: Path, tmp_path: Path
) -> None:
    config = json.loads((tiny_artifact / "config.json").read_text(encoding="utf-8"))
    settings = {"opp115": {**config["settings"]["guide"], "output": "guide"}}
    borrowing = variant(tiny_artifact, tmp_path / "t", heads=("opp115",), settings=settings)
    distil(recipe, data, POOL_ROWS, [borrowing], tmp_path / "d", quiet=True)
    scores = load_teacher_scores(str(tmp_path / "d"))
    assert scores.heads == ("opp115",)
    expected = probabilities(borrowing, POOL_ROWS)[0]
    np.testing.assert_allclose(scores.of_sentences(POOL_ROWS)[0][:, 0], expected[:, HEADS.index("guide")], atol=2e-3)
    assert np.abs(expected[:, HEADS.index("guide")] - expected[:, HEADS.index("opp115")]).max() > 0.01


def test_a_killed_run_resumes(
    recipe: Recipe, data: TrainingData, teacher: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    distil(recipe, data, POOL_ROWS, [teacher], tmp_path / "whole", part_sentences=4, quiet=True)
    real, calls, killed_at = Teacher.score, 0, 4

    def score(teacher: Teacher, source: Source, heads: Sequence[str]) -> dict[str, Any]:
        nonlocal calls
        calls += 1
        if calls == killed_at:
            raise Killed
        return real(teacher, source, heads)

    cut = tmp_path / "cut"
    monkeypatch.setattr(Teacher, "score", score)
    with pytest.raises(Killed):
        distil(recipe, data, POOL_ROWS, [teacher], cut, part_sentences=4, quiet=True)
    with pytest.raises(RecipeError, match="holds no finished scores"):
        load_teacher_scores(str(cut))
    killed_at = 0
    with pytest.raises(RecipeError, match="unfinished scores of other data or teachers"):
        distil(recipe, data, POOL_ROWS[:-1], [teacher], cut, quiet=True)
    with pytest.raises(RecipeError, match="unfinished scores of other data or teachers"):
        distil(recipe, data, POOL_ROWS, [teacher, teacher], cut, quiet=True)
    calls = 0
    distil(recipe, data, POOL_ROWS, [teacher], cut, part_sentences=4, quiet=True)
    assert calls == 5 - 3  # one part of the labelled policy, four of the pool
    whole, resumed = arrays_of(tmp_path / "whole"), arrays_of(cut)
    assert set(whole) == set(resumed)
    for name, values in whole.items():
        np.testing.assert_array_equal(resumed[name], values)
    assert load_teacher_scores(str(cut)).hash == load_teacher_scores(str(tmp_path / "whole")).hash


def test_the_pool_is_drawn_from_policies_that_nobody_has_labelled(recipe: Recipe, data: TrainingData) -> None:
    rows = (*read_five(), *POOL_ROWS)
    selected = select_pool(rows, data, 100_000, whole=False)
    assert {row.policy for row in selected} == (TEACHERS | {f"shop-{p}" for p in range(4)}) - {"003_empxtrack"}
    assert not any(row.labelled for row in selected)
    assert select_pool(POOL_ROWS, data, 6, whole=False) == POOL_ROWS[:10]  # whole policies
    with pytest.raises(DataError, match="no policy that is not labelled already"):
        select_pool([row for row in rows if row.policy in ("003_empxtrack", "004_vtiger")], data, 100, whole=False)


def test_whole_blocks_become_rows_of_their_own(data: TrainingData) -> None:
    selected = select_pool(POOL_ROWS[:5], data, 100, whole=True)
    first, second = (" ".join(row.text for row in POOL_ROWS[i : i + 2]) for i in (0, 2))
    assert [(row.policy, row.index, row.text) for row in selected] == [("shop-0-0", 0, first), ("shop-0-1", 0, second)]


def test_privacyglues_student_learns_whole_texts(
    tiny_recipe: dict[str, object], tiny_artifact: Path, tmp_path: Path
) -> None:
    for name, rows in (("train", read_five()[:30]), ("validation", read_five()[40:60])):
        with (tmp_path / f"{name}_dataset.csv").open("w", encoding="utf-8", newline="") as stream:
            csv.writer(stream).writerows((row.text, label) for row in rows for label in row.labels or ())
    kept = {key: value for key, value in tiny_recipe.items() if not key.startswith("policies")}
    recipe = recipe_from({**kept, "privacyglue": str(tmp_path), "teacher_share": 1.0})
    teacher = variant(tiny_artifact, tmp_path / "teacher", heads=("passage",))
    data = assemble(recipe)
    pool = select_pool(POOL_ROWS, data, 100, whole=True)
    distil(recipe, data, pool, [teacher], tmp_path / "d", quiet=True)
    scores = load_teacher_scores(str(tmp_path / "d"))
    found, known = scores.of_sentences(pool)
    assert known.all() and not scores.passages
    expected, _ = probabilities(teacher, pool, whole=True)
    np.testing.assert_allclose(found[:, 0], expected[:, HEADS.index("passage")], atol=2e-3)
    student = assemble(recipe.replaced(distilled=str(tmp_path / "d")))
    assert [(source.head, source.whole) for source in student.train] == [("passage", True), (POOL, True)]


def test_the_command_scores_and_a_recipe_trains_on_what_it_wrote(
    tiny_recipe: dict[str, object],
    recipe: Recipe,
    tiny_artifact: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    toml = tmp_path / "student.toml"
    values = {**tiny_recipe, "policies": ["003_empxtrack"], "distilled": "./not/yet"}
    toml.write_text("".join(f"{key} = {json.dumps(value)}\n" for key, value in values.items()), encoding="utf-8")
    labelled = [row for row in read_five() if row.policy == "003_empxtrack"]
    write_jsonl(tmp_path / "pool.jsonl", [row.row() for row in (*labelled, *POOL_ROWS)])
    folder = tmp_path / "distilled"
    command = ["distil", str(toml), "--teacher", str(tiny_artifact), "-o", str(folder), "--quiet"]
    command += ["--pool", str(tmp_path / "pool.jsonl"), "--sentences", "11"]
    assert main(command) == 0
    scores = load_teacher_scores(str(folder))
    assert set(by_policy(scores.pool)) == {"shop-0", "shop-1", "shop-2"}
    assert main(command) == 2
    assert "holds finished scores; give another -o" in capsys.readouterr().err

    student = recipe.replaced(distilled=str(folder))
    run_training(student, tmp_path / "run", quiet=True)
    seen, teachers = (load_artifact(path).trained_on() for path in (tmp_path / "run", tiny_artifact))
    assert seen.policies == TEACHERS | {"shop-0", "shop-1", "shop-2"}
    assert seen.hashes >= teachers.hashes and teachers.hashes
    assert {short_hash(text_hash(row.text)) for row in scores.pool} <= seen.context
    assert not {short_hash(text_hash(row.text)) for row in scores.pool} & seen.hashes
    assert seen.validation_policies == {"004_vtiger"}
    run = json.loads((tmp_path / "run" / "run.json").read_text(encoding="utf-8"))
    assert [part["head"] for part in run["data"]["train"]] == ["guide", POOL]
    assert str(tmp_path) not in (tmp_path / "run" / "config.json").read_text(encoding="utf-8")
    # What the teachers learnt may not validate, as if the student had learnt it itself.
    with pytest.raises(LeakageError, match="'000_sagenext' is both trained on and validated with"):
        assemble(student.replaced(policies_validation=["000_sagenext"]))


def test_without_a_pool_the_training_sentences_alone_are_scored(
    recipe: Recipe, data: TrainingData, teacher: Start, tmp_path: Path
) -> None:
    distil(recipe, data, (), [teacher], tmp_path / "d", quiet=True)
    student = recipe.replaced(distilled=str(tmp_path / "d"), epochs=1)
    trained = trainer.train(student, assemble(student), tmp_path / "run", quiet=True)
    assert trained.progress.step > 0
    # A run goes on with the scores that it began with, or not at all.
    other = assemble(student)
    assert other.teacher_scores is not None
    other = replace(other, teacher_scores=replace(other.teacher_scores, hash="another"))
    with pytest.raises(RecipeError, match="holds a run with other settings or data"):
        trainer.train(student, other, tmp_path / "run", quiet=True)


def test_a_damaged_folder_is_one_clear_line(recipe: Recipe, data: TrainingData, teacher: Start, tmp_path: Path) -> None:
    good = tmp_path / "good"
    distil(recipe, data, POOL_ROWS, [teacher], good, quiet=True)
    scores = (good / SCORES).read_bytes()
    arrays = arrays_of(good)
    cases: list[tuple[str, bytes | None]] = [
        (ABOUT, b"{"),
        (ABOUT, b"[]"),
        (ABOUT, b'{"heads": ["guide"]}'),
        (SCORES, None),
        (SCORES, b""),
        (SCORES, b"no scores"),
        (SCORES, scores[: len(scores) // 2]),
        (SCORES, scores[:200] + b"\xff" * 50 + scores[250:]),
        ("pool.jsonl", b'{"policy": 1}\n'),
        ("trained_on.json", None),
        ("trained_on.json", b'{"policies": 3}'),
    ]
    for number, (name, content) in enumerate(cases):
        folder = tmp_path / f"bad{number}"
        shutil.copytree(good, folder)
        if content is None:
            (folder / name).unlink()
        else:
            (folder / name).write_bytes(content)
        with pytest.raises(
            RecipeError, match=r"^distilled: .* is damaged \(.+\); run clausetag distil again"
        ) as caught:
            load_teacher_scores(str(folder))
        assert "\n" not in str(caught.value)
    for short in ("sentence_scores", "passage_scores"):
        np.savez(good / SCORES, **{**arrays, short: arrays[short][1:]})
        with pytest.raises(RecipeError, match="do not belong together"):
            load_teacher_scores(str(good))
    assert arrays["sentence_scores"].shape[1:] == (1, len(LABELS))
    with pytest.raises(RecipeError, match="holds no finished scores; run clausetag distil first"):
        load_teacher_scores(str(tmp_path / "nowhere"))
