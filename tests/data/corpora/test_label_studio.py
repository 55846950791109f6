"""Tasks for Label Studio, and its export back. The exports here have the form of Label Studio 1.23's."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from clausetag.cli import main
from clausetag.data.corpora.five import read_five
from clausetag.data.corpora.label_studio import certainty, labelling_config, make_tasks
from clausetag.data.corpora.label_studio_export import read_export
from clausetag.data.errors import DataError
from clausetag.data.jsonl import read_jsonl
from clausetag.data.labels import CHOICE, FIRST_PARTY, LABELS, RETENTION, SECURITY
from clausetag.data.records import Sentence

_ROWS = [sentence for sentence in read_five() if sentence.policy in ("000_sagenext", "004_vtiger")]


def _tagged() -> list[Sentence]:
    return [
        sentence.with_prediction([FIRST_PARTY], dict.fromkeys(LABELS, 0.0) | {FIRST_PARTY: 0.5 + (n * 37 % 100) / 200})
        for n, sentence in enumerate(_ROWS)
    ]


def _annotation(
    *labels: str, by: Any = 1, at: str = "2026-01-01T00:00:00.000000Z", skipped: bool = False
) -> dict[str, Any]:
    result = [{"from_name": "labels", "to_name": "text", "type": "choices", "value": {"choices": list(labels)}}]
    return {"completed_by": by, "result": result if labels else [], "was_cancelled": skipped, "updated_at": at}


def _export(tasks: Iterable[dict[str, Any]], path: Path, **annotations: list[dict[str, Any]]) -> Path:
    """What Label Studio exports of `tasks`; annotations by position, as in ``_3=[…]``."""
    exported = [
        {
            "id": 1000 + number,
            "data": task["data"],
            "predictions": [1],
            "annotations": annotations.get(f"_{number}", []),
        }
        for number, task in enumerate(tasks)
    ]
    path.write_text(json.dumps(exported), encoding="utf-8")
    return path


def test_a_round_trip_keeps_every_row(tmp_path: Path) -> None:
    tasks = make_tasks(_tagged(), "abc", uncertain_first=True)
    given = {f"_{number}": [_annotation(SECURITY)] for number in range(0, len(tasks), 2)}
    found = read_export(_export(tasks, tmp_path / "e.json", **given))
    assert found.notes == ()
    keys = ("policy", "index", "passage", "start", "end", "text", "heading")
    order = {"004_vtiger": 1, "000_sagenext": 0} if tasks[0]["data"]["policy"] == "000_sagenext" else {"004_vtiger": 0}
    expected = sorted(_ROWS, key=lambda row: (order.get(row.policy, 1), row.index))
    assert [[getattr(s, k) for k in keys] for s in found.sentences] == [[getattr(s, k) for k in keys] for s in expected]
    labelled = {(s.policy, s.index) for s in found.sentences if s.labels == (SECURITY,)}
    assert labelled == {(t["data"]["policy"], t["data"]["meta"]["index"]) for t in tasks[::2]}
    assert all(s.labels is None and s.scores is None for s in found.sentences if (s.policy, s.index) not in labelled)


def test_a_task_shows_its_surroundings_and_the_models_labels() -> None:
    tasks = make_tasks(_tagged(), "abc")
    first, second = tasks[0], tasks[1]
    assert first["data"]["previous"] == "" and first["data"]["next"] == second["data"]["text"]
    assert second["data"]["previous"] == first["data"]["text"]
    last = next(n for n, t in enumerate(tasks) if t["data"]["policy"] == "004_vtiger") - 1
    assert tasks[last]["data"]["next"] == "" and tasks[last + 1]["data"]["previous"] == ""
    (prediction,) = first["predictions"]
    assert prediction["model_version"] == "abc" and prediction["score"] == 0.5
    assert prediction["result"][0]["value"] == {"choices": [FIRST_PARTY]}
    assert "predictions" not in make_tasks(_ROWS)[0]


def test_the_least_certain_come_first() -> None:
    scores = [task["predictions"][0]["score"] for task in make_tasks(_tagged(), "abc", uncertain_first=True)]
    assert scores == sorted(scores) and len(set(scores)) > 10
    in_order = [task["data"]["meta"]["index"] for task in make_tasks(_tagged(), "abc")]
    assert in_order[:35] == list(range(35))


def test_certainty_is_that_of_all_decisions() -> None:
    sentence = Sentence("p", 0, "x", labels=(SECURITY,), scores={SECURITY: 0.8, CHOICE: 0.25})
    assert certainty(sentence) == pytest.approx(0.6)
    assert certainty(sentence.with_prediction((), sentence.scores)) == pytest.approx(0.15)


def test_the_configuration_names_what_the_tasks_have() -> None:
    tree = ElementTree.fromstring(labelling_config(('A "b" & <c>', *LABELS)))
    (choices,) = tree.iter("Choices")
    assert choices.attrib | {"showInline": ""} == {
        "name": "labels",
        "toName": "text",
        "choice": "multiple",
        "showInline": "",
    }
    assert [choice.get("value") for choice in choices] == ['A "b" & <c>', *LABELS]
    shown = {text.get("value", "")[1:] for text in tree.iter("Text")}
    assert shown == set(make_tasks(_ROWS)[0]["data"]) - {"meta"}
    result = make_tasks(_tagged(), "abc")[0]["predictions"][0]["result"][0]
    assert (result["from_name"], result["to_name"]) == (choices.get("name"), choices.get("toName"))


def test_of_one_persons_annotations_the_last_finished_one_counts(tmp_path: Path) -> None:
    early, late, latest = (f"2026-01-0{day}T00:00:00.000000Z" for day in (1, 2, 3))
    path = _export(
        make_tasks(_ROWS),
        tmp_path / "e.json",
        _0=[_annotation(RETENTION, at=late), _annotation(SECURITY, at=early)],
        _1=[_annotation(SECURITY, at=early), _annotation(CHOICE, at=latest, skipped=True)],
        _2=[_annotation(CHOICE, skipped=True)],
        _3=[_annotation()],
    )
    found = read_export(path).sentences[:5]
    assert [s.labels for s in found] == [(RETENTION,), (SECURITY,), None, (), None]
    assert all(s.votes is None and not s.extra for s in found)


def test_several_people_become_votes(tmp_path: Path) -> None:
    three = [
        _annotation(SECURITY, CHOICE, by={"id": 7, "email": "a@example.org"}),
        _annotation(SECURITY, by={"id": 8, "email": "b@example.org"}),
        _annotation(RETENTION, by={"id": 9, "email": "c@example.org"}),
    ]
    path = _export(make_tasks(_ROWS), tmp_path / "e.json", _0=three, _1=three[:1] + three[2:])
    first, second = read_export(path).sentences[:2]
    assert first.labels == (SECURITY,)
    assert first.votes == {
        CHOICE: pytest.approx(1 / 3),
        RETENTION: pytest.approx(1 / 3),
        SECURITY: pytest.approx(2 / 3),
    }
    assert first.extra == {"annotators": {"7": [CHOICE, SECURITY], "8": [SECURITY], "9": [RETENTION]}}
    assert second.labels == () and second.votes == {CHOICE: 0.5, RETENTION: 0.5, SECURITY: 0.5}


def test_sentences_that_the_export_leaves_out_come_back_as_context(tmp_path: Path) -> None:
    tasks = make_tasks(_tagged(), "abc", uncertain_first=True)
    imported = tmp_path / "tasks.json"
    imported.write_text(json.dumps(tasks), encoding="utf-8")
    part = _export(tasks[:3], tmp_path / "e.json", _0=[_annotation(CHOICE)])
    alone = read_export(part)
    assert len(alone.sentences) == 3 and any("--tasks" in note for note in alone.notes)
    whole = read_export(part, imported)
    assert whole.notes == () and len(whole.sentences) == len(_ROWS)
    assert sum(s.labelled for s in whole.sentences) == 1
    tasks[0]["data"]["text"] = "x" * len(tasks[0]["data"]["text"])
    imported.write_text(json.dumps(tasks), encoding="utf-8")
    with pytest.raises(DataError, match=r"tasks\.json, task number 1: its text differs from that in .*e\.json"):
        read_export(part, imported)


def _broken(task: dict[str, Any], **changes: Any) -> list[dict[str, Any]]:
    return [{"id": 5, "data": task["data"], "annotations": [_annotation(SECURITY)], **changes}]


_TASK = make_tasks(_ROWS)[0]
_REGION = {"from_name": "labels", "value": {"choices": [SECURITY]}}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ({"a": 1}, "expected a list of tasks"),
        ([], "has no finished annotation"),
        ([3], "task number 1: has no data with meta"),
        ([{"id": 5, "data": {"text": "x"}}], "task 5: has no data with meta"),
        ([{"id": 5, "text": "x", "meta": {}}], "task 5: this is JSON-MIN"),
        (_broken(_TASK, annotations=None), "task 5: has no list of annotations"),
        (_broken(_TASK, annotations=[_annotation("Cats")]), "task 5: unknown label 'Cats'"),
        (_broken(_TASK, annotations=[{"result": None}]), "task 5: an annotation has no list of results"),
        (
            _broken(_TASK, annotations=[{"result": [{**_REGION, "from_name": "spans"}]}]),
            "task 5: an annotation has no 'la",
        ),
        (_broken(_TASK, annotations=[{"result": [{**_REGION, "value": 1}]}]), "has no list of choices"),
        (_broken(_TASK) * 2, "sentence 0 of policy '000_sagenext' occurs twice"),
        (_broken({"data": _TASK["data"] | {"text": None}}), "'text' must be a string"),
        (_broken({"data": _TASK["data"] | {"text": "longer than before"}}), "do not match a text"),
        (_broken({"data": _TASK["data"] | {"meta": {"policy": "p"}}}), "the key 'index' is missing"),
        (_broken({"data": _TASK["data"] | {"meta": _TASK["data"]["meta"] | {"sentences": "9"}}}), "must be an integer"),
    ],
)
def test_what_is_no_export_is_one_line(
    content: object, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "e.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    out = tmp_path / "out.jsonl"
    assert main(["data", "import-label-studio", str(path), "-o", str(out)]) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"clausetag: {path}") and message in said and said.count("\n") == 1
    assert not out.exists()


def test_the_command_writes_rows_that_training_reads(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    export = _export(make_tasks(_ROWS), tmp_path / "e.json", _0=[_annotation(SECURITY)], _9=[_annotation(CHOICE)])
    out = tmp_path / "new" / "labelled.jsonl"
    assert main(["data", "import-label-studio", str(export), "-o", str(out)]) == 0
    assert capsys.readouterr().out == "2 policies, 136 sentences, 2 labelled\n"
    rows = read_jsonl(out)
    assert [row.index for row in rows if row.labelled] == [0, 9] and len(rows) == len(_ROWS)
