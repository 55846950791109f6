"""The guard against measuring a model on what it has learnt: compares evaluation texts with an artifact's `trained_on`.

Texts are compared by `clausetag.data.text.text_hash` (letters and digits alone). Texts of fewer than five words are
boilerplate that recurs in every policy and never count as overlapping, but they stay in the denominator: the share is
one of all texts that are measured.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from clausetag.data.errors import LeakageError
from clausetag.data.records import Sentence
from clausetag.data.text import is_boilerplate, short_hash, text_hash

MAX_SHARE = 0.02
"""More than this share of seen texts is refused; corpora repeat some sentences, so the limit is not 0."""
EXAMPLES = 5


@dataclass(frozen=True, slots=True)
class OverlapResult:
    """How many of the `total` texts, and which policies, training has seen; `examples` are (policy, index) of a few."""

    share: float
    count: int
    total: int
    examples: tuple[tuple[str, int], ...]
    policies: tuple[str, ...]
    limit: float = MAX_SHARE
    """The largest share that is not refused."""

    @property
    def leaks(self) -> bool:
        """Whether figures measured on these texts would be in-sample."""
        return self.share > self.limit or bool(self.policies)

    def to_dict(self) -> dict[str, Any]:
        """The `overlap` object of metrics.json."""
        return {
            "share": self.share,
            "count": self.count,
            "total": self.total,
            "limit": self.limit,
            "policies": list(self.policies),
            "examples": [{"policy": policy, "index": index} for policy, index in self.examples],
        }


def overlap(
    train_hashes: Collection[str],
    sentences: Sequence[Sentence],
    train_policies: Collection[str] = (),
    *,
    limit: float = MAX_SHARE,
) -> OverlapResult:
    """Compare the texts to be measured with the hashes and policy ids of everything that training saw.

    A text of several sentences (a passage) has been seen if it was seen as it stands, or if each of its sentences
    that is not boilerplate was.
    """
    seen = frozenset(train_hashes)
    found = [(sentence.policy, sentence.index) for sentence in sentences if _seen(sentence.text, seen)]
    both = sorted({sentence.policy for sentence in sentences} & set(train_policies))
    share = len(found) / len(sentences) if sentences else 0.0
    examples = tuple(found[:EXAMPLES])
    return OverlapResult(share, len(found), len(sentences), examples, tuple(both), limit)


def refuse_leakage(result: OverlapResult, *, in_sample: bool = False) -> None:
    """Raise unless the texts are unseen, or the caller has asked for in-sample figures.

    Raises:
        LeakageError: a larger share of the texts than the result's `limit`, or one of the policies, was trained on.
    """
    if in_sample or not result.leaks:
        return
    examples = ", ".join(f"{policy} sentence {index}" for policy, index in result.examples)
    reasons = []
    if result.policies:
        shown = ", ".join(result.policies[:EXAMPLES]) + (", …" if len(result.policies) > EXAMPLES else "")
        reasons.append(f"{len(result.policies)} of its policies were trained on ({shown})")
    if result.share > result.limit:
        counted = f"{result.share:.1%} of its texts ({result.count} of {result.total})"
        reasons.append(f"{counted} were trained on ({examples})")
    raise LeakageError(
        f"the model has seen this data: {'; '.join(reasons)}; use a model that was not trained on it, "
        "or --in-sample to get figures labelled as such"
    )


def _seen(text: str, hashes: frozenset[str]) -> bool:
    if not hashes or is_boilerplate(text):
        return False
    if _in(text_hash(text), hashes):
        return True
    from clausetag.data.segment import sentence_spans

    parts = [text[start:end] for line in text.splitlines() for start, end in sentence_spans(line)]
    telling = [part for part in parts if not is_boilerplate(part)]
    return len(parts) > 1 and bool(telling) and all(_in(text_hash(part), hashes) for part in telling)


def _in(key: str, hashes: frozenset[str]) -> bool:
    """Whether a text's hash is there, in full or in the pool's short form."""
    return key in hashes or short_hash(key) in hashes
