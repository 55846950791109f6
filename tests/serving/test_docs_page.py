"""`/docs` shows an OpenAPI description as text, whatever it says."""

from __future__ import annotations

from typing import Any

from lxml import html as lxml_html

from clausetag.serving.http.pages import docs_page

EVIL = "</title><script>alert(1)</script>\"'><img src=x onerror=alert(2)>{{ 7 * 7 }} &amp; \u2028."


def test_a_description_is_shown_as_text() -> None:
    schema = {"$ref": f"#/components/schemas/{EVIL}"}
    body = {"content": {EVIL: {"schema": {"oneOf": [schema, schema]}}}}
    operation = {
        "summary": EVIL,
        "description": EVIL,
        "parameters": [{"name": EVIL, "in": "query", "description": EVIL}, {"name": "left out", "in": "header"}],
        "requestBody": body,
        "responses": {EVIL: {"description": EVIL, **body}, "204": {"description": "nothing"}},
    }
    spec: dict[str, Any] = {
        "info": {"title": EVIL, "version": EVIL, "description": EVIL},
        "paths": {EVIL: {EVIL: operation}},
        "components": {"schemas": {EVIL: {"type": EVIL}}},
    }
    tree = lxml_html.document_fromstring(docs_page(spec).decode())
    assert not tree.xpath("//script | //img | //style | //@*[starts-with(name(), 'on')]")
    assert tree.findtext(".//title") == EVIL and tree.findtext(".//h1") == f"{EVIL} {EVIL}"
    assert [p.text for p in tree.findall(".//main/p")][::2] == [EVIL, f"{EVIL}. {EVIL}"]
    assert tree.findtext(".//h2/code") == f"{EVIL.upper()} {EVIL}"
    assert [head.text for head in tree.iter("h3")] == ["Query", "Body", "Answers"]
    assert [item.text_content() for item in tree.iter("li")] == [
        f"{EVIL} {EVIL}",
        f"{EVIL} {EVIL.rpartition('/')[2]} or {EVIL.rpartition('/')[2]}",
        f"{EVIL} {EVIL} {EVIL.rpartition('/')[2]} or {EVIL.rpartition('/')[2]}",
        "204 nothing",
    ]
    (details,) = tree.iter("details")
    assert details.get("id") == details.findtext("summary") == EVIL
    assert "</title><script>" in details.findtext("pre") and "alert(1)" in details.findtext("pre")
