"""The twelve labels and their order: the only place where that order is written down; and what a label set may be.

The taxonomy is OPP-115's (Wilson et al., ACL 2016) with its category "Other" split into three, as
the OPP-115 task of PrivacyGLUE does (Shankar et al., 2023).

A model may have labels of its own (`labels` in its recipe); whatever handles labels takes them as an argument, which is
these twelve where nothing is given.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Sequence
from pathlib import Path

from clausetag.data.errors import DataError

FIRST_PARTY = "First Party Collection/Use"
THIRD_PARTY = "Third Party Sharing/Collection"
CHOICE = "User Choice/Control"
ACCESS = "User Access, Edit and Deletion"
RETENTION = "Data Retention"
SECURITY = "Data Security"
CHANGE = "Policy Change"
DO_NOT_TRACK = "Do Not Track"
AUDIENCES = "International and Specific Audiences"
GENERIC = "Introductory/Generic"
CONTACT = "Privacy contact information"
NOT_COVERED = "Practice not covered"

LABELS: tuple[str, ...] = (
    FIRST_PARTY,
    THIRD_PARTY,
    CHOICE,
    ACCESS,
    RETENTION,
    SECURITY,
    CHANGE,
    DO_NOT_TRACK,
    AUDIENCES,
    GENERIC,
    CONTACT,
    NOT_COVERED,
)

LABEL_INDEX: dict[str, int] = {label: index for index, label in enumerate(LABELS)}


MAX_LABELS = 64
MAX_LENGTH = 80
"""Of a label, in characters: it heads columns and stands on buttons."""
_RESERVED = frozenset(
    {
        # Columns of the tables that `clausetag predict` writes, where each label has one too.
        *("policy", "index", "passage", "start", "end", "text", "heading", "labels", "scores", "flags", "error"),
        *("error_code", "error_message", "sentences", "words", "minutes", "present", "absent"),
        # Rows of the evaluation's tables, beside one for each label.
        *("macro", "micro", "weighted", "macro_f1", "micro_f1"),
    }
)
_SHARE = " (share)"
"""Ends the name of a label's second column in summaries."""


def check_label_set(labels: Sequence[str]) -> None:
    """See whether `labels` can be the labels of a model.

    Raises:
        ValueError: there is none, or there are too many; or one is empty, too long, not printable, there twice (case
            aside), a column's name, or holds ";", by which tables join them. The message names it.
    """
    if not 1 <= len(labels) <= MAX_LABELS:
        raise ValueError(f"{len(labels)} labels; a model has 1 to {MAX_LABELS}")
    seen: set[str] = set()
    for label in labels:
        if not label.strip():
            raise ValueError("a label is empty")
        if label != label.strip() or not label.isprintable():
            raise ValueError(f"the label {label!r} has space around it, or a character that cannot be printed")
        if len(label) > MAX_LENGTH:
            raise ValueError(f"the label {label[:20]!r}… has more than {MAX_LENGTH} characters")
        if ";" in label:
            raise ValueError(f"the label {label!r} has a semicolon, which joins labels in tables")
        key = label.casefold()  # databases do not tell case apart in names of columns
        if key in _RESERVED or key.endswith(_SHARE):
            raise ValueError(f"the label {label!r} has a name that tables use for something else")
        if key in seen:
            raise ValueError(f"the label {label!r} is there twice")
        seen.add(key)


def read_label_set(path: str) -> tuple[str, ...]:
    """The `labels` of a recipe, in order.

    Raises:
        DataError: the file cannot be read, is not TOML, or names no labels that a model can have.
    """
    try:
        found = tomllib.loads(Path(path).read_text(encoding="utf-8")).get("labels")
    except OSError as error:
        raise DataError(f"{path}: {error.strerror or error}") from None
    except ValueError as error:  # not UTF-8, or not TOML
        raise DataError(f"{path}: not TOML ({error})") from None
    if not isinstance(found, list) or not all(isinstance(label, str) for label in found):
        raise DataError(f"{path}: names no labels; a recipe with labels of its own has labels = ['first', 'second']")
    try:
        check_label_set(found)
    except ValueError as error:
        raise DataError(f"{path}: {error}") from None
    return tuple(found)


def practice_labels(labels: Sequence[str] = LABELS) -> tuple[str, ...]:
    """The labels that name a practice, of which a policy can have too little: all, but for two of the twelve."""
    own = tuple(labels) != LABELS
    return tuple(label for label in labels if own or label not in (GENERIC, NOT_COVERED))


def check_labels(names: Iterable[str], known: tuple[str, ...] = LABELS) -> None:
    """Raise ``ValueError`` naming the first of `names` that is not one of `known`."""
    for name in names:
        if name not in known:
            raise ValueError(f"unknown label {name!r}; the labels are {', '.join(known)}")
