"""Targets and weights of each head: labels, votes and teacher scores."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pytest

from clausetag.data.labels import LABELS
from clausetag.data.records import Sentence
from clausetag.model.configuration import HEADS
from clausetag.train.config import Recipe
from clausetag.train.examples.sources import POOL, Source
from clausetag.train.examples.targets import Targets, passage_targets, sentence_targets
from clausetag.train.examples.teacher_scores import TeacherScores, passage_key, sentence_key

FIRST, SECOND = LABELS[0], LABELS[1]

LABELLED = Sentence("p", 0, "We collect names.", passage=0, labels=(FIRST,))
CONTEXT = Sentence("p", 1, "Names are words.", passage=0)
UNREAD = Sentence("p", 2, "No teacher has read this.", passage=1, labels=(FIRST,))
UNREAD_CONTEXT = Sentence("p", 3, "Nor this.", passage=1)
ROWS = (LABELLED, CONTEXT, UNREAD, UNREAD_CONTEXT)


def scores_of(
    sentences: Sequence[Sentence], heads: Sequence[str], passages: Sequence[tuple[str, int]] = ()
) -> tuple[TeacherScores, npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Teachers who have read `sentences` and `passages`, and their scores float [n or m, heads, labels]."""
    rng = np.random.default_rng(0)
    scores, of_passages = (
        rng.uniform(size=(len(rows), len(heads), len(LABELS))).astype(np.float16) for rows in (sentences, passages)
    )
    teacher_scores = TeacherScores(
        tuple(heads),
        {sentence_key(one): row for row, one in enumerate(sentences)},
        scores,
        {passage_key(key): row for row, key in enumerate(passages)},
        of_passages,
        (),
        (),
        "hash",
    )
    return teacher_scores, scores.astype(np.float32), of_passages.astype(np.float32)


def targets_for(targets: Sequence[Targets], head: str) -> Targets:
    (found,) = [one for one in targets if one.head == HEADS.index(head)]
    return found


def heads_of(targets: Sequence[Targets]) -> set[str]:
    return {HEADS[one.head] for one in targets}


def test_labelled_rows_mix_label_and_teacher_scores_and_unlabelled_ones_have_teacher_scores_alone() -> None:
    teacher_scores, scores, _ = scores_of([LABELLED, CONTEXT], ["guide"])
    recipe = Recipe(policies=("x",), teacher_share=0.3, distill_weight=0.25)
    (found,) = sentence_targets(Source("guide", ROWS), recipe, HEADS, teacher_scores)
    assert found.head == HEADS.index("guide")
    label = np.eye(len(LABELS))[0]
    np.testing.assert_allclose(found.targets[0], 0.7 * label + 0.3 * scores[0, 0], atol=1e-6)
    np.testing.assert_allclose(found.targets[1], scores[1, 0])
    np.testing.assert_allclose(found.targets[2], label)
    assert found.weights.tolist() == [1.0, 0.25, 1.0, 0.0]
    assert found.targets.dtype == found.weights.dtype == np.float32


def test_heads_without_labels_of_their_own_learn_from_the_teacher_alone() -> None:
    teacher_scores, scores, _ = scores_of([LABELLED, CONTEXT], ["opp115", "guide"])
    recipe = Recipe(policies=("x",), teacher_share=0.3, distill_weight=0.25)
    found = sentence_targets(Source("guide", ROWS), recipe, HEADS, teacher_scores)
    assert heads_of(found) == {"opp115", "guide"}
    np.testing.assert_allclose(targets_for(found, "opp115").targets[:2], scores[:, 0])
    assert targets_for(found, "opp115").weights.tolist() == [0.25, 0.25, 0.0, 0.0]
    np.testing.assert_allclose(targets_for(found, "guide").targets[1], scores[1, 1])


def test_the_pool_trains_every_head_that_has_teacher_scores() -> None:
    teacher_scores, scores, _ = scores_of([CONTEXT], ["opp115", "passage"])
    found = sentence_targets(Source(POOL, (CONTEXT, UNREAD_CONTEXT)), Recipe(policies=("x",)), HEADS, teacher_scores)
    assert heads_of(found) == {"opp115"}  # the head of passages reads no single sentences
    np.testing.assert_allclose(found[0].targets[0], scores[0, 0])
    assert found[0].weights.tolist() == [0.5, 0.0]
    assert sentence_targets(Source(POOL, (UNREAD_CONTEXT,)), Recipe(policies=("x",)), HEADS, teacher_scores) == ()
    assert sentence_targets(Source(POOL, ()), Recipe(policies=("x",)), HEADS, teacher_scores) == ()


def test_whole_texts_train_the_passage_head_alone() -> None:
    teacher_scores, scores, _ = scores_of([LABELLED], ["opp115", "passage"])
    recipe = Recipe(privacyglue="x", teacher_share=1.0)
    (found,) = sentence_targets(Source("passage", (LABELLED, UNREAD), whole=True), recipe, HEADS, teacher_scores)
    assert HEADS[found.head] == "passage"
    np.testing.assert_allclose(found.targets[0], scores[0, 1])
    np.testing.assert_allclose(found.targets[1], np.eye(len(LABELS))[0])


def test_without_teacher_scores_the_labels_are_the_targets() -> None:
    (found,) = sentence_targets(Source("guide", ROWS), Recipe(policies=("x",)), HEADS, None)
    np.testing.assert_array_equal(found.targets[0], np.eye(len(LABELS))[0])
    assert found.weights.tolist() == [1.0, 0.0, 1.0, 0.0]
    assert sentence_targets(Source(POOL, ROWS[1:2]), Recipe(policies=("x",)), HEADS, None) == ()


@pytest.mark.parametrize(("head", "weight"), [("guide", 3.0), ("opp115", 1.0)])
def test_the_guides_weight_is_for_the_guides_labels(head: str, weight: float) -> None:
    teacher_scores, _, _ = scores_of([CONTEXT], ["guide", "opp115"])
    recipe = Recipe(policies=("x",), guide_weight=3.0, distill_weight=0.25)
    found = targets_for(sentence_targets(Source(head, ROWS), recipe, HEADS, teacher_scores), head)
    assert found.weights.tolist() == [weight, 0.25, weight, 0.0]


def test_the_guides_habit_from_opp115_is_mixed_with_the_teacher_too() -> None:
    row = Sentence("p", 0, "Security", passage=4, votes={}, labels=())
    source = Source("opp115", (row,), {("p", 4): {FIRST: 1.0}})
    teacher_scores, scores, _ = scores_of([row], ["guide"])
    recipe = Recipe(opp115=("train",), guide_from_opp115=True, teacher_share=0.5)
    found = sentence_targets(source, recipe, HEADS, teacher_scores)
    assert not targets_for(found, "opp115").targets.any()
    np.testing.assert_allclose(
        targets_for(found, "guide").targets[0], 0.5 * np.eye(len(LABELS))[0] + 0.5 * scores[0, 0], atol=1e-6
    )


def test_passages_learn_from_votes_and_teacher_scores() -> None:
    keys = [("p", 0), ("p", 1), ("q", 0), ("q", 1)]
    source = Source("opp115", (), {("p", 0): {FIRST: 2 / 3, SECOND: 1 / 3}, ("p", 1): {FIRST: 1.0}})
    recipe = Recipe(opp115=("train",), passage_weight=0.4, distill_weight=0.5, teacher_share=0.5)
    (alone,) = passage_targets(source, keys, recipe, HEADS, None)
    assert HEADS[alone.head] == "passage"
    assert alone.targets[0, :2].tolist() == pytest.approx([2 / 3, 1 / 3])
    assert alone.weights.tolist() == pytest.approx([0.4, 0.4, 0, 0])
    hard = Recipe(opp115=("train",), targets="majority")
    assert passage_targets(source, keys, hard, HEADS, None)[0].targets[0, :2].tolist() == [1.0, 0.0]

    teacher_scores, _, scores = scores_of([], ["opp115", "passage"], [("p", 0), ("q", 0)])
    (both,) = passage_targets(source, keys, recipe, HEADS, teacher_scores)
    np.testing.assert_allclose(both.targets[0], 0.5 * alone.targets[0] + 0.5 * scores[0, 1], atol=1e-6)
    np.testing.assert_allclose(both.targets[1], alone.targets[1])
    np.testing.assert_allclose(both.targets[2], scores[1, 1])
    assert both.weights.tolist() == pytest.approx([0.4, 0.4, 0.2, 0])


def test_a_recipe_without_passages_learns_none_from_teachers() -> None:
    teacher_scores, _, _ = scores_of([], ["passage"], [("p", 0)])
    recipe = Recipe(opp115=("train",), passages=False)
    assert passage_targets(Source(POOL, ()), [("p", 0)], recipe, HEADS, teacher_scores) == ()
    sentences_alone, _, _ = scores_of([LABELLED], ["guide"])
    assert passage_targets(Source(POOL, ()), [("p", 0)], Recipe(opp115=("train",)), HEADS, sentences_alone) == ()


def test_what_no_teacher_has_read_is_masked() -> None:
    teacher_scores, scores, _ = scores_of([LABELLED, CONTEXT], ["guide"])
    scores, known = teacher_scores.of_sentences([UNREAD, CONTEXT, Sentence("p", 0, "Other text in its place.")])
    assert known.tolist() == [0.0, 1.0, 0.0]
    np.testing.assert_allclose(scores[1], scores[1])
    scores, known = teacher_scores.of_passages([("p", 0)])
    assert scores.shape == (1, 1, len(LABELS)) and known.tolist() == [0.0]
    assert teacher_scores.of_sentences([])[0].shape == (0, 1, len(LABELS))
