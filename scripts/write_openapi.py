"""Writes the OpenAPI file, `serving/static/openapi.json`, after a change to the HTTP contract.

python scripts/write_openapi.py
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from clausetag.data.jsonl import write_text
from clausetag.serving.http.app import create_app
from clausetag.serving.http.openapi import file_text
from clausetag.serving.runtime.service import Service
from clausetag.serving.settings import Settings


def main() -> None:
    """Write the file of the installed package, which in a checkout is the checkout."""
    path = Path(str(files("clausetag.serving"))) / "static" / "openapi.json"
    write_text(path, file_text(create_app(Service(Settings())).openapi()))
    print(path)


if __name__ == "__main__":
    main()
