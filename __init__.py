"""clausetag tags every sentence of a privacy policy with the data practices it states.

    import clausetag
    clausetag.load().tag("We never sell your e-mail address.")

Importing the package is cheap: the tagger and its runtime load on first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from clausetag.model.tagger import Tagger

__version__ = "0.1.0"
__all__ = ["__version__", "load"]


def load(model: str | None = None) -> Tagger:
    """Load a model folder (default: the shipped one, or the one that CLAUSETAG_MODEL names) as a `Tagger`.

    Raises:
        ArtifactError: the folder is missing, incomplete, foreign, or differs from its manifest.
    """
    from clausetag.model.tagger import Tagger

    return Tagger.load(model)
