"""clausetag tags every sentence of a privacy policy with the data practices it states.

    import clausetag

    for sentence in clausetag.tag("We never sell your e-mail address."):
        print(sentence.labels, sentence.text)

    tagger = clausetag.load("fast")  # another model, or one of your own
    tagger.tag_path("policy.pdf").counts()

Importing the package takes milliseconds: the model and its runtime are loaded when they are first used. If transformers
is installed, its Auto classes know the package's models from then on.
"""

from __future__ import annotations

import os
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

from clausetag.model.auto import register_when_imported
from clausetag.version import __version__

if TYPE_CHECKING:
    from clausetag.data.records import Document, Sentence
    from clausetag.model.tagged import Tagged
    from clausetag.model.tagger import Tagger
    from clausetag.predict.batch import BatchTagger

__all__ = [
    "Document",
    "Sentence",
    "Tagged",
    "Tagger",
    "__version__",
    "batch_tagger",
    "load",
    "tag",
    "tag_bytes",
    "tag_path",
]

_HOMES = {
    "Document": "clausetag.data.records",
    "Sentence": "clausetag.data.records",
    "Tagged": "clausetag.model.tagged",
    "Tagger": "clausetag.model.tagger",
}


register_when_imported()


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def load(model: str | None = None) -> Tagger:
    """Load a model folder, or a shipped model by name, as a `Tagger`.

    Args:
        model: default: what the environment variable CLAUSETAG_MODEL names, else the shipped model `standard`.

    Raises:
        ArtifactError: the folder is missing, incomplete, changed, or not a clausetag model.
    """
    from clausetag.model.tagger import Tagger

    return Tagger.load(model)


def batch_tagger(model: str | None = None, **options: Any) -> BatchTagger:
    """Make a function that tags batches of policies, for `datasets`, Ray Data, pandas, Dask or Spark.

    Args:
        model: as in `load`.
        options: those of `clausetag.predict.batch.BatchTagger`: `head`, `strict`, `threads`, `columns`.

    Raises:
        ArtifactError: the model cannot be loaded.
    """
    from clausetag.predict.batch import BatchTagger

    return BatchTagger(model, **options)


@cache
def _cached(model: str | None) -> Tagger:
    return load(model)


def _default() -> Tagger:
    """The default model, loaded once per process."""
    return _cached(os.environ.get("CLAUSETAG_MODEL"))


def tag(text: str) -> Tagged:
    """Tag the sentences of a text (plain or Markdown) with the default model, which is loaded once.

    Raises:
        ArtifactError: the default model cannot be loaded.
    """
    return _default().tag(text)


def tag_path(path: str | os.PathLike[str]) -> Tagged:
    """Tag one document file (HTML, PDF, Word, Markdown or plain text) with the default model, which is loaded once.

    Raises:
        ArtifactError: the default model cannot be loaded.
        DocumentError: the file holds no readable document; `code` is the machine-readable reason.
        OSError: the file cannot be opened.
    """
    return _default().tag_path(path)


def tag_bytes(data: bytes) -> Tagged:
    """Tag one document given as bytes; its format (as in `tag_path`) is recognised from its content.

    Raises:
        ArtifactError: the default model cannot be loaded.
        DocumentError: the bytes are no readable document; `code` is the machine-readable reason.
    """
    return _default().tag_bytes(data)
