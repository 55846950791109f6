"""docs/OUTPUTS.md against what is written: every column, in its order, and the Python that reads it."""

from __future__ import annotations

import csv
import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from clausetag.cli import main
from clausetag.data.attributes import ATTRIBUTES
from clausetag.data.documents.formats import LIMITS
from clausetag.data.documents.sniff import extract_text
from clausetag.data.labels import LABELS, SECURITY
from clausetag.data.records import FailedInput
from clausetag.data.segment import segment
from clausetag.predict.facts.sheet import SUMMARY
from clausetag.predict.pages.summary import FLAG_MEANINGS, WORDS_A_MINUTE
from clausetag.predict.writers.html import PAGE_POLICIES
from clausetag.predict.writers.rows import GROUP_ROWS
from clausetag.predict.writers.writer import FORMATS, RUN_JSON, OutputWriter

DOC = (Path(__file__).resolve().parents[2] / "docs" / "OUTPUTS.md").read_text(encoding="utf-8")


def section(name: str) -> str:
    return DOC.partition(f"\n## {name}\n")[2].partition("\n## ")[0]


def documented(name: str) -> list[list[str]]:
    """The rows of a section's first table, each a list of cells, the backquotes off the first."""
    lines = [line for line in section(name).splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines[2:]]
    return [[row[0].strip("`"), *row[1:]] for row in cells]


def columns(name: str) -> list[str]:
    return [row[0] for row in documented(name)]


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run") / "out"
    document = extract_text("shop", "Security\n\nWe keep:\n• your data, see us@shop.example.\n")
    scores = dict.fromkeys(LABELS, 0.25)
    stated = {
        "attributes": {"Security Measure": ("Generic",)},
        "attribute_scores": {"Security Measure": {"Generic": 0.5}},
    }
    sentences = [replace(s.with_prediction((SECURITY,), scores, ("not_english",)), **stated) for s in segment(document)]
    with OutputWriter(folder, FORMATS) as writer:
        writer.add(document, sentences)
        writer.fail(FailedInput("gone", "missing", "gone.txt: no such file"))
    return folder


def keys(path: Path) -> list[str]:
    """All keys of a JSONL file; those of the fullest row come first, in its order."""
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return list(dict.fromkeys(key for row in sorted(rows, key=len, reverse=True) for key in row))


def header(path: Path) -> list[str]:
    with path.open(encoding="utf-8", newline="") as lines:
        return next(csv.reader(lines))


def test_every_file_is_listed(out: Path) -> None:
    listing = DOC.partition("```\n")[2].partition("```")[0]
    for path in out.rglob("*"):
        if path.is_file():
            name = path.relative_to(out).as_posix().replace("shop", "<policy>")
            assert re.search(rf"(?:^|[ \n]){re.escape(name)}\b", listing), name


def test_jsonl(out: Path) -> None:
    assert columns("predictions.jsonl") == keys(out / "predictions.jsonl")
    assert columns("summary.jsonl") == keys(out / "summary.jsonl")
    assert columns("facts.jsonl") == keys(out / "facts.jsonl")


def test_types_of_jsonl(out: Path) -> None:
    names = {str: "string", int: "integer", float: "number", list: "list of strings", dict: "object"}
    for file in ("predictions.jsonl", "summary.jsonl", "facts.jsonl"):
        lines = (out / file).read_text(encoding="utf-8").splitlines()
        found = {key: names[type(value)] for line in lines for key, value in json.loads(line).items()}
        found |= {key: "list of objects" for key in ("links", "contacts") if key in found}
        assert {row[0]: row[1] for row in documented(file)} == found


def test_csv(out: Path) -> None:
    assert columns("predictions.csv") == header(out / "predictions.csv")
    written = header(out / "summary.csv")
    start = written.index(LABELS[0])
    assert columns("summary.csv") == [*written[:start], "<category>", "<category> (share)", *SUMMARY]
    assert written[start:] == [*LABELS, *(f"{label} (share)" for label in LABELS), *SUMMARY]
    short = section("summary.jsonl").rpartition("`facts` lists")[2]
    assert re.findall(r"`(\w+)`", short) == list(SUMMARY)


def test_parquet(out: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    schema = parquet.read_schema(out / "predictions.parquet")
    rows = documented("predictions.parquet")
    assert [row[0] for row in rows] == schema.names == columns("predictions.jsonl")
    for name, kind in rows:
        written = str(schema.field(name).type).replace("element: ", "").replace("item: ", "")
        if name == "scores":
            assert kind == "struct of twelve float, named by the categories"
            assert written == f"struct<{', '.join(f'{label}: float' for label in LABELS)}>"
        elif name == "attributes":
            assert kind == "struct of eleven list<string>, named by the attributes"
            assert written == f"struct<{', '.join(f'{one.name}: list<string>' for one in ATTRIBUTES)}>"
        elif name == "attribute_scores":
            assert kind == "struct of eleven struct of float, named by the attributes and their values"
            parts = (f"{a.name}: struct<{', '.join(f'{value}: float' for value in a.values)}>" for a in ATTRIBUTES)
            assert written == f"struct<{', '.join(parts)}>"
        else:
            assert kind == written


def test_the_python_runs(out: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    for module in ("pandas", "datasets"):
        pytest.importorskip(module)
    monkeypatch.chdir(out.parent)
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", out.parent / "cache")
    (code,) = re.findall(r"```python\n(.*?)```", DOC, re.DOTALL)
    exec(compile(code, "OUTPUTS.md", "exec"), {})
    assert capsys.readouterr().out.splitlines()[-1] == "3 0.25"


def test_the_sql_runs(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    duckdb = pytest.importorskip("duckdb")
    monkeypatch.chdir(out.parent)
    (code,) = re.findall(r"```sql\n(.*?)```", DOC, re.DOTALL)
    assert duckdb.sql(code).fetchall() == [
        ("shop", text, 0.25) for text in ("Security", "We keep:", "your data, see us@shop.example.")
    ]


def test_flags_formats_and_numbers() -> None:
    assert columns("Flags") == list(FLAG_MEANINGS)
    head = DOC.partition("```")[0]
    for name in FORMATS:
        assert f"`{name}`" in head and f"`.{name}`" in head
    assert f"{WORDS_A_MINUTE} words a minute" in section("summary.jsonl")
    assert f"{GROUP_ROWS:,} rows" in section("predictions.parquet")
    assert f"From {PAGE_POLICIES:,} documents" in section("HTML")


def test_run_json(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("We keep your data safe, and sell nothing.")
    assert main(["predict", str(tmp_path / "a.txt"), "-o", str(tmp_path / "out")]) == 0
    found = json.loads((tmp_path / "out" / RUN_JSON).read_text(encoding="utf-8"))
    names = {str: "string", int: "integer", float: "number", list: "list of strings", dict: "object"}
    assert [row[:2] for row in documented("run.json")] == [[key, names[type(value)]] for key, value in found.items()]
    meanings = {row[0]: row[2] for row in documented("run.json")}
    for key in ("documents", "model", "options"):
        assert set(re.findall(r"`(\w+)`", meanings[key])) == set(found[key])
    assert re.search(rf"\n  {RUN_JSON} ", DOC)
    assert f"{LIMITS.counted_table // 1_000_000} MB" in section("Long runs")
