"""Sources of training data, each for one head of the network, and what of them may be learnt."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from clausetag.data.errors import LeakageError
from clausetag.data.jsonl import by_policy
from clausetag.data.records import Sentence
from clausetag.data.text import is_boilerplate, short_hash, text_hash
from clausetag.model.artifact import TrainedOn
from clausetag.model.tokenise import EncodedPolicies, SubwordTokenizer, encode_sentences, encode_texts
from clausetag.train.examples.teacher_scores import TeacherScores, sentence_key
from clausetag.train.start import Start

POOL = "pool"
"""In place of a head, for the unlabelled source: every head learns its teacher scores."""
SAME_POLICY = 0.1
"""A training policy with more than this share of a test policy's sentences is taken to be that policy."""


@dataclass(frozen=True, slots=True)
class Source:
    """Policies labelled in one way, for the head of that name."""

    head: str
    sentences: tuple[Sentence, ...]
    passages: dict[tuple[str, int], dict[str, float]] = field(default_factory=dict)
    """Votes of each labelled (policy, passage)."""
    whole: bool = False
    """Whether each row is a text of its own, read as one passage (PrivacyGLUE)."""

    def encode(self, tokenizer: SubwordTokenizer, *, context: bool) -> EncodedPolicies:
        """Tokenise the sentences, in policies, or each alone without `context`."""
        if self.whole:
            return encode_texts([sentence.text for sentence in self.sentences], tokenizer)
        return encode_sentences(self.sentences, tokenizer, context=context)


@dataclass(frozen=True, slots=True)
class TrainingData:
    """All data of a training run, and what earlier stages have seen."""

    train: tuple[Source, ...]
    validation: tuple[Source, ...]
    """Chooses the epoch, thresholds and calibration."""
    notes: tuple[str, ...]
    start: Start | None = None
    teacher_scores: TeacherScores | None = None
    stages: tuple[TrainedOn, ...] = ()
    """Seen by earlier stages: pretraining, training of the start model and of the teachers."""

    def digest(self) -> str:
        """A hash that names the training sentences with their labels, the start model and the teacher scores."""
        found = hashlib.sha256()
        for source in self.train:
            for row in source.sentences:
                labels = sorted(row.votes.items()) if row.votes is not None else row.labels
                found.update(f"{source.head}\t{sentence_key(row)}\t{labels}\n".encode("utf-8", "replace"))
        start = self.start.artifact.hash if self.start else None
        scores = self.teacher_scores.hash if self.teacher_scores else None
        found.update(f"{start}\t{scores}".encode())
        return found.hexdigest()[:12]

    def trained_heads(self) -> set[str]:
        """Heads that have training data."""
        passages = {"passage" for source in self.train if source.passages}
        distilled = set(self.teacher_scores.heads) if self.teacher_scores else set()
        return {source.head for source in self.train if source.head != POOL} | passages | distilled

    def trained_policies(self) -> set[str]:
        """Ids of all policies trained on, earlier stages included."""
        policies = {sentence.policy for source in self.train for sentence in source.sentences}
        return policies.union(*(stage.policies for stage in self.stages))

    def trained_on(self) -> TrainedOn:
        """Everything that the trained model has seen, over all stages."""
        labelled: set[str] = set()
        read: set[str] = set()
        for source in self.train:
            for sentence in source.sentences:
                key = text_hash(sentence.text)
                read.add(short_hash(key) if source.head == POOL else key)
                if sentence.labelled:
                    labelled.add(key)
        labelled.update(*(stage.hashes for stage in self.stages))
        read.update(*(stage.context for stage in self.stages))
        held_out = [row for source in self.validation for row in source.sentences if row.labelled]
        return TrainedOn(
            policies=frozenset(self.trained_policies()),
            hashes=frozenset(labelled),
            context=frozenset(read - labelled),
            validation_policies=frozenset(row.policy for row in held_out).union(
                *(stage.validation_policies for stage in self.stages)
            ),
            validation=frozenset(text_hash(row.text) for row in held_out).union(
                *(stage.validation for stage in self.stages)
            ),
        )


def without_test_texts(data: TrainingData, test: Sequence[Sentence]) -> TrainingData:
    """Refuse training data that hold a held-out policy, and drop sentences that also occur in held-out policies.

    Held out are the policies of `test`, OPP-115's test split (by id, even if `test` lacks them), and the validation
    policies. What earlier stages were trained on counts too, but cannot be dropped.

    Policies copy from each other: 3.3 % of the test split's sentences occur word for word in its training split. They
    would inflate every metric. Texts of under five words ("Contact us") are kept.

    Args:
        data: the assembled sources.
        test: sentences of the test split, if the recipe uses OPP-115, and of the policy left out.

    Raises:
        LeakageError: a training policy is held out, by its id or by more than a tenth of its sentences.
    """
    from clausetag.data.corpora.splits import policy_split

    trained = data.trained_policies()
    leaked = sorted(trained & set(policy_split()["test"]))
    if leaked:
        raise LeakageError(f"policy {leaked[0]!r} belongs to OPP-115's test split and may not be trained on")
    leaked = sorted(trained & {sentence.policy for sentence in test})
    if leaked:
        raise LeakageError(f"policy {leaked[0]!r} is left out: neither this training nor an earlier stage may use it")
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
    held_out = set(owners) | {text_hash(row.text) for row in validation if not is_boilerplate(row.text)}
    kept = tuple(_without(source, held_out) for source in data.train)
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
                f"{len(found)} of {sizes[owner]} sentences of the held-out policy {owner!r} occur in the training "
                f"policy {policy!r}; take it out of the training data"
            )


def _without(source: Source, held_out: set[str]) -> Source:
    """The source without sentences whose text hash is in `held_out`, and without the labels of their passages."""
    kept: list[Sentence] = []
    passages = dict(source.passages)
    for sentence in source.sentences:
        if text_hash(sentence.text) not in held_out:
            kept.append(sentence)
        elif sentence.passage is not None:
            passages.pop((sentence.policy, sentence.passage), None)
    return replace(source, sentences=tuple(kept), passages=passages)
