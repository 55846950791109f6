"""The folder for what is downloaded or computed once: corpora, backbones, embeddings, prepared datasets."""

from __future__ import annotations

import os
from pathlib import Path


def cache_dir() -> Path:
    """`CLAUSETAG_CACHE`, else ~/.cache/clausetag; whoever writes there creates it."""
    named = os.environ.get("CLAUSETAG_CACHE")
    return Path(named) if named else Path.home() / ".cache" / "clausetag"
