"""The answers are the tagger's, whatever ran beside them and through whichever kind of request."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from clausetag.data.corpora.five import FIVE, document_of, read_source, text_sha256
from clausetag.data.documents.sniff import document_from_bytes, extract_html, extract_text
from clausetag.data.jsonl import read_jsonl
from clausetag.data.labels import CHOICE, LABELS, SECURITY
from clausetag.data.records import Document, Sentence
from clausetag.model.tagger import Tagger
from clausetag.serving.http.schemas import PoliciesAnswer, TaggedPolicy
from clausetag.serving.observability.metrics import Metrics
from clausetag.serving.runtime.answer import DocumentAnswer
from clausetag.serving.runtime.prepare import (
    AnswerOptions,
    ModelFiles,
    PolicySource,
    PreparedDocument,
    TextLimits,
    prepare,
    prepared,
)
from clausetag.serving.runtime.scheduler import Scheduler

REFERENCE = Path(__file__).resolve().parents[2] / "reference" / "standard.jsonl"
HTML = "<h1>Privacy policy</h1><p>We keep your data for a year. We encrypt it.</p><ul><li>You may opt out.</li></ul>"


@cache
def expected(tagger: Tagger, policy: str) -> tuple[Sentence, ...]:
    return tuple(tagger.tag_document(document_of(policy)))


def rows(sentences: Any, policy: str = "text") -> list[dict[str, Any]]:
    return [replace(sentence, policy=policy).row() for sentence in sentences]


def post(client: TestClient, value: Any, **query: Any) -> dict[str, Any]:
    response = client.post("/predict", json=value, params=query)
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json()
    # A strict model in JSON mode: the answer is what the OpenAPI file says it is.
    (PoliciesAnswer if "policies" in found else TaggedPolicy).model_validate_json(response.content)
    return found


@pytest.mark.parametrize("threads", [1, 3])
def test_company_does_not_change_a_digit(tagger: Tagger, threads: int) -> None:
    """Equal to the tagger's rows, and to the last bit of the logits of a window that is run alone."""
    model = ModelFiles(tagger.artifact.folder, tagger.hash)
    policies = ("000_sagenext", "003_empxtrack", "004_vtiger")
    sources = [PolicySource(read_source(policy), "text", "text", policy) for policy in policies]
    items: list[PreparedDocument] = [prepared(prepare(model, source, TextLimits(10**6, 10**6))) for source in sources]

    async def together() -> list[Any]:
        scheduler = Scheduler(lambda window: tagger.run([window])[0], threads, Metrics())
        try:
            return await asyncio.gather(*(scheduler.run(item.windows) for item in items))
        finally:
            await scheduler.close()

    for item, logits in zip(items, asyncio.run(together()), strict=True):
        found = DocumentAnswer(tagger, item, AnswerOptions("guide")).whole(logits)
        assert found["sentences"] == rows(expected(tagger, item.policy), item.policy)
        assert [each.tobytes() for each in logits] == [tagger.run([window])[0].tobytes() for window in item.windows]


def test_text_is_the_frozen_reference(client: TestClient) -> None:
    for policy in FIVE:
        found = post(client, {"text": read_source(policy)})
        frozen = [sentence for sentence in read_jsonl(REFERENCE) if sentence.policy == policy]
        assert found["text"] == document_of(policy).text
        assert found["sha256"] == text_sha256(found["text"])
        assert [(r["start"], r["end"], r["text"], tuple(r["labels"])) for r in found["sentences"]] == [
            (s.start, s.end, s.text, s.labels) for s in frozen
        ]
        for row, sentence in zip(found["sentences"], frozen, strict=True):
            assert found["text"][row["start"] : row["end"]] == row["text"]
            assert row["scores"] == pytest.approx(sentence.scores, abs=0.01)
        counts = {label: sum(label in row["labels"] for row in found["sentences"]) for label in LABELS}
        assert found["summary"] == counts


def test_html(client: TestClient, tagger: Tagger) -> None:
    found = post(client, {"html": HTML})
    assert found["sentences"] == rows(tagger.tag_document(extract_html("text", HTML)))
    assert [row["text"] for row in found["sentences"]] == [
        "Privacy policy",
        "We keep your data for a year.",
        "We encrypt it.",
        "You may opt out.",
    ]


def test_a_list_of_sentences_is_one_document(client: TestClient, tagger: Tagger) -> None:
    texts = [sentence.text for sentence in expected(tagger, "000_sagenext")]
    found = post(client, {"sentences": texts})
    assert found["text"] == "\n".join(texts)
    plain = [Sentence("text", i, t) for i, t in enumerate(texts)]
    tagged = tagger.tag_sentences(plain)
    assert [(r["labels"], r["scores"]) for r in found["sentences"]] == [
        (list(s.labels or ()), s.scores) for s in tagged
    ]
    assert all(found["text"][r["start"] : r["end"]] == t for r, t in zip(found["sentences"], texts, strict=True))


def test_without_context_sentences_do_not_matter_to_each_other(client: TestClient) -> None:
    texts = ["We encrypt your data.", "You may opt out.", "We may change this policy."]
    found = post(client, {"sentences": texts, "context": False})["sentences"]
    turned = post(client, {"sentences": texts[::-1], "context": False})["sentences"]
    assert [row["scores"] for row in found] == [row["scores"] for row in turned][::-1]
    alone = post(client, {"sentences": texts[1:2]})["sentences"]
    assert found[1]["scores"] == alone[0]["scores"]
    assert found[1]["scores"] != post(client, {"sentences": texts})["sentences"][1]["scores"]


def test_policies_one_of_which_is_empty(client: TestClient, tagger: Tagger) -> None:
    policies = [
        {"id": "a", "text": read_source("000_sagenext")},
        {"id": "b", "text": " \n "},
        {"id": "c", "html": HTML},
        {"id": "d", "text": ""},
    ]
    a, b, c, d = post(client, {"policies": policies})["policies"]
    assert a == {"id": "a", **post(client, {"text": read_source("000_sagenext")}), "sentences": a["sentences"]}
    assert a["sentences"] == rows(expected(tagger, "000_sagenext"), "a")
    assert b == {"id": "b", "error": {"code": "empty", "message": "there is no text in it"}}
    assert d == {**b, "id": "d"}
    assert [row["policy"] for row in c["sentences"]] == ["c"] * 4


def test_thresholds_categories_and_scores(client: TestClient) -> None:
    text = read_source("000_sagenext")
    plain = post(client, {"text": text, "head": "opp115"})["sentences"]
    changed = post(client, {"text": text, "head": "opp115", "thresholds": {CHOICE: 1, SECURITY: 0}})["sentences"]
    assert [row["scores"] for row in plain] == [row["scores"] for row in changed]
    for before, after in zip(plain, changed, strict=True):
        assert CHOICE not in after["labels"] and SECURITY in after["labels"]
        assert set(before["labels"]) - {CHOICE, SECURITY} == set(after["labels"]) - {SECURITY}
    asked = {"text": text, "head": "opp115", "categories": [SECURITY, CHOICE]}
    few = post(client, asked)
    assert list(few["summary"]) == [CHOICE, SECURITY]
    for before, after in zip(plain, few["sentences"], strict=True):
        assert after["labels"] == [label for label in before["labels"] if label in few["summary"]]
        assert after["scores"] == {label: before["scores"][label] for label in (CHOICE, SECURITY)}
    assert all("scores" not in row for row in post(client, {"text": text, "scores": False})["sentences"])


def test_heads(client: TestClient, tagger: Tagger) -> None:
    text = read_source("000_sagenext")
    found = post(client, {"text": text, "head": "opp115"})
    assert found["model"] == {"name": "standard", "hash": tagger.hash, "head": "opp115", "version": "0.1.0"}
    assert found["sentences"] == rows(tagger.tag_document(document_of("000_sagenext"), head="opp115"))


def test_options_in_the_query_go_behind_those_in_the_body(client: TestClient) -> None:
    found = post(client, {"text": "We encrypt it.", "head": "guide"}, head="opp115", scores=False, categories=[CHOICE])
    assert found["model"]["head"] == "guide"
    assert "scores" not in found["sentences"][0] and list(found["summary"]) == [CHOICE]


def test_flags(client: TestClient) -> None:
    found = post(client, {"text": "Der Hund läuft durch den Wald und die Katze schläft auf dem alten Sofa im Haus."})
    assert found["flags"] == ["not_english"]
    assert [row["flags"] for row in found["sentences"]] == [["not_english"]]


@pytest.mark.parametrize(
    ("kind", "suffix"), [("text/plain", ".txt"), ("text/markdown; charset=utf-8", ".md"), ("text/html", ".html")]
)
def test_a_document_as_it_is(client: TestClient, tagger: Tagger, kind: str, suffix: str) -> None:
    content = (HTML if suffix == ".html" else read_source("000_sagenext")).encode()
    response = client.post("/predict?head=opp115", content=content, headers={"Content-Type": kind})
    assert response.status_code == 200
    document = document_from_bytes("text", content, suffix)
    assert response.json()["sentences"] == rows(tagger.tag_document(document, head="opp115"))


def test_offsets_count_characters_not_bytes_or_utf16(client: TestClient) -> None:
    found = post(client, {"text": "We ❤ 🍪 cookies. Naïve users’ data is kept."})
    assert [found["text"][r["start"] : r["end"]] for r in found["sentences"]] == [r["text"] for r in found["sentences"]]


def test_extraction_is_the_packages(client: TestClient) -> None:
    text = "# Privacy\n\nWe [share](https://example.org) data.\u0007 We keep it."
    document: Document = extract_text("text", text)
    assert post(client, {"text": text})["text"] == document.text
