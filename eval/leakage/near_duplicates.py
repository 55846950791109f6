"""Find the texts that two splits share: exact copies, and near duplicates by the words they have in common.

Exact: equal by `clausetag.data.text.text_hash`. Near: the Jaccard similarity of their sets of word 3-shingles reaches
a threshold. Three words, because single words and pairs of legal prose ("we may", "personal information") occur in
texts that share nothing else, and because a changed word changes as many shingles as a shingle has words: at 0.8, a
text of 30 words may have one word changed; longer shingles would miss that.

Candidates come from MinHash and locality-sensitive hashing (datasketch). Each is verified by its exact similarity, so
no false pair is reported; `Lsh.recall` says how many true pairs may be missed.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from clausetag.data.text import is_boilerplate, jaccard, normalise, shingles, text_hash, words

PERMUTATIONS = 128
MIN_RECALL = 0.999
"""Of pairs exactly at the threshold; more similar pairs have a higher recall."""
MIN_ALIKE_TEXTS = 3
MIN_ALIKE_SHARE = 0.1
"""Two policies look alike if so many texts, and this share of the shorter policy's, are in both."""
_SEED = 1


@dataclass(frozen=True, slots=True)
class Text:
    """One sentence or passage; `policy` is None if the source names none."""

    policy: str | None
    index: int
    text: str


@dataclass(frozen=True, slots=True)
class Split:
    """Texts that should share nothing with those of another split."""

    name: str
    texts: tuple[Text, ...]


@dataclass(frozen=True, slots=True)
class Match:
    """A text of split A and one of split B that are equal or nearly so; `similarity` is 1.0 for exact copies."""

    a: Text
    b: Text
    similarity: float
    exact: bool


@dataclass(frozen=True, slots=True)
class Side:
    """One split of a pair, in numbers of texts."""

    split: str
    texts: int
    exact: int
    """With an exact copy in the other split."""
    near: int
    """With near duplicates only."""
    short: int
    """Boilerplate (fewer than five words) that the other split has too; not counted in `exact` and `near`."""

    @property
    def share(self) -> float:
        """Share of all texts that occur in the other split, exactly or nearly."""
        return (self.exact + self.near) / self.texts if self.texts else 0.0


@dataclass(frozen=True, slots=True)
class Alike:
    """Policy `a` of split A and `b` of split B share `shared` texts, `share` of the shorter policy's."""

    a: str
    b: str
    shared: int
    share: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """What two splits share. Exchanging the splits exchanges the sides and changes no number."""

    a: Side
    b: Side
    matches: tuple[Match, ...]
    policies: tuple[str, ...] | None
    """Policies with texts in both splits; None if a split names no policies."""
    alike: tuple[Alike, ...]
    """Different policies that look alike, the most similar first."""

    @property
    def same_policy(self) -> int | None:
        """Matches within one policy; None if a split names no policies."""
        return None if self.policies is None else sum(match.a.policy == match.b.policy for match in self.matches)


@dataclass(frozen=True, slots=True)
class Lsh:
    """Locality-sensitive hashing: a pair is a candidate if all `rows` MinHashes of one of `bands` bands agree."""

    bands: int
    rows: int

    def recall(self, similarity: float) -> float:
        """The chance that a pair with this Jaccard similarity becomes a candidate."""
        return 1.0 - (1.0 - similarity**self.rows) ** self.bands


def lsh_for(threshold: float) -> Lsh:
    """The longest bands, so the fewest candidates, that find a pair at `threshold` with `MIN_RECALL`."""
    shapes = (Lsh(PERMUTATIONS // rows, rows) for rows in range(PERMUTATIONS // 2, 0, -1))
    return next((shape for shape in shapes if shape.recall(threshold) >= MIN_RECALL), Lsh(PERMUTATIONS, 1))


def near_pairs(sets: Sequence[frozenset[str]], threshold: float) -> list[tuple[int, int, float]]:
    """Pairs (i, j, exact similarity), i < j, of sets with at least `threshold` similarity."""
    from datasketch import MinHash, MinHashLSH

    shape = lsh_for(threshold)
    index = MinHashLSH(num_perm=PERMUTATIONS, params=(shape.bands, shape.rows))
    encoded = ([shingle.encode("utf-8") for shingle in sorted(members)] for members in sets)
    found = []
    for j, sketch in enumerate(MinHash.generator(encoded, num_perm=PERMUTATIONS, seed=_SEED)):
        for i in sorted(index.query(sketch)):
            similarity = jaccard(sets[i], sets[j])
            if similarity >= threshold:
                found.append((i, j, similarity))
        index.insert(j, sketch)
    return found


def compare_splits(splits: Sequence[Split], threshold: float) -> list[Comparison]:
    """Compare every pair of `splits`, the earlier one as A, in the order of `itertools.combinations`."""
    table = _Table(splits, threshold)
    return [table.compare(a, b) for a, b in combinations(range(len(splits)), 2)]


def repeated(split: Split) -> int:
    """Texts of `split` that repeat an earlier one exactly, boilerplate excluded."""
    hashes = [text_hash(text.text) for text in split.texts if not is_boilerplate(text.text)]
    return len(hashes) - len(set(hashes))


class _Table:
    """Every distinct sequence of words ("form") of all splits, with its duplicates and its places."""

    def __init__(self, splits: Sequence[Split], threshold: float) -> None:
        self.splits = splits
        forms: dict[tuple[str, ...], int] = {}
        hashes: list[str] = []
        self.rows: list[dict[int, list[int]]] = []
        """Per split: form to the positions of its texts, boilerplate excluded."""
        self.short: list[Counter[str]] = []
        """Per split: normalised boilerplate to its number of texts."""
        for split in splits:
            rows: dict[int, list[int]] = defaultdict(list)
            short: Counter[str] = Counter()
            for position, text in enumerate(split.texts):
                if is_boilerplate(text.text):
                    short[normalise(text.text)] += 1
                    continue
                sequence = words(text.text)
                if sequence not in forms:
                    forms[sequence] = len(forms)
                    hashes.append(text_hash(text.text))
                rows[forms[sequence]].append(position)
            del short[""]  # rules and bullets, which have no letter
            self.rows.append(rows)
            self.short.append(short)
        self.twins: list[list[tuple[int, float, bool]]] = [[] for _ in forms]
        """Per form: the forms that count as duplicates, itself included, with similarity and whether it is exact."""
        equal: dict[str, list[int]] = defaultdict(list)
        for form, key in enumerate(hashes):
            equal[key].append(form)
        for group in equal.values():
            for form in group:
                self.twins[form] += [(twin, 1.0, True) for twin in group]
        for i, j, similarity in near_pairs([shingles(sequence) for sequence in forms], threshold):
            if hashes[i] != hashes[j]:
                self.twins[i].append((j, similarity, False))
                self.twins[j].append((i, similarity, False))

    def compare(self, a: int, b: int) -> Comparison:
        found = sorted(
            (i, j, similarity, exact)
            for form, positions in self.rows[b].items()
            for twin, similarity, exact in self.twins[form]
            for i in self.rows[a].get(twin, ())
            for j in positions
        )
        left, right = self.splits[a].texts, self.splits[b].texts
        exact_a, exact_b = {i for i, _, _, exact in found if exact}, {j for _, j, _, exact in found if exact}
        near_a, near_b = {i for i, *_ in found} - exact_a, {j for _, j, *_ in found} - exact_b
        return Comparison(
            Side(self.splits[a].name, len(left), len(exact_a), len(near_a), self._shared_short(a, b)),
            Side(self.splits[b].name, len(right), len(exact_b), len(near_b), self._shared_short(b, a)),
            tuple(Match(left[i], right[j], similarity, exact) for i, j, similarity, exact in found),
            _common_policies(left, right),
            self._alike(a, b, [(i, j) for i, j, *_ in found]),
        )

    def _shared_short(self, one: int, other: int) -> int:
        return sum(count for text, count in self.short[one].items() if text in self.short[other])

    def _alike(self, a: int, b: int, pairs: Sequence[tuple[int, int]]) -> tuple[Alike, ...]:
        shared: dict[tuple[str, str], tuple[set[int], set[int]]] = defaultdict(lambda: (set(), set()))
        for i, j in pairs:
            p, q = self.splits[a].texts[i].policy, self.splits[b].texts[j].policy
            if p is not None and q is not None and p != q:
                shared[p, q][0].add(i)
                shared[p, q][1].add(j)
        sizes_a, sizes_b = self._sizes(a), self._sizes(b)
        found = []
        for (p, q), (of_p, of_q) in shared.items():
            # Of two equally long policies the one with the larger share, so the order of the splits does not matter.
            size, count = min((sizes_a[p], -len(of_p)), (sizes_b[q], -len(of_q)))
            if -count >= MIN_ALIKE_TEXTS and -count / size >= MIN_ALIKE_SHARE:
                found.append(Alike(p, q, -count, -count / size))
        return tuple(sorted(found, key=lambda alike: (-alike.share, -alike.shared, alike.a, alike.b)))

    def _sizes(self, split: int) -> Counter[str | None]:
        texts = self.splits[split].texts
        return Counter(texts[position].policy for positions in self.rows[split].values() for position in positions)


def _common_policies(left: Sequence[Text], right: Sequence[Text]) -> tuple[str, ...] | None:
    names = [{text.policy for text in texts} for texts in (left, right)]
    if any(None in side for side in names):
        return None
    return tuple(sorted(str(name) for name in names[0] & names[1]))
