"""Writes `serving/static/openapi.json`, after a change to the HTTP contract: `make openapi`."""

from __future__ import annotations

from pathlib import Path

from clausetag.data.jsonl import write_text
from clausetag.serving.http.app import create_app
from clausetag.serving.http.openapi import file_text
from clausetag.serving.runtime.service import Service
from clausetag.serving.settings import Settings

if __name__ == "__main__":
    path = Path(__file__).resolve().parents[1] / "serving" / "static" / "openapi.json"
    write_text(path, file_text(create_app(Service(Settings())).openapi()))
