"""Read the CSVs of PrivacyGLUE's OPP-115 task (Shankar et al., 2023), and check labels rebuilt from OPP-115 on them.

The files have no header and one row per text and label; rows of one text belong together and their labels add up. A
spreadsheet left its marks on them: doubled quotes, which are undone, and a text turned into ``#NAME?``, which is kept
with the flag ``damaged-text`` so that counts stay those of the published task.

Of the 2,735 texts of the train and validation files, 2,733 have the labels that `read_opp115` gives by majority, once
the segments that share a text are merged, over both files. The other two: the ``#NAME?`` (its place in the file is
that of policy 1017_sci-news.com, segment 3, which starts with a dash and so looked like a formula) and policy
133_fortune.com, segment 0, which is among the held-back segments although its text stands in the validation file.
"""

from __future__ import annotations

import csv
import io
import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from clausetag.data.corpora.offsets import match_key
from clausetag.data.corpora.opp115 import Corpus, Passage
from clausetag.data.documents.blocks import normalise
from clausetag.data.errors import DataError
from clausetag.data.labels import LABELS, check_labels
from clausetag.data.records import Sentence

POLICY = "privacyglue"
DAMAGED = "damaged-text"
"""Flag of a text of which a spreadsheet left only an error value."""
_SPREADSHEET_ERRORS = frozenset({"#NAME?", "#VALUE!", "#REF!", "#DIV/0!", "#N/A", "#NULL!", "#NUM!"})


def read_privacyglue(path: str | os.PathLike[str]) -> tuple[list[Sentence], tuple[str, ...]]:
    """Read one CSV: its texts in order of first appearance, labels of equal texts united, and notes on repairs.

    Each text is a whole segment, given as a `Sentence` of the policy "privacyglue" without a passage.

    Raises:
        DataError: the file cannot be read, or a row is bad; the message names file, line and reason.
    """
    labels: dict[str, set[str]] = {}
    counts: Counter[str] = Counter()
    for text, label in _rows(path):
        given = labels.setdefault(text, set())
        counts["rows that repeat a text and label"] += label in given
        given.add(label)
    sentences: list[Sentence] = []
    for index, (text, given) in enumerate(labels.items()):
        repaired = normalise(text.replace('""', '"'))
        damaged = repaired in _SPREADSHEET_ERRORS
        counts["texts with doubled quotes, repaired"] += '""' in text
        counts[f"texts lost to a spreadsheet, kept with the flag {DAMAGED}"] += damaged
        found = tuple(name for name in LABELS if name in given)
        sentences.append(Sentence(POLICY, index, repaired, labels=found, flags=(DAMAGED,) if damaged else ()))
    notes = tuple(f"{what}: {count:,}" for what, count in sorted(counts.items()) if count)
    return sentences, notes


def _rows(path: str | os.PathLike[str]) -> Iterator[tuple[str, str]]:
    name = os.fspath(path)
    try:
        content = Path(path).read_text(encoding="utf-8-sig")
    except OSError as error:
        raise DataError(f"{name}: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise DataError(f"{name}: not UTF-8; convert it first") from None
    rows = csv.reader(io.StringIO(content, newline=""), strict=True)
    while True:
        try:
            row = next(rows)
            if not row:
                continue
            if len(row) != 2:
                raise ValueError(f"expected 2 columns (text, label), found {len(row)}")
            if not row[0].strip():
                raise ValueError("the text is empty")
            check_labels([row[1]])
        except StopIteration:
            return
        except (csv.Error, ValueError) as error:
            raise DataError(f"{name}, line {rows.line_num}: {error}") from None
        yield row[0], row[1]


@dataclass(frozen=True, slots=True)
class Rebuild:
    """How PrivacyGLUE's labels compare with those rebuilt from OPP-115's annotations."""

    texts: int
    same: int
    different: tuple[tuple[str, int], ...]
    """(policy, segment) of every segment whose text PrivacyGLUE has with other labels."""
    unmatched: tuple[int, ...]
    """Positions, in the sentences given, of texts that are no segment of the corpus."""


def check_rebuild(corpus: Corpus, sentences: Iterable[Sentence]) -> Rebuild:
    """Compare majority labels of the corpus's passages with PrivacyGLUE's, text by text.

    Texts are matched by letters and digits alone. Segments with the same text are merged by union, on both sides: so
    give the sentences of the train and validation files together, since copies of one text stand in both.
    """
    texts = list(sentences)
    passages: dict[str, list[Passage]] = defaultdict(list)
    for passage in corpus.passages:
        passages[match_key(passage.text)].append(passage)
    published: dict[str, set[str]] = defaultdict(set)
    for sentence in texts:
        published[match_key(sentence.text)].update(sentence.labels or ())
    same = 0
    different: dict[tuple[str, int], None] = {}
    unmatched: list[int] = []
    for position, sentence in enumerate(texts):
        key = match_key(sentence.text)
        if sentence.flags or key not in passages:
            unmatched.append(position)
            continue
        rebuilt = {label for passage in passages[key] for label in passage.labels or ()}
        if rebuilt == published[key]:
            same += 1
        else:
            different.update({(passage.policy, passage.segment): None for passage in passages[key]})
    return Rebuild(len(texts), same, tuple(different), tuple(unmatched))
