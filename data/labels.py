"""The twelve labels in their order, which is defined here alone, and the rules for other label sets.

The taxonomy is OPP-115's (Wilson et al., ACL 2016) with its category "Other" split into three, like the OPP-115 task of
PrivacyGLUE (Shankar et al., 2023).

A model may have a user's own labels (`labels` in its recipe). Code that handles labels takes them as an argument, whose
default is these twelve.
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

MAX_LABELS = 64
MAX_LABEL_LENGTH = 80
"""Characters of a label, which is shown in column headers and on buttons."""
_RESERVED = frozenset(
    {
        # Columns of the tables that `clausetag predict` writes; they also have one for each label.
        *("policy", "index", "passage", "start", "end", "text", "heading", "lead_in", "links"),
        *("labels", "scores", "flags", "error"),
        *("error_code", "error_message", "sentences", "words", "minutes", "present", "absent"),
        *("set_aside", "set_aside_places"),
        # Rows of the evaluation's tables; they also have one for each label.
        *("macro", "micro", "weighted", "macro_f1", "micro_f1"),
    }
)
_SHARE = " (share)"
"""Suffix of a label's second column in summaries."""


def check_label_set(labels: Sequence[str]) -> None:
    """Check that `labels` can be the labels of a model.

    Raises:
        ValueError: there are none or too many; or one is empty, too long, not printable, repeated (ignoring case), the
            name of another column, or contains ";", which separates labels in tables. The message names it.
    """
    if not 1 <= len(labels) <= MAX_LABELS:
        raise ValueError(f"{len(labels)} labels; a model has 1 to {MAX_LABELS}")
    seen: set[str] = set()
    for label in labels:
        if not label.strip():
            raise ValueError("a label is empty")
        if label != label.strip() or not label.isprintable():
            raise ValueError(f"the label {label!r} has space around it, or a character that cannot be printed")
        if len(label) > MAX_LABEL_LENGTH:
            raise ValueError(f"the label {label[:20]!r}… has more than {MAX_LABEL_LENGTH} characters")
        if ";" in label:
            raise ValueError(f"the label {label!r} has a semicolon, which separates labels in tables")
        key = label.casefold()  # databases ignore case in column names
        if key in _RESERVED or key.endswith(_SHARE):
            raise ValueError(f"the label {label!r} is the name of another column or row of tables")
        if key in seen:
            raise ValueError(f"the label {label!r} occurs twice")
        seen.add(key)


def read_label_set(path: str) -> tuple[str, ...]:
    """The `labels` of a recipe, in order.

    Raises:
        DataError: the file cannot be read, is not TOML, or has no valid `labels`.
    """
    try:
        recipe = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(f"{path}: {error.strerror or error}") from None
    except ValueError as error:  # not UTF-8, or not TOML
        raise DataError(f"{path}: not TOML ({error})") from None
    data = recipe.get("data")
    found = data.get("labels") if isinstance(data, dict) else recipe.get("labels")
    if not isinstance(found, list) or not all(isinstance(label, str) for label in found):
        raise DataError(
            f"{path}: has no labels; in a recipe they are a line of [data], like labels = ['first', 'second']"
        )
    try:
        check_label_set(found)
    except ValueError as error:
        raise DataError(f"{path}: {error}") from None
    return tuple(found)


def practice_labels(labels: Sequence[str] = LABELS) -> tuple[str, ...]:
    """The labels that are practices, which a policy may lack: all labels except two of the twelve."""
    own = tuple(labels) != LABELS
    return tuple(label for label in labels if own or label not in (GENERIC, NOT_COVERED))


def check_labels(names: Iterable[str], known: tuple[str, ...] = LABELS) -> None:
    """Raise ``ValueError`` naming the first of `names` that is not one of `known`."""
    for name in names:
        if name not in known:
            raise ValueError(f"unknown label {name!r}; the labels are {', '.join(known)}")
