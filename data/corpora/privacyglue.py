"""Read the CSVs of PrivacyGLUE's OPP-115 task (Shankar et al., 2023).

The files have no header and one row per text and label; the labels of a text are in several rows. A spreadsheet has
damaged them: doubled quotes, which are repaired, and a text replaced by ``#NAME?``, which is kept with the flag
``damaged-text`` so that the counts stay those of the published task.

Of the 2,735 texts in the train and validation files, 2,733 have the labels that `read_opp115` gives by majority, once
the labels of segments with the same text are merged over both files. The exceptions are the ``#NAME?`` (from its place
in the file it is policy 1017_sci-news.com, segment 3, which starts with a dash and so looked like a formula) and policy
133_fortune.com, segment 0, one of the held-back segments although its text is in the validation file.
"""

from __future__ import annotations

import csv
import io
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from clausetag.data.documents.blocks import normalise
from clausetag.data.errors import DataError
from clausetag.data.labels import LABELS, check_labels
from clausetag.data.records import Sentence

POLICY = "privacyglue"
DAMAGED = "damaged-text"
"""Flag of a text that a spreadsheet has replaced by an error value."""
_SPREADSHEET_ERRORS = frozenset({"#NAME?", "#VALUE!", "#REF!", "#DIV/0!", "#N/A", "#NULL!", "#NUM!"})


def read_privacyglue(path: str | os.PathLike[str]) -> tuple[list[Sentence], tuple[str, ...]]:
    """Read one CSV: its texts in order of first appearance with all their labels, and notes on repairs.

    Each text is a whole segment; it becomes a `Sentence` of the policy "privacyglue" without a passage.

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
