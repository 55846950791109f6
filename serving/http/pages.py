"""What a browser gets: the page at `/` with its style and script, and `/docs`, the OpenAPI description as plain HTML.

The page is the policy page of `clausetag predict` with a form in front; its script fills it in from the answers of
`/predict`. The usual viewers of OpenAPI files load scripts from elsewhere; `/docs` needs none and works offline.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from clausetag.data.corpora.five import read_source
from clausetag.predict.pages.rendering import environment, stylesheet

_HERE = Path(__file__).parents[1]
_STATIC = _HERE / "static"
ASSETS = {
    "/": "text/html; charset=utf-8",
    "/page.css": "text/css; charset=utf-8",
    "/page.js": "text/javascript; charset=utf-8",
    "/docs.css": "text/css; charset=utf-8",
    "/example.txt": "text/plain; charset=utf-8",
}
"""Paths and their content types."""
_EXAMPLE = "004_vtiger"


@cache
def asset(path: str) -> tuple[bytes, str] | None:
    """Content and type of what is at `path`, one of `ASSETS`; None if the package lacks the file."""
    try:
        if path == "/":
            text = environment(_HERE / "templates").get_template("page.html").render(served=True)
        elif path == "/example.txt":
            text = read_source(_EXAMPLE)
        else:
            text = (_STATIC / path[1:]).read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    if path == "/page.css":
        text = f"{stylesheet('policy')}\n{text}"
    elif path == "/docs.css":
        text = f"{stylesheet('base')}\n{text}"
    return text.encode(), ASSETS[path]


def docs_page(spec: dict[str, Any]) -> bytes:
    """The endpoints and schemas of an OpenAPI description."""
    schemas = {
        name: json.dumps(schema, indent=2, ensure_ascii=False) for name, schema in spec["components"]["schemas"].items()
    }
    return environment(_HERE / "templates").get_template("docs.html").render(spec=spec, schemas=schemas).encode()
