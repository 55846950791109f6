"""Attributes in Label Studio's tasks, and back from its export (in the form of version 1.23)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from clausetag.cli import main
from clausetag.data.attributes import ATTRIBUTES, VALUES
from clausetag.data.corpora.label_studio import labelling_config, make_tasks
from clausetag.data.corpora.label_studio_export import read_export
from clausetag.data.jsonl import read_jsonl
from clausetag.data.labels import CHOICE, FIRST_PARTY, LABELS, RETENTION, SECURITY, THIRD_PARTY
from clausetag.data.records import Sentence

_GIVEN = {"Does/Does Not": ("Does",), "Personal Information Type": ("Contact", "Location"), "Purpose": ("Other",)}
_TAGGED = [
    Sentence("p", 0, "We use your name.", labels=(FIRST_PARTY,), attributes=_GIVEN),
    Sentence("p", 1, "We encrypt it.", labels=(SECURITY,), attributes={}),
]
_CONTACT = ["Personal Information Type", "Contact"]


def _region(labels: list[str]) -> dict[str, Any]:
    return {"from_name": "labels", "to_name": "text", "type": "choices", "value": {"choices": labels}}


def _leaves(*leaves: Any) -> dict[str, Any]:
    return {"from_name": "attributes", "to_name": "text", "type": "taxonomy", "value": {"taxonomy": [*leaves]}}


def _read(path: Path, *annotations: list[Any]) -> Path:
    """An export of `_TAGGED`, whose first sentence one person after the other annotated, and the first the second."""
    first, second = make_tasks(_TAGGED, "abc")
    both = [[{"completed_by": n, "result": each} for n, each in enumerate(annotations)]]
    both.append([{"completed_by": 0, "result": [_region([SECURITY])]}])
    tasks = [
        {"id": n, "data": task["data"], "annotations": given}
        for n, (task, given) in enumerate(zip((first, second), both, strict=True))
    ]
    path.write_text(json.dumps(tasks), encoding="utf-8")
    return path


def test_what_is_preselected_comes_back_as_it_was(tmp_path: Path) -> None:
    tasks = make_tasks(_TAGGED, "abc")
    result = tasks[0]["predictions"][0]["result"]
    assert [region["type"] for region in result] == ["choices", "taxonomy"]
    assert [region["type"] for region in tasks[1]["predictions"][0]["result"]] == ["choices"]
    found = read_export(_read(tmp_path / "e.json", result))
    assert [sentence.attributes for sentence in found.sentences] == [_GIVEN, {}] and found.notes == ()
    assert list(found.sentences[0].attributes or ()) == list(_GIVEN)


def test_the_interface_has_a_tree_of_all_values() -> None:
    (tree,) = ElementTree.fromstring(labelling_config(LABELS, attributes=True)).iter("Taxonomy")
    assert [(branch.get("value"), leaf.get("value")) for branch in tree for leaf in branch] == list(VALUES)
    assert [branch.get("value") for branch in tree] == [attribute.name for attribute in ATTRIBUTES]
    region = make_tasks(_TAGGED, "abc")[0]["predictions"][0]["result"][1]
    assert (region["from_name"], region["to_name"]) == (tree.get("name"), tree.get("toName"))
    assert "Taxonomy" not in labelling_config(LABELS)


def test_what_more_than_half_gave_counts(tmp_path: Path) -> None:
    three = (
        [_region([FIRST_PARTY]), _leaves(_CONTACT, ["Purpose", "Marketing"])],
        [_region([FIRST_PARTY, CHOICE]), _leaves(["Choice Type", "Opt-in"], _CONTACT)],
        [_region([THIRD_PARTY]), _leaves(["Purpose", "Marketing"], ["Third Party Entity", "Public"])],
    )
    first = read_export(_read(tmp_path / "e.json", *three)).sentences[0]
    assert first.labels == (FIRST_PARTY,)
    assert first.attributes == {"Personal Information Type": ("Contact",), "Purpose": ("Marketing",)}


def test_a_value_without_its_category_is_left_out_and_counted(tmp_path: Path) -> None:
    export = _read(tmp_path / "e.json", [_region([RETENTION]), _leaves(_CONTACT, ["Does/Does Not", "Does"])])
    found = read_export(export)
    assert found.sentences[0].attributes == {"Personal Information Type": ("Contact",)}
    assert found.notes == ("values of attributes whose category the annotator did not give are left out: 1",)


def test_without_the_tree_nobody_looked_for_attributes(tmp_path: Path) -> None:
    found = read_export(_read(tmp_path / "e.json", [_region([FIRST_PARTY])]))
    assert [sentence.attributes for sentence in found.sentences] == [None, None]


@pytest.mark.parametrize(
    ("leaves", "message"),
    [
        ("Contact", "has no list of attributes with a value"),
        ([["Purpose"]], "has no list of attributes with a value"),
        ([["Purpose", 3]], "has no list of attributes with a value"),
        ([["Purpose", "Fun"]], "unknown value 'Fun' of Purpose; its values are Basic"),
        ([["Aim", "Fun"]], "unknown attribute 'Aim'; the attributes are Does/Does Not"),
    ],
)
def test_a_wrong_tree_is_one_line(
    leaves: Any, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    region = _leaves() | {"value": {"taxonomy": leaves}}
    export = _read(tmp_path / "e.json", [_region([FIRST_PARTY]), region])
    assert main(["data", "import-label-studio", str(export), "-o", str(tmp_path / "o.jsonl")]) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"clausetag: {export}, task 0: ") and message in said and said.count("\n") == 1
    assert not (tmp_path / "o.jsonl").exists()


@pytest.mark.parametrize("without", [False, True])
def test_the_commands_there_and_back(without: bool, tmp_path: Path) -> None:
    policy, tasks, back = tmp_path / "p.txt", tmp_path / "t.json", tmp_path / "back.jsonl"
    policy.write_text("We collect your e-mail address to send you offers.\n\nWe do not sell your data to anybody.\n")
    options = ["--no-attributes"] if without else []
    assert main(["data", "export-label-studio", str(policy), *options, "-o", str(tasks)]) == 0
    assert ("<Taxonomy" in tasks.with_suffix(".xml").read_text(encoding="utf-8")) is not without
    given = json.loads(tasks.read_text(encoding="utf-8"))
    for task in given:
        task["annotations"] = [{"completed_by": 1, "result": task["predictions"][0]["result"]}]
    done = tmp_path / "e.json"
    done.write_text(json.dumps(given), encoding="utf-8")
    assert main(["data", "import-label-studio", str(done), "-o", str(back)]) == 0
    direct = tmp_path / "direct.jsonl"
    assert main(["predict", str(policy), *options, "-o", str(direct)]) == 0
    assert [row.attributes for row in read_jsonl(back)] == [row.attributes for row in read_jsonl(direct)]
    assert any(row.attributes for row in read_jsonl(back)) is not without
