"""The pool: sentences of unlabelled policies, screened, for pretraining and for a teacher's scores.

    clausetag data pool policies.jsonl.gz --held labelled.jsonl -o runs/pool.jsonl

What is measured on must not be in it: sentences of OPP-115, of the five policies and of the files held, and their near
duplicates, are left out, and a policy that shares many of them altogether. So are texts that are no English privacy
policy, and further versions of a policy that is in the pool already. Texts of fewer than five words
("Contact us", "Cookies") stand in every policy, so they count in none of these shares.
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
"""Jaccard similarity of word triples from which a sentence counts as a near duplicate of one that is held."""
SAME_POLICY = 0.1
"""A policy is left out if more than this share of its sentences is held."""
REPEATED = 0.3
"""A policy is left out if more than this share of its sentences is in the pool already: another version, a template."""
MIN_SENTENCES = 10


class HeldOut:
    """Texts that may not be in the pool, found by their hashes and, nearly the same, by their word triples."""

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
        """Whether `text`, of at least five words, is among the held texts or a near duplicate of one."""
        if is_boilerplate(text):
            return False
        if text_hash(text) in self._hashes:
            return True
        members = shingles(words(text))
        known = [self._holders[member] for member in members if member in self._holders]
        # No held text can be that near if the triples that any of them has are fewer.
        if len(known) < NEAR * len(members):
            return False
        shared = Counter(holder for holders in known for holder in holders)
        return any(count >= NEAR * (len(members) + self._sizes[holder] - count) for holder, count in shared.items())


@dataclass
class Pool:
    """Sentences drawn so far, and what was left out and why."""

    sentences: list[Sentence] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)
    policies: int = 0


def sample_pool(policies: Iterable[tuple[str, str]], held: HeldOut, limit: int, seed: int = 1) -> Pool:
    """Draw whole policies (id, text) in random order until the pool has `limit` sentences, or all are seen."""
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
        kept = list(_screened(policy, text, held, seen, pool.left_out))
        if kept:
            ids.add(policy)
            seen.update(text_hash(sentence.text) for sentence in kept)
            pool.sentences += kept
            pool.policies += 1
    return pool


def _screened(policy: str, text: str, held: HeldOut, seen: set[str], left_out: Counter[str]) -> Iterator[Sentence]:
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
    inside = [held.contains(sentence.text) for sentence in sentences]
    if _share(list(compress(inside, telling))) > SAME_POLICY:
        left_out["policies that share too much with what is held out"] += 1
        return
    left_out["sentences nearly the same as one that is held out"] += sum(inside)
    yield from (sentence for sentence, drop in zip(sentences, inside, strict=True) if not drop)


def _share(marks: Sequence[bool]) -> float:
    return sum(marks) / max(1, len(marks))
