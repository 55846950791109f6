"""The errors that a user can cause. Each carries one line that says what to change; the command line prints it."""

from __future__ import annotations


class ClausetagError(Exception):
    """Base of all errors that are the input's fault rather than the program's."""


class DataError(ClausetagError):
    """A corpus or labelled file is missing, unreadable or wrong; names file, line and reason."""


class DocumentError(ClausetagError):
    """One document could not be read as text; `code` is the machine-readable reason of its error row."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class ArtifactError(ClausetagError):
    """A model folder is missing, broken, foreign or changed since it was written."""


class RecipeError(ClausetagError):
    """A training recipe has an unknown key or a value out of range."""


class LeakageError(ClausetagError):
    """Text of the evaluation data stands in the training data."""


class MissingExtraError(ClausetagError):
    """A feature needs packages of an extra that is not installed."""
