"""What a browser gets: the page at `/` with its two files, and `/docs`, the OpenAPI file as plain HTML.

The usual viewers of OpenAPI files load scripts from elsewhere; this one needs none, and works offline.
"""

from __future__ import annotations

import json
from html import escape
from importlib.resources import files
from typing import Any

ASSETS = {
    "/": ("page.html", "text/html; charset=utf-8"),
    "/page.css": ("page.css", "text/css; charset=utf-8"),
    "/page.js": ("page.js", "text/javascript; charset=utf-8"),
    "/docs.css": ("docs.css", "text/css; charset=utf-8"),
}


def asset(path: str) -> tuple[bytes, str] | None:
    """Content and type of a file of the package; None if it has none such."""
    name, kind = ASSETS[path]
    found = files("clausetag.serving").joinpath("templates" if name.endswith("html") else "static", name)
    return (found.read_bytes(), kind) if found.is_file() else None


def docs_page(spec: dict[str, Any]) -> bytes:
    """The endpoints and schemas of an OpenAPI description."""
    title = escape(spec["info"]["title"])
    parts = [
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>',
        '<meta name="viewport" content="width=device-width"><link rel="stylesheet" href="docs.css"></head><body><main>',
        f"<h1>{title} {escape(spec['info']['version'])}</h1><p>{escape(spec['info'].get('description', ''))}</p>",
        '<p>For programs: <a href="openapi.json">openapi.json</a>. To try it: <a href="./">the page</a>.</p>',
    ]
    for path, methods in spec["paths"].items():
        for method, operation in methods.items():
            parts.append(f"<h2><code>{method.upper()} {escape(path)}</code></h2>")
            parts.append(f"<p>{escape(operation.get('summary', ''))}. {escape(operation.get('description', ''))}</p>")
            parts.append(_list("Query", _parameters(operation)))
            parts.append(_list("Body", _contents(operation.get("requestBody", {}))))
            parts.append(_list("Answers", _answers(operation)))
    parts.append("<h2>Schemas</h2>")
    for name, schema in spec["components"]["schemas"].items():
        text = escape(json.dumps(schema, indent=2, ensure_ascii=False))
        parts.append(f'<details id="{escape(name)}"><summary>{escape(name)}</summary><pre>{text}</pre></details>')
    return "".join([*parts, "</main></body></html>"]).encode()


def _list(title: str, items: list[str]) -> str:
    return f"<h3>{title}</h3><ul>{''.join(f'<li>{item}</li>' for item in items)}</ul>" if items else ""


def _parameters(operation: dict[str, Any]) -> list[str]:
    return [
        f"<code>{escape(p['name'])}</code> {escape(p.get('description', ''))}"
        for p in operation.get("parameters", ())
        if p["in"] == "query"
    ]


def _contents(body: dict[str, Any]) -> list[str]:
    return [
        f"<code>{escape(kind)}</code> {_names(content['schema'])}" for kind, content in body.get("content", {}).items()
    ]


def _answers(operation: dict[str, Any]) -> list[str]:
    found: list[str] = []
    for status, answer in operation["responses"].items():
        names = ", ".join(filter(None, (_names(c.get("schema", {})) for c in answer.get("content", {}).values())))
        found.append(f"<code>{status}</code> {escape(answer['description'])} {names}")
    return found


def _names(schema: dict[str, Any]) -> str:
    """Links to the schemas that a schema names."""
    parts = [schema, *schema.get("oneOf", ()), *schema.get("anyOf", ())]
    names = [escape(part["$ref"].rpartition("/")[2]) for part in parts if "$ref" in part]
    return " or ".join(f'<a href="#{name}">{name}</a>' for name in names)
