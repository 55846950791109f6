"""A server for tests of the page alone: the page's files under the service's policy, and answers by words, at once.

The text "say 429" gets that status; "crowd" gets 3,000 sentences.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from clausetag.data.documents.sniff import document_from_bytes, extract_text
from clausetag.data.labels import ACCESS, CHOICE, FIRST_PARTY, GENERIC, LABELS, SECURITY, THIRD_PARTY
from clausetag.data.records import Document
from clausetag.data.segment import segment
from clausetag.predict.facts.build import fact_sheet
from clausetag.predict.pages.facts import drawn_row
from clausetag.serving.http.pages import ASSETS, asset

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
THRESHOLD = 0.4
MAX_BYTES = 300_000
_WORDS = {
    FIRST_PARTY: ("collect", 0.9),
    THIRD_PARTY: ("share", 0.8),
    CHOICE: ("opt out", 0.7),
    ACCESS: ("delete", 0.6),
    SECURITY: ("encrypt", 0.95),
}
_VALUES = (
    (FIRST_PARTY, "Personal Information Type", {"Contact": 0.9, "Location": 0.6}),
    (THIRD_PARTY, "Third Party Entity", {"Named third party": 0.7}),
)


def scores_of(text: str) -> dict[str, float]:
    """A score for each category, by words; sentences without any are nearest to the introduction, below threshold."""
    scores = {label: score if word in text.lower() else 0.02 for label, (word, score) in _WORDS.items()}
    found = max(scores.values()) > THRESHOLD
    return {label: scores.get(label, 0.3 if label == GENERIC and not found else 0.01) for label in LABELS}


def answer(document: Document) -> dict[str, Any]:
    """What the service would say of a document."""
    sentences = []
    for sentence in segment(document):
        scores = scores_of(sentence.text)
        labels = tuple(label for label in LABELS if scores[label] >= THRESHOLD) or (GENERIC,)
        sentences.append(sentence.with_prediction(labels, scores, document.flags))
    tagged = []
    for sentence in sentences:
        values = {name: scores for label, name, scores in _VALUES if label in (sentence.labels or ())}
        stated = {name: tuple(scores) for name, scores in values.items()}
        tagged.append(replace(sentence, attributes=stated, attribute_scores=values))
    rows = [sentence.row() for sentence in tagged]
    sheet = fact_sheet("document", tagged)
    return {
        "model": {"name": "stub"},
        "text": document.text,
        "sha256": hashlib.sha256(document.text.encode()).hexdigest(),
        "sentences": rows,
        "facts": sheet and drawn_row(sheet, tagged),
        "summary": {label: sum(label in row["labels"] for row in rows) for label in LABELS},
    }


def read_asset(path: str) -> str:
    """A file of the page, as the service gives it."""
    found = asset(path)
    assert found is not None
    return found[0].decode()


def crowd(size: int = 3000) -> str:
    """A policy of `size` sentences, ten to a block."""
    lines = ["We collect your name.", "We share it with partners.", "You may opt out.", "We encrypt it.", "It rains."]
    block = " ".join(lines * 2)
    return "\n\n".join([block] * (size // 10))


class _Handler(BaseHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        if self.path == "/info":
            limits = {"max_body_bytes": MAX_BYTES, "max_characters": 200_000}
            thresholds = dict.fromkeys(LABELS, THRESHOLD)
            self._json(200, {"labels": LABELS, "thresholds": thresholds, "min_labels": 1, "limits": limits})
        elif self.path in ASSETS and (found := asset(self.path)):
            self._send(200, *found)
        else:
            self._json(404, {"error": {"code": "not_found", "message": "there is nothing here", "request_id": "r0"}})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers["Content-Type"] != "application/json":
            self._json(200, answer(document_from_bytes("document", body)))
            return
        text = json.loads(body)["text"]
        if text.startswith("say "):
            error = {"code": "told_to", "message": "text: it was told to", "request_id": "r1"}
            self._json(int(text[4:7]), {"error": error}, ("Retry-After", "1"))
        else:
            self._json(200, answer(extract_text("document", crowd() if text == "crowd" else text)))

    def _json(self, status: int, value: object, *headers: tuple[str, str]) -> None:
        self._send(status, json.dumps(value).encode(), "application/json", headers)

    def _send(self, status: int, body: bytes, kind: str, headers: Sequence[tuple[str, str]] = ()) -> None:
        self.send_response(status)
        fixed = (("Content-Type", kind), ("Content-Length", str(len(body))), ("Content-Security-Policy", POLICY))
        for name, value in (*fixed, *headers):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def stub() -> Iterator[str]:
    """Run the stub on a free port; gives its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
