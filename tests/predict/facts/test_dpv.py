"""Fact sheets in the Data Privacy Vocabulary: every value has a place in the table, and no denial becomes a process."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from clausetag.data.attributes import ATTRIBUTES, STATEMENT
from clausetag.data.labels import ACCESS, AUDIENCES
from clausetag.data.records import Document, FailedInput, Sentence
from clausetag.predict.facts.build import fact_sheet
from clausetag.predict.facts.dpv import mapping, policy_node
from clausetag.predict.facts.sheet import PARTIES
from clausetag.predict.writers.facts import FACTS
from clausetag.predict.writers.writer import OutputWriter
from tests.predict.facts.policy import ADS, CONTACT, DOES, DOES_NOT, LOCATION, PARTNERS, ours, stated, theirs


def node(*sentences: Sentence) -> dict[str, Any]:
    sheet = fact_sheet("a shop", sentences)
    assert sheet is not None
    return policy_node(sheet)


def test_the_table_has_each_value_and_only_known_prefixes() -> None:
    table = mapping()["attributes"]
    assert set(table) == {attribute.name for attribute in ATTRIBUTES if attribute is not STATEMENT}
    for attribute in ATTRIBUTES:
        if attribute is STATEMENT:
            continue
        one = table[attribute.name]
        assert list(one["values"]) == list(attribute.values)
        found = [entry for entry in one["values"].values() if entry]
        assert bool(one["property"]) == bool(one["class"]) and (one["property"] or not found)
        for entry in found:
            assert entry["match"] in ("exact", "close", "broad") and set(entry) == {"term", "match"}
        for term in (*(entry["term"] for entry in found), one["property"], one["class"]):
            assert term is None or term.split(":")[0] in mapping()["context"]
    assert set(mapping()["processing"]) == set(PARTIES)


def test_statements_are_processes_and_denials_prohibitions() -> None:
    found = node(
        ours(0, "We use your place for ads.", DOES, LOCATION, ADS),
        theirs(1, "We never sell your address.", DOES_NOT, CONTACT, PARTNERS),
        theirs(2, "We share your place, not your address.", DOES, DOES_NOT, LOCATION, CONTACT),
        ours(3, "Your place", LOCATION),
    )
    (process,) = found["dpv:hasProcess"]
    assert process["clausetag:sentences"] == [0]
    assert process["dpv:hasPersonalData"] == [
        {"@type": ["dpv:PersonalData", "pd:Location"], "skos:prefLabel": "Location"}
    ]
    assert process["dpv:hasProcessing"] == [{"@id": "dpv:Collect"}, {"@id": "dpv:Use"}]
    (denial,) = found["dpv:hasProhibition"]
    assert denial["clausetag:sentences"] == [1] and denial["@type"] == "dpv:Prohibition"
    assert denial["dpv:hasRecipient"][0]["skos:prefLabel"] == "Unnamed third party"
    assert found["clausetag:doesAndDoesNot"] == [2]
    assert found["@id"] == "urn:x-clausetag:policy:a%20shop" and found["dct:title"] == "a shop"


def test_values_without_a_counterpart_are_listed() -> None:
    found = node(
        stated(
            0,
            "You may close your account or see it.",
            ACCESS,
            ("Access Type", "View"),
            ("Access Type", "Deactivate account"),
        ),
        stated(1, "Children", AUDIENCES, ("Audience Type", "Children")),
    )
    assert found["clausetag:withoutCounterpart"] == ["Access Type: Deactivate account", "Audience Type: Children"]
    assert [right["skos:prefLabel"] for right in found["dpv:hasRight"]] == ["View", "Deactivate account"]
    assert "dpv:hasDataSubject" not in found


def test_the_files_hold_every_policy_and_go_when_there_are_no_facts(tmp_path: Path) -> None:
    document = Document("shop", "We use your place.", ())
    sentence = ours(0, "We use your place.", DOES, LOCATION)
    with OutputWriter(tmp_path) as writer:
        writer.add(document, [sentence])
        writer.fail(FailedInput("gone", "missing", "gone.txt: no such file"))
        writer.add(Document("other", "x", ()), [sentence])
    rows = [json.loads(line) for line in (tmp_path / "facts.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [row["policy"] for row in rows] == ["shop", "gone", "other"]
    graph = json.loads((tmp_path / "facts.jsonld").read_text(encoding="utf-8"))
    assert [one["dct:title"] for one in graph["@graph"]] == ["shop", "other"]
    assert graph["@context"] == mapping()["context"]
    with OutputWriter(tmp_path) as writer:
        writer.add(document, [sentence.with_prediction(sentence.labels or (), None)])
    assert not any((tmp_path / name).exists() for name in FACTS)
