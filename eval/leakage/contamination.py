"""The check that a model is not measured on what it was trained on: evaluation texts against its `trained_on`.

Texts are compared by `clausetag.data.text.text_hash` (letters and digits only). Texts of fewer than five words are
boilerplate that occurs in every policy: they never count as contaminated, but they do count in the total.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from clausetag.data.errors import LeakageError
from clausetag.data.records import Sentence
from clausetag.data.segment import sentence_spans
from clausetag.data.text import is_boilerplate, short_hash, text_hash

MAX_SHARE = 0.02
"""A larger share of contaminated texts is refused; it is not 0 because corpora repeat some sentences."""
EXAMPLES = 5


@dataclass(frozen=True, slots=True)
class Contamination:
    """How many of the `total` texts, and which policies, training has seen; `examples` are a few (policy, index)."""

    share: float
    count: int
    total: int
    limit: float
    """The largest share that is accepted."""
    policies: tuple[str, ...]
    examples: tuple[tuple[str, int], ...]

    @property
    def leaks(self) -> bool:
        """Whether metrics on these texts would be in-sample."""
        return self.share > self.limit or bool(self.policies)

    def to_dict(self) -> dict[str, Any]:
        """The `overlap` object of metrics.json."""
        return asdict(self) | {"examples": [{"policy": policy, "index": index} for policy, index in self.examples]}


def contamination(
    train_hashes: Collection[str],
    sentences: Sequence[Sentence],
    train_policies: Collection[str] = (),
    *,
    limit: float = MAX_SHARE,
) -> Contamination:
    """Compare the texts to measure on with the hashes and policy ids of everything that training saw.

    A text of several sentences (a passage) was seen if training saw the whole text, or each of its sentences that is
    not boilerplate.
    """
    seen = frozenset(train_hashes)
    found = [(sentence.policy, sentence.index) for sentence in sentences if _seen(sentence.text, seen)]
    policies = sorted({sentence.policy for sentence in sentences} & set(train_policies))
    share = len(found) / len(sentences) if sentences else 0.0
    return Contamination(share, len(found), len(sentences), limit, tuple(policies), tuple(found[:EXAMPLES]))


def refuse_leakage(found: Contamination, *, in_sample: bool = False) -> None:
    """Raise an error if the model has seen the texts, unless the user asked for in-sample metrics.

    Raises:
        LeakageError: one of the policies, or a larger share of the texts than `found.limit`, was trained on.
    """
    if in_sample or not found.leaks:
        return
    reasons = []
    if found.policies:
        shown = ", ".join(found.policies[:EXAMPLES]) + (", …" if len(found.policies) > EXAMPLES else "")
        reasons.append(f"{len(found.policies)} of its policies were trained on ({shown})")
    if found.share > found.limit:
        examples = ", ".join(f"{policy} sentence {index}" for policy, index in found.examples)
        counted = f"{found.share:.1%} of its texts ({found.count} of {found.total})"
        reasons.append(f"{counted} were trained on ({examples})")
    raise LeakageError(
        f"the model has seen this data: {'; '.join(reasons)}; use a model that was not trained on it, "
        "or --in-sample to get metrics labelled as such"
    )


def _seen(text: str, hashes: frozenset[str]) -> bool:
    if not hashes or is_boilerplate(text):
        return False
    if _in(text_hash(text), hashes):
        return True
    parts = [text[start:end] for line in text.splitlines() for start, end in sentence_spans(line)]
    telling = [part for part in parts if not is_boilerplate(part)]
    return len(parts) > 1 and bool(telling) and all(_in(text_hash(part), hashes) for part in telling)


def _in(key: str, hashes: frozenset[str]) -> bool:
    """Whether a text's hash is there, in full or in the short form that unlabelled pools are recorded in."""
    return key in hashes or short_hash(key) in hashes
