"""The twelve labels and their order: the only place where that order is written down.

The taxonomy is OPP-115's (Wilson et al., ACL 2016) with its category "Other" split into three, as
the OPP-115 task of PrivacyGLUE does (Shankar et al., 2023).
"""

from __future__ import annotations

from collections.abc import Iterable

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


def check_labels(names: Iterable[str], known: tuple[str, ...] = LABELS) -> None:
    """Raise ``ValueError`` naming the first of `names` that is not one of `known`."""
    for name in names:
        if name not in known:
            raise ValueError(f"unknown label {name!r}; the labels are {', '.join(known)}")
