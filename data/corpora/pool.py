"""The pool: filtered sentences of unlabelled policies, for pretraining and for distillation.

    clausetag data pool policies.jsonl.gz --held labelled.jsonl -o runs/pool.jsonl

It must not contain evaluation data: sentences of OPP-115, of the five policies and of the files given with --held are
left out with their near duplicates, and so are whole policies that share many sentences with them. Texts that are not
English privacy policies and further versions of a policy in the pool are left out as well. Texts of fewer than five
words ("Contact us", "Cookies") occur in every policy, so these shares do not count them.
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import compress

from clausetag.data.documents.quality import quality_flags
from clausetag.data.documents.sniff import extract_text
from clausetag.data.records import Sentence
from clausetag.data.segment import segment
from clausetag.data.text import is_boilerplate, shingles, text_hash, words

NEAR = 0.7
"""A sentence is a near duplicate of a held-out one from this Jaccard similarity of their word triples on."""
SAME_POLICY = 0.1
"""A policy is left out if more than this share of its sentences is held out."""
REPEATED = 0.3
"""A policy is left out if more than this share of its sentences is in the pool: another version, or a template."""
MIN_SENTENCES = 10


class HeldOut:
    """Texts that must not be in the pool, with an index to find them and their near duplicates."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._hashes: set[str] = set()
        self._sizes: list[int] = []
        self._holders: dict[str, list[int]] = defaultdict(list)
        indexed: set[frozenset[str]] = set()
        for text in texts:
            if is_boilerplate(text):
                continue
            self._hashes.add(text_hash(text))
            members = shingles(words(text))
            if members in indexed:
                continue
            indexed.add(members)
            for member in members:
                self._holders[member].append(len(self._sizes))
            self._sizes.append(len(members))

    def contains(self, text: str) -> bool:
        """Whether `text`, if it has at least five words, is a held-out text or a near duplicate of one."""
        if is_boilerplate(text):
            return False
        if text_hash(text) in self._hashes:
            return True
        members = shingles(words(text))
        known = [self._holders[member] for member in members if member in self._holders]
        # Too few of its triples occur in any held-out text.
        if len(known) < NEAR * len(members):
            return False
        shared = Counter(holder for holders in known for holder in holders)
        return any(count >= NEAR * (len(members) + self._sizes[holder] - count) for holder, count in shared.items())


@dataclass
class Pool:
    """The sampled sentences, and counts of what was left out by reason."""

    sentences: list[Sentence] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)
    policies: int = 0


def sample_pool(policies: Iterable[tuple[str, str]], held_out: HeldOut, limit: int, seed: int = 1) -> Pool:
    """Take whole policies (id, text) in random order until the pool has `limit` sentences or none is left."""
    rows = list(policies)
    random.Random(seed).shuffle(rows)
    pool = Pool()
    ids: set[str] = set()
    seen: set[str] = set()
    for policy, text in rows:
        if len(pool.sentences) >= limit:
            break
        if policy in ids:
            pool.left_out["policies whose id is in the pool"] += 1
            continue
        kept = list(_filtered(policy, text, held_out, seen, pool.left_out))
        if kept:
            ids.add(policy)
            seen.update(text_hash(sentence.text) for sentence in kept)
            pool.sentences += kept
            pool.policies += 1
    return pool


def _filtered(policy: str, text: str, held_out: HeldOut, seen: set[str], left_out: Counter[str]) -> Iterator[Sentence]:
    document = extract_text(policy, text)
    if quality_flags(document):
        left_out["policies that are no English privacy policy"] += 1
        return
    sentences = segment(document)
    if len(sentences) < MIN_SENTENCES:
        left_out[f"policies of fewer than {MIN_SENTENCES} sentences"] += 1
        return
    telling = [not is_boilerplate(sentence.text) for sentence in sentences]
    repeated = [text_hash(sentence.text) in seen for sentence in compress(sentences, telling)]
    if _share(repeated) > REPEATED:
        left_out["policies of which a version is in the pool"] += 1
        return
    inside = [held_out.contains(sentence.text) for sentence in sentences]
    if _share(list(compress(inside, telling))) > SAME_POLICY:
        left_out["policies that share too much with what is held out"] += 1
        return
    left_out["sentences nearly the same as one that is held out"] += sum(inside)
    yield from (sentence for sentence, drop in zip(sentences, inside, strict=True) if not drop)


def _share(marks: Sequence[bool]) -> float:
    return sum(marks) / max(1, len(marks))
