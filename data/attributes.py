"""Attributes: what a sentence says within its categories, with fixed values and their order, defined here alone.

Eleven attributes of OPP-115's annotation scheme (Wilson et al., ACL 2016), with the corpus's strings for 66 values.
`docs/ATTRIBUTE_GUIDE.md` says when a sentence has a value. The corpus's "Delete account (partial)" and "(full)" are one
value here; "Unspecified" and "not-selected" are no value.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from clausetag.data.labels import (
    ACCESS,
    AUDIENCES,
    CHANGE,
    CHOICE,
    DO_NOT_TRACK,
    FIRST_PARTY,
    LABELS,
    RETENTION,
    SECURITY,
    THIRD_PARTY,
)

DOES, DOES_NOT = "Does", "Does Not"


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute: the categories whose sentences can have it, and its values in order."""

    name: str
    categories: tuple[str, ...]
    values: tuple[str, ...]


STATEMENT = Attribute("Does/Does Not", (FIRST_PARTY, THIRD_PARTY), (DOES, DOES_NOT))
INFORMATION = Attribute(
    "Personal Information Type",
    (FIRST_PARTY, THIRD_PARTY, CHOICE, RETENTION),
    (
        "Contact",
        "Financial",
        "Health",
        "Demographic",
        "Location",
        "Personal identifier",
        "User online activities",
        "User profile",
        "Social media data",
        "IP address and device IDs",
        "Cookies and tracking elements",
        "Computer information",
        "Survey data",
        "Generic personal information",
        "Other",
    ),
)
PURPOSE = Attribute(
    "Purpose",
    (FIRST_PARTY, THIRD_PARTY, CHOICE, RETENTION),
    (
        "Basic service/feature",
        "Additional service/feature",
        "Advertising",
        "Marketing",
        "Analytics/Research",
        "Personalization/Customization",
        "Service operation and security",
        "Legal requirement",
        "Merger/Acquisition",
        "Other",
    ),
)
RECIPIENT = Attribute(
    "Third Party Entity",
    (THIRD_PARTY,),
    ("Named third party", "Unnamed third party", "Other part of company/affiliate", "Public", "Other users"),
)
CHOICE_TYPE = Attribute(
    "Choice Type",
    (CHOICE, FIRST_PARTY, THIRD_PARTY),
    (
        "Opt-in",
        "Opt-out link",
        "Opt-out via contacting company",
        "Browser/device privacy controls",
        "First-party privacy controls",
        "Third-party privacy controls",
        "Dont use service/feature",
    ),
)
ACCESS_TYPE = Attribute(
    "Access Type", (ACCESS,), ("View", "Edit information", "Delete", "Deactivate account", "Export")
)
RETENTION_PERIOD = Attribute("Retention Period", (RETENTION,), ("Stated Period", "Limited", "Indefinitely"))
SECURITY_MEASURE = Attribute(
    "Security Measure",
    (SECURITY,),
    (
        "Generic",
        "Data access limitation",
        "Secure data transfer",
        "Secure data storage",
        "Secure user authentication",
        "Privacy/Security program",
        "Privacy review/audit",
        "Privacy training",
    ),
)
AUDIENCE_TYPE = Attribute(
    "Audience Type", (AUDIENCES,), ("Children", "Californians", "Europeans", "Citizens from other countries")
)
NOTIFICATION = Attribute(
    "Notification Type",
    (CHANGE,),
    ("General notice in privacy policy", "General notice on website", "Personal notice", "No notification"),
)
TRACKING_SIGNAL = Attribute(
    "Do Not Track policy", (DO_NOT_TRACK,), ("Honored", "Not honored", "Mentioned, but unclear if honored")
)

ATTRIBUTES: tuple[Attribute, ...] = (
    STATEMENT,
    INFORMATION,
    PURPOSE,
    RECIPIENT,
    CHOICE_TYPE,
    ACCESS_TYPE,
    RETENTION_PERIOD,
    SECURITY_MEASURE,
    AUDIENCE_TYPE,
    NOTIFICATION,
    TRACKING_SIGNAL,
)
BY_NAME: Mapping[str, Attribute] = {attribute.name: attribute for attribute in ATTRIBUTES}

Value = tuple[str, str]
"""An attribute's name and one of its values."""
VALUES: tuple[Value, ...] = tuple((attribute.name, value) for attribute in ATTRIBUTES for value in attribute.values)
"""All values, in the order of a model's attribute scores."""
Values = Mapping[str, tuple[str, ...]]
"""The values of one sentence by attribute; attributes without a value are left out."""


def possible_values(labels: Collection[str]) -> tuple[bool, ...]:
    """For each of `VALUES`, whether a sentence with these labels can have it."""
    return tuple(
        any(category in labels for category in attribute.categories)
        for attribute in ATTRIBUTES
        for _ in attribute.values
    )


def grouped(values: Iterable[Value]) -> dict[str, tuple[str, ...]]:
    """Values by attribute, both in the order of `VALUES`.

    Raises:
        ValueError: an attribute or a value is unknown.
    """
    found = set(values)
    for name, value in sorted(found.difference(VALUES)):
        if name not in BY_NAME:
            raise ValueError(f"unknown attribute {name!r}; the attributes are {', '.join(BY_NAME)}")
        raise ValueError(f"unknown value {value!r} of {name}; its values are {', '.join(BY_NAME[name].values)}")
    groups: dict[str, list[str]] = {}
    for name, value in VALUES:
        if (name, value) in found:
            groups.setdefault(name, []).append(value)
    return {name: tuple(members) for name, members in groups.items()}


def read_values(row: object, labels: Collection[str] = LABELS) -> dict[str, tuple[str, ...]]:
    """The values in a row's `attributes`, in order, checked against the sentence's labels.

    Raises:
        ValueError: it is no object of lists of strings, or an attribute, a value or its category is not there.
    """
    if not isinstance(row, Mapping):
        raise ValueError(f"'attributes' must map each attribute to a list of values, found {row!r}")
    found: list[Value] = []
    for name, values in row.items():
        if not isinstance(values, list | tuple) or not all(isinstance(value, str) for value in values):
            raise ValueError(f"'attributes' of {name!r} must be a list of strings, found {values!r}")
        found.extend((name, value) for value in values)
    groups = grouped(found)
    for name in groups:
        categories = BY_NAME[name].categories
        if not any(category in labels for category in categories):
            raise ValueError(f"the attribute {name!r} needs one of the labels {', '.join(categories)}")
    return groups


def check_value_scores(row: object) -> None:
    """Check a row's `attribute_scores`: numbers from 0 to 1 by attribute and value.

    Raises:
        ValueError: it has another form, or an attribute or value is unknown.
    """
    if not isinstance(row, Mapping) or not all(isinstance(scores, Mapping) for scores in row.values()):
        raise ValueError(f"'attribute_scores' must map each attribute to scores of its values, found {row!r}")
    grouped((name, value) for name, scores in row.items() for value in scores)
    for scores in row.values():
        for value, score in scores.items():
            if not isinstance(score, int | float) or isinstance(score, bool) or not 0.0 <= score <= 1.0:
                raise ValueError(f"'attribute_scores' of {value!r} must be a number from 0 to 1, found {score!r}")
