"""Fact sheets as JSON-LD, with terms of the W3C Data Privacy Vocabulary (DPV 2, https://w3id.org/dpv).

`dpv.json` maps each value to a term or to nothing. A statement becomes a `dpv:Process`, a denial a `dpv:Prohibition`;
sentences that say both are listed by number alone, since neither would be true of them. A value without a counterpart
has the general class of its property, keeps its name, and is listed. Groups of people that a policy speaks of are no
`dpv:DataSubject`: "we collect nothing of children" speaks of children as well.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files
from typing import Any
from urllib.parse import quote

from clausetag.data.attributes import INFORMATION, PURPOSE, RECIPIENT, Attribute
from clausetag.predict.facts.sheet import FactSheet, Saying

_Node = dict[str, Any]


@cache
def mapping() -> Mapping[str, Any]:
    """The table of values and terms."""
    found: Mapping[str, Any] = json.loads(files(__package__).joinpath("dpv.json").read_text(encoding="utf-8"))
    return found


def document(nodes: Iterable[_Node]) -> _Node:
    """A JSON-LD document of policies, each from `policy_node`."""
    return {"@context": mapping()["context"], "@graph": list(nodes)}


def policy_node(sheet: FactSheet) -> _Node:
    """The node of a policy."""
    node: _Node = {"@id": f"urn:x-clausetag:policy:{quote(sheet.policy, safe='')}", "@type": "dpv:PrivacyNotice"}
    node["dct:title"] = sheet.policy
    processes, prohibitions, both = [], [], set[int]()
    for name, party in sheet.parties.items():
        processing = [{"@id": term} for term in mapping()["processing"][name]]
        processes += [_practice("dpv:Process", processing, saying) for saying in party.statements]
        prohibitions += [_practice("dpv:Prohibition", processing, saying) for saying in party.denials]
        both.update(saying.sentence for saying in party.both)
    node |= {"dpv:hasProcess": processes, "dpv:hasProhibition": prohibitions}
    for topic in sheet.topics.values():
        table = mapping()["attributes"][topic.attribute.name]
        if table["property"] and topic.found:
            node[table["property"]] = [
                {**_value(topic.attribute, value), "clausetag:sentences": list(sentences)}
                for value, sentences in topic.found.items()
            ]
    node["dpv:hasContact"] = [{"@id": address.href} for address in sheet.contacts if ":" in address.href]
    node["clausetag:doesAndDoesNot"] = sorted(both)
    node["clausetag:withoutCounterpart"] = _without_counterpart(sheet)
    return {key: value for key, value in node.items() if value != []}


def _practice(kind: str, processing: list[_Node], saying: Saying) -> _Node:
    node: _Node = {"@type": kind, "dpv:hasProcessing": processing}
    for attribute, values in _named(saying):
        if values:
            node[mapping()["attributes"][attribute.name]["property"]] = [_value(attribute, one) for one in values]
    return {**node, "clausetag:sentences": [saying.sentence]}


def _named(saying: Saying) -> tuple[tuple[Attribute, tuple[str, ...]], ...]:
    return ((INFORMATION, saying.data), (PURPOSE, saying.purposes), (RECIPIENT, saying.recipients))


def _value(attribute: Attribute, value: str) -> _Node:
    table = mapping()["attributes"][attribute.name]
    found = table["values"][value]
    kinds = dict.fromkeys([table["class"], found["term"] if found else table["class"]])
    return {"@type": list(kinds), "skos:prefLabel": value}


def _without_counterpart(sheet: FactSheet) -> list[str]:
    """The values in a fact sheet that the vocabulary has no term for, as "attribute: value"."""
    named = [
        (attribute.name, value)
        for party in sheet.parties.values()
        for saying in (*party.statements, *party.denials)
        for attribute, values in _named(saying)
        for value in values
    ]
    named += [(topic.attribute.name, value) for topic in sheet.topics.values() for value in topic.found]
    table = mapping()["attributes"]
    return [f"{name}: {value}" for name, value in dict.fromkeys(named) if table[name]["values"][value] is None]
