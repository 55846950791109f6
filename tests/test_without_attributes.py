"""A model without heads for attributes, and one whose attributes are not wanted, through every door."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import clausetag
from clausetag.cli import main
from clausetag.model.artifact import shipped
from clausetag.model.tagger import Tagger

TEXT = "We collect your e-mail address for ads.\n\nWe never sell your place.\n"
LATER = "We collect your place for ads.\n\nWe sell your e-mail address.\n"


@pytest.fixture(params=["no heads", "not wanted"])
def options(request: pytest.FixtureRequest, tiny_artifact: Path) -> list[str]:
    """Of a command: the model, and whether it is to leave attributes out."""
    return ["--model", str(tiny_artifact)] if request.param == "no heads" else ["--no-attributes"]


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    path = tmp_path / "shop.txt"
    path.write_text(TEXT, encoding="utf-8")
    return path


def bare(row: Any) -> bool:
    """Whether a row says nothing of attributes; tables have empty columns for them."""
    return not row.get("attributes") and not row.get("attribute_scores")


def test_predict(options: list[str], policy: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    for name in ("jsonl", "csv", "html", "parquet"):
        assert main(["predict", str(policy), *options, "--format", name, "-o", str(out / name)]) == 0
        assert not list((out / name).glob("facts.*"))
    rows = [json.loads(line) for line in (out / "jsonl" / "predictions.jsonl").read_text().splitlines()]
    assert rows and all("attributes" not in row and "attribute_scores" not in row for row in rows)
    parquet = pytest.importorskip("pyarrow.parquet")
    (table,) = (out / "parquet").glob("predictions*.parquet")
    assert all(map(bare, parquet.read_table(table).to_pylist()))
    (page,) = (out / "html").rglob("shop*.html")
    assert 'class="facts"' not in page.read_text(encoding="utf-8")
    assert main(["predict", str(policy), *options]) == 0


def test_diff(options: list[str], policy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    later = tmp_path / "later.txt"
    later.write_text(LATER, encoding="utf-8")
    for name in ("diff.html", "diff.jsonl", "diff.md"):
        assert main(["diff", str(policy), str(later), *options, "-o", str(tmp_path / name)]) == 0
    capsys.readouterr()
    assert main(["diff", str(policy), str(later), *options]) == 0
    assert "collects or uses" not in capsys.readouterr().out
    assert not any('"fact"' in line for line in (tmp_path / "diff.jsonl").read_text(encoding="utf-8").splitlines())


def test_label_studio(options: list[str], policy: Path, tmp_path: Path) -> None:
    tasks = tmp_path / "tasks.json"
    assert main(["data", "export-label-studio", str(policy), *options, "-o", str(tasks)]) == 0
    assert "Taxonomy" not in tasks.with_suffix(".xml").read_text(encoding="utf-8")
    assert "attributes" not in tasks.read_text(encoding="utf-8")


def test_python_and_batches(options: list[str]) -> None:
    model, wanted = (options[1], True) if options[0] == "--model" else (str(shipped()), False)
    sentences = Tagger.load(model, attributes=wanted).tag(TEXT)
    assert len(sentences) == 2 and all(one.attributes is None and "attributes" not in one.row() for one in sentences)
    sentences._repr_html_()
    pytest.importorskip("pyarrow")
    tagged = clausetag.batch_tagger(model, attributes=wanted)({"id": ["a"], "text": [TEXT]})
    assert all(map(bare, tagged["predictions"][0])) and len(tagged["predictions"][0]) == 2


def test_http(options: list[str]) -> None:
    pytest.importorskip("fastapi")
    from fastapi.testclient import TestClient

    from clausetag.serving.runtime.service import Service
    from clausetag.serving.settings import Settings
    from tests.serving.conftest import app_of
    from tests.serving.process import until

    model = options[1] if options[0] == "--model" else str(shipped())
    wanted = options[0] == "--model"
    with TestClient(app_of(Service(Settings(), load=lambda: Tagger.load(model, threads=1)))) as client:
        until(lambda: client.get("/readyz").status_code == 200)
        for facts in ("json", "jsonld", "page") if wanted else ("",):
            answer = client.post("/predict", json={"text": TEXT, "attributes": wanted, "facts": facts}).json()
            assert len(answer["sentences"]) == 2 and not answer.get("facts")
            assert all("attributes" not in row and "attribute_scores" not in row for row in answer["sentences"])
