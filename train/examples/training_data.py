"""Assemble a recipe's training and validation data: sources of sentences, each for one head of the network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from clausetag.data.corpora.dataset import read_dataset, read_sentences
from clausetag.data.errors import DataError, LeakageError, RecipeError
from clausetag.data.records import Sentence
from clausetag.model.artifact import TRAINED_ON, TrainedOn, read_trained_on
from clausetag.train.config import Recipe
from clausetag.train.examples.sources import POOL, Source, TrainingData, without_test_texts
from clausetag.train.examples.teacher_scores import load_teacher_scores
from clausetag.train.start import load_start


def assemble(recipe: Recipe) -> TrainingData:
    """Read all data that `recipe` names.

    Raises:
        DataError: a corpus or file is missing or wrong.
        LeakageError: the training data hold a test policy, the policy left out, or text of either.
        RecipeError: there are no validation data to choose thresholds on, or `start` is no model to continue from.
    """
    train: list[Source] = []
    validation: list[Source] = []
    notes: list[str] = []
    held_out: list[Sentence] = []
    start = load_start(recipe.start, other_labels=recipe.own_labels) if recipe.start else None
    stages = [start.trained_on] if start else []
    stages += earlier_stages(recipe.backbone)
    if recipe.dataset:
        recipe = recipe.replaced(opp115=[], opp115_validation=[], policies=[], policies_validation=[], extra=[])
    if recipe.opp115 or recipe.opp115_validation:
        from clausetag.data.corpora.opp115 import find_opp115, read_opp115
        from clausetag.data.corpora.splits import policy_split

        corpus = read_opp115(find_opp115(download=True))
        notes += corpus.notes
        split = policy_split()
        held_out += [sentence for sentence in corpus.sentences if sentence.policy in split["test"]]
        for names, into in ((recipe.opp115, train), (recipe.opp115_validation, validation)):
            wanted = {policy for name in names for policy in split[name]}
            passages = {
                (passage.policy, passage.segment): dict(passage.votes)
                for passage in corpus.passages
                if passage.policy in wanted and passage.votes is not None
            }
            if wanted:
                kept = tuple(sentence for sentence in corpus.sentences if sentence.policy in wanted)
                into.append(Source("opp115", kept, passages if recipe.passages else {}))
    for key, into in (("policies", train), ("policies_validation", validation)):
        if getattr(recipe, key):
            into.append(Source("guide", _of_the_five(getattr(recipe, key), key)))
    if recipe.dataset:
        built = sources_of(recipe.dataset, recipe.label_set)
        train += built.get("train", [])
        validation += built.get("validation", [])
        notes.append(f"read from the dataset {Path(recipe.dataset).name}")
    for path in recipe.extra:
        by_split: dict[str, list[Sentence]] = {"train": [], "validation": [], "test": []}
        for row in read_sentences(path, recipe.label_set):
            split_name = row.extra.get("split")
            by_split[split_name if split_name in ("validation", "test") else "train"].append(row)
        if not by_split["train"]:
            raise DataError(f"{path}: no row to train on (every row's split is validation or test)")
        train.append(Source("guide", tuple(by_split["train"])))
        if by_split["validation"]:
            validation.append(Source("guide", tuple(by_split["validation"])))
    if recipe.privacyglue:
        for name, into in (("train", train), ("validation", validation)):
            source, found = _privacyglue(Path(recipe.privacyglue), name)
            into.append(source)
            notes += found
    if recipe.fold:
        train = without_fold(train, recipe.fold)
    teacher_scores = load_teacher_scores(recipe.distilled) if recipe.distilled else None
    if teacher_scores:
        train.append(Source(POOL, teacher_scores.pool, whole=bool(recipe.privacyglue)))
        stages += teacher_scores.trained_on
    data = TrainingData(tuple(train), tuple(validation), tuple(notes), start, teacher_scores, tuple(stages))
    if recipe.leave_out:
        held_out += _of_the_five([recipe.leave_out], "leave_out")
    if recipe.privacyglue:
        if recipe.opp115 or recipe.policies or recipe.extra:
            raise DataError("recipe: privacyglue trains on its own files alone; its split crosses every policy split")
        _refuse_opp115(stages)
    _check_disjoint(data)
    if not recipe.privacyglue:
        data = without_test_texts(data, held_out)
    if recipe.folds and any(source.head == "guide" for source in validation):
        raise RecipeError(
            "recipe: folds use every labelled policy in turn; take out policies_validation and rows of extra with the "
            "split validation"
        )
    if not validation and not recipe.unvalidated and not recipe.folds:
        raise RecipeError(
            "recipe: no validation data; set folds = 5 (or --folds 5) or a *_validation key, give rows of extra the "
            "split validation, or set unvalidated = true"
        )
    return data


def without_fold(sources: Sequence[Source], fold: str) -> list[Source]:
    """The sources without the policies of one part of several, given as "1/3".

    Raises:
        RecipeError: there is no such part, or it leaves nothing.
    """
    number, parts = map(int, fold.split("/"))
    policies = sorted({row.policy for source in sources for row in source.sentences})
    out = set(policies[number - 1 :: parts])
    if number > parts or parts < 2 or len(out) in (0, len(policies)):
        raise RecipeError(f"recipe: fold = {fold!r} of {len(policies)} policies; give for example 1/3")
    kept = []
    for source in sources:
        passages = {key: votes for key, votes in source.passages.items() if key[0] not in out}
        rows = tuple(row for row in source.sentences if row.policy not in out)
        kept.append(replace(source, sentences=rows, passages=passages))
    return [source for source in kept if source.sentences]


def sources_of(path: str, labels: tuple[str, ...]) -> dict[str, list[Source]]:
    """The sources in each split of a folder that `clausetag data build` wrote.

    Raises:
        DataError: the folder is no such dataset.
    """
    sentences: dict[tuple[str, str], list[Sentence]] = {}
    passages: dict[tuple[str, str], dict[tuple[str, int], dict[str, float]]] = {}
    for split, row, found in read_dataset(path, labels):
        key = (split, row["source"])
        if row["unit"] == 0 or row["source"] == "passage":
            sentences.setdefault(key, []).append(found)
        elif found.votes is not None:
            passages.setdefault(key, {})[found.policy, found.index] = dict(found.votes)
    splits: dict[str, list[Source]] = {}
    for (split, source), rows in sentences.items():
        known = passages.get((split, source), {})
        splits.setdefault(split, []).append(Source(source, tuple(rows), known, whole=source == "passage"))
    return splits


def earlier_stages(backbone: str) -> list[TrainedOn]:
    """The record of what a backbone's pretraining has read, if its folder has one."""
    record = Path(backbone).expanduser() / TRAINED_ON
    return [read_trained_on(record)] if record.is_file() else []


def _refuse_opp115(stages: Sequence[TrainedOn]) -> None:
    """PrivacyGLUE's test texts come from OPP-115's policies, so no earlier stage may have seen one."""
    from clausetag.data.corpora.splits import policy_split

    corpus = {policy for names in policy_split().values() for policy in names}
    seen = sorted(corpus & {policy for stage in stages for policy in stage.policies | stage.validation_policies})
    if seen:
        raise LeakageError(
            f"start, backbone or distilled: an earlier stage has seen {seen[0]!r} of OPP-115, and PrivacyGLUE's split "
            "crosses every policy split; start from a model of other policies"
        )


def _of_the_five(wanted: Sequence[str], key: str) -> tuple[Sentence, ...]:
    from clausetag.data.corpora.five import FIVE, read_five

    unknown = sorted(set(wanted) - set(FIVE))
    if unknown:
        raise DataError(f"{key}: {unknown[0]!r} is none of {', '.join(FIVE)}")
    return tuple(sentence for sentence in read_five() if sentence.policy in wanted)


def _privacyglue(folder: Path, name: str) -> tuple[Source, tuple[str, ...]]:
    """One of PrivacyGLUE's files as a source, and the reader's notes."""
    from clausetag.data.corpora.privacyglue import read_privacyglue

    rows, notes = read_privacyglue(folder / f"{name}_dataset.csv")
    sentences = tuple(
        Sentence(policy=f"privacyglue-{name}-{row.index}", index=0, text=row.text, labels=row.labels) for row in rows
    )
    return Source("passage", sentences, whole=True), notes


def _check_disjoint(data: TrainingData) -> None:
    validation = {sentence.policy for source in data.validation for sentence in source.sentences}
    both = sorted(validation & data.trained_policies())
    if both:
        raise LeakageError(f"policy {both[0]!r} is both trained on and validated with; take it out of one of them")
