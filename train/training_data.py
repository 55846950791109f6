"""Assemble a recipe's training and validation data: sources of sentences, each with the head that learns from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from clausetag.data.errors import DataError, LeakageError, RecipeError
from clausetag.data.jsonl import by_policy, read_jsonl
from clausetag.data.records import Sentence
from clausetag.data.text import is_boilerplate, short_hash, text_hash
from clausetag.model.artifact import TRAINED_ON, TrainedOn, read_trained_on
from clausetag.train.config import Recipe
from clausetag.train.start import Start, load_start
from clausetag.train.teacher_scores import Teaching, load_teaching

POOL = "pool"
"""Stands in place of a head for the source without labels, from which every head learns what teachers say."""

SAME_POLICY = 0.1
"""A training policy that holds more than this share of a test policy's sentences is taken for that policy."""


@dataclass(frozen=True, slots=True)
class Source:
    """Policies whose labels come from one kind of labelling, for the head of that name."""

    head: str
    sentences: tuple[Sentence, ...]
    passages: dict[tuple[str, int], dict[str, float]] = field(default_factory=dict)
    """Votes of (policy, passage), where passages are labelled too."""
    whole: bool = False
    """Each row is a text of its own, read as one passage (PrivacyGLUE)."""


@dataclass(frozen=True, slots=True)
class TrainingData:
    """What a recipe trains on, what chooses its thresholds, what it continues from, and the fingerprint of all that
    was learnt."""

    train: tuple[Source, ...]
    validation: tuple[Source, ...]
    notes: tuple[str, ...]
    start: Start | None = None
    teaching: Teaching | None = None
    """What teachers say about these sentences."""
    stages: tuple[TrainedOn, ...] = ()
    """What earlier stages saw: pretraining, the start model's training, the teachers'."""

    def taught_heads(self) -> set[str]:
        """Heads that have training data of their own."""
        passages = {"passage" for source in self.train if source.passages}
        taught = set(self.teaching.heads) if self.teaching else set()
        return {source.head for source in self.train if source.head != POOL} | passages | taught

    def trained_policies(self) -> set[str]:
        """Ids of all policies trained on, in earlier stages too."""
        policies = {sentence.policy for source in self.train for sentence in source.sentences}
        return policies.union(*(stage.policies for stage in self.stages))

    def validated(self) -> tuple[set[str], set[str]]:
        """Policies, and hashes of the labelled texts, that choose epoch, thresholds or calibration, in every stage."""
        rows = [sentence for source in self.validation for sentence in source.sentences if sentence.labelled]
        policies, hashes = {row.policy for row in rows}, {text_hash(row.text) for row in rows}
        policies.update(*(stage.validation_policies for stage in self.stages))
        hashes.update(*(stage.validation for stage in self.stages))
        return policies, hashes

    def trained_hashes(self) -> tuple[set[str], set[str]]:
        """Hashes of the texts whose labels were learnt, and of those that were only read, unlabelled, over every
        stage."""
        learnt: set[str] = set()
        read: set[str] = set()
        for source in self.train:
            for sentence in source.sentences:
                key = text_hash(sentence.text)
                read.add(short_hash(key) if source.head == POOL else key)
                if sentence.labelled:
                    learnt.add(key)
        learnt.update(*(stage.hashes for stage in self.stages))
        read.update(*(stage.context for stage in self.stages))
        return learnt, read - learnt


def assemble(recipe: Recipe) -> TrainingData:
    """Read everything that `recipe` names.

    Raises:
        DataError: a corpus or file is missing or wrong.
        LeakageError: a test policy, the policy left out, or text of either, is among the training data.
        RecipeError: nothing is left to validate with, so no threshold could be chosen; or `start` is no model to
            continue from.
    """
    train: list[Source] = []
    validation: list[Source] = []
    notes: list[str] = []
    test_sentences: list[Sentence] = []
    start = load_start(recipe.start, other_labels=recipe.own_labels) if recipe.start else None
    stages = [start.trained_on] if start else []
    pretrained = Path(recipe.backbone).expanduser() / TRAINED_ON
    if pretrained.is_file():
        stages.append(read_trained_on(pretrained))
    teaching = load_teaching(recipe.distilled) if recipe.distilled else None
    if recipe.opp115 or recipe.opp115_validation:
        from clausetag.data.corpora.opp115 import find_opp115, read_opp115
        from clausetag.data.corpora.splits import policy_split

        corpus = read_opp115(find_opp115(download=True))
        notes += corpus.notes
        split = policy_split()
        test_sentences = [sentence for sentence in corpus.sentences if sentence.policy in split["test"]]
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
    left_out = _of_the_five([recipe.leave_out], "leave_out") if recipe.leave_out else ()
    for path in recipe.extra:
        rows = read_jsonl(path, recipe.label_set)
        held = [row for row in rows if row.extra.get("split") == "validation"]
        learnt = [row for row in rows if row.extra.get("split") not in ("validation", "test")]
        if not learnt:
            raise DataError(f"{path}: no row to train on (every row's split is validation or test)")
        train.append(Source("guide", tuple(learnt)))
        if held:
            validation.append(Source("guide", tuple(held)))
    if recipe.privacyglue:
        train_source, validation_source, glue_notes = _privacyglue(Path(recipe.privacyglue))
        train.append(train_source)
        validation.append(validation_source)
        notes += glue_notes
    if teaching:
        train.append(Source(POOL, teaching.pool, whole=bool(recipe.privacyglue)))
        stages += teaching.trained_on
    data = TrainingData(tuple(train), tuple(validation), tuple(notes), start, teaching, tuple(stages))
    if recipe.privacyglue:
        if recipe.opp115 or recipe.policies or recipe.extra:
            raise DataError("recipe: privacyglue trains on its own files alone; its split crosses every policy split")
        _refuse_opp115(stages)
    _check_disjoint(data)
    data = data if recipe.privacyglue else without_test_texts(data, (*test_sentences, *left_out))
    if not validation and not recipe.unvalidated:
        raise RecipeError(
            "recipe: nothing validates; set a *_validation key, or give rows of extra the split validation"
        )
    return data


def _refuse_opp115(stages: Sequence[TrainedOn]) -> None:
    """PrivacyGLUE's test texts come from OPP-115's policies: no earlier stage may have seen one."""
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


def _privacyglue(folder: Path) -> tuple[Source, Source, list[str]]:
    from clausetag.data.corpora.privacyglue import read_privacyglue

    sources: list[Source] = []
    notes: list[str] = []
    for name in ("train", "validation"):
        rows, found = read_privacyglue(folder / f"{name}_dataset.csv")
        notes += found
        named = tuple(
            Sentence(policy=f"privacyglue-{name}-{row.index}", index=0, text=row.text, labels=row.labels)
            for row in rows
        )
        sources.append(Source("passage", named, whole=True))
    return sources[0], sources[1], notes


def _check_disjoint(data: TrainingData) -> None:
    held = {sentence.policy for source in data.validation for sentence in source.sentences}
    both = sorted(held & data.trained_policies())
    if both:
        raise LeakageError(f"policy {both[0]!r} is both trained on and validated with; take it out of one of them")


def without_test_texts(data: TrainingData, test: Sequence[Sentence]) -> TrainingData:
    """Refuse training data that hold a held-out policy; drop sentences that recur in held-out policies.

    Held out are the policies of `test`, those of OPP-115's test split (by id, whether `test` has them or not), and
    those that validate. What the start model was trained on counts, though nothing of it can be dropped.

    Policies copy from each other: 3.3 % of the test split's sentences stand, word for word, in its training split too.
    Left in, they would flatter every figure; texts of under five words ("Contact us") are left alone.

    Args:
        data: the assembled sources.
        test: sentences of the test split (where the recipe does not use the corpus none) and of the policy left out.

    Raises:
        LeakageError: a training policy is a policy held out, by id or by more than a tenth of its sentences.
    """
    from clausetag.data.corpora.splits import policy_split

    trained = data.trained_policies()
    planted = sorted(trained & set(policy_split()["test"]))
    if planted:
        raise LeakageError(f"policy {planted[0]!r} belongs to OPP-115's test split and may not be trained on")
    planted = sorted(trained & {sentence.policy for sentence in test})
    if planted:
        raise LeakageError(f"policy {planted[0]!r} is left out and may not be trained on, nor may the start model be")
    owners: dict[str, set[str]] = {}
    sizes: dict[str, int] = {}
    for policy, sentences in by_policy(test).items():
        keys = {text_hash(sentence.text) for sentence in sentences if not is_boilerplate(sentence.text)}
        sizes[policy] = len(keys)
        for key in keys:
            owners.setdefault(key, set()).add(policy)
    for source in data.train:
        if source.head != "opp115":
            _refuse_same_policy(source, owners, sizes)
    validation = [sentence for source in data.validation for sentence in source.sentences]
    held = set(owners) | {text_hash(row.text) for row in validation if not is_boilerplate(row.text)}
    kept = tuple(_without(source, held) for source in data.train)
    dropped = sum(len(a.sentences) - len(b.sentences) for a, b in zip(data.train, kept, strict=True))
    note = f"training sentences dropped because a validation or test policy has them too: {dropped}"
    return replace(data, train=kept, notes=(*data.notes, note) if dropped else data.notes)


def _refuse_same_policy(source: Source, owners: Mapping[str, set[str]], sizes: Mapping[str, int]) -> None:
    shared: dict[tuple[str, str], set[str]] = {}
    for sentence in source.sentences:
        key = text_hash(sentence.text)
        for owner in owners.get(key, ()):
            shared.setdefault((sentence.policy, owner), set()).add(key)
    for (policy, owner), found in shared.items():
        if len(found) > SAME_POLICY * sizes[owner]:
            raise LeakageError(
                f"{len(found)} of {sizes[owner]} sentences of the held-out policy {owner!r} stand in the training "
                f"policy {policy!r}; take it out of the training data"
            )


def _without(source: Source, held: set[str]) -> Source:
    """The source without the sentences whose text is in `held`, and without the labels of the passages they cut."""
    kept: list[Sentence] = []
    passages = dict(source.passages)
    for sentence in source.sentences:
        if text_hash(sentence.text) not in held:
            kept.append(sentence)
        elif sentence.passage is not None:
            passages.pop((sentence.policy, sentence.passage), None)
    return replace(source, sentences=tuple(kept), passages=passages)
