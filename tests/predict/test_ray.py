"""`--engine ray`: the rows of the local engine, nothing lost and nothing double when a worker dies.

Here the engine runs without Ray, with its workers in this process; test_ray_cluster.py has the rest.
"""

from __future__ import annotations

import json
import os
import pickle
import random
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from clausetag.cli import main
from clausetag.data.errors import ArtifactError
from clausetag.data.records import Document, FailedInput
from clausetag.model.tagger import Tagger
from clausetag.predict.ray import engine as ray_engine
from clausetag.predict.ray import storage as ray_storage
from clausetag.predict.ray.output import OutputFolder
from clausetag.predict.ray.plan import Part, Table, Unit, list_inputs, plan
from clausetag.predict.ray.storage import Place
from clausetag.predict.ray.worker import Job, Outcome, PartTagger
from clausetag.predict.run_folder import OutputError, RunFolder
from clausetag.predict.run_summary import Tally
from clausetag.predict.writers.rows import ParquetSink
from clausetag.predict.writers.writer import RUN_JSON
from tests.predict.ray_fixture import FakeTagger, counts, local_rows, parquet, ray, ray_rows, write_inputs

arrow_fs = pytest.importorskip("pyarrow.fs")


@pytest.fixture
def inputs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.chdir(tmp_path)
    return write_inputs(tmp_path)


@pytest.fixture
def spoil() -> list[Callable[[list[Outcome]], list[Outcome]]]:
    """What a test puts here changes the outcomes on their way."""
    return []


def _sent(value: Any) -> Any:
    """As it comes out on another machine."""
    return pickle.loads(pickle.dumps(value))


@pytest.fixture
def no_ray(monkeypatch: pytest.MonkeyPatch, spoil: list[Callable[[list[Outcome]], list[Outcome]]]) -> None:
    """The engine with its workers in this process, and parts that come in any order and twice."""

    def outcomes(_: Any, units: Sequence[Unit], job: Job, workers: int) -> Iterator[Outcome]:
        parts = [part for unit in units for part in _sent(unit).parts()]
        random.Random(3).shuffle(parts)
        tagger = PartTagger(pickle.loads(pickle.dumps(job)))
        found = [
            pickle.loads(pickle.dumps(tagger.tag(pickle.loads(pickle.dumps(part))))) for part in (*parts, parts[0])
        ]
        for change in spoil:
            found = change(found)
        yield from found

    fake = SimpleNamespace(__version__="0", exceptions=SimpleNamespace(RayError=ConnectionAbortedError))
    monkeypatch.setattr(ray_engine, "_load_ray", lambda: fake)
    monkeypatch.setattr(ray_engine, "_cluster", lambda _: nullcontext([0, 3, 2]))
    monkeypatch.setattr(ray_engine, "_ids", lambda _, tables: {table.place: table.ids() for table in tables})
    monkeypatch.setattr(ray_engine, "_outcomes", outcomes)
    monkeypatch.setattr(ray_engine, "PART_DOCUMENTS", 3)
    monkeypatch.setattr(Tagger, "load", lambda *_, **__: FakeTagger())


@pytest.mark.usefixtures("no_ray")
@pytest.mark.parametrize("strict", [[], ["--strict"]])
def test_the_rows_are_those_of_the_local_engine(
    inputs: list[str], strict: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["predict", *inputs, "-o", "local", "--format", "parquet", *strict]) == 1
    said = capsys.readouterr().err.splitlines()
    assert ray(*inputs, "-o", "ray", *strict) == 1
    assert sorted(capsys.readouterr().err.splitlines()[:-1]) == sorted(said[:-1])
    rows = ray_rows(tmp_path / "ray")
    assert rows == local_rows(tmp_path / "local")
    assert len({row["policy"] for row in rows}) > 25
    assert len(list((tmp_path / "ray" / "predictions").iterdir())) > 9
    assert parquet.read_schema(next((tmp_path / "ray" / "predictions").iterdir())) == parquet.read_schema(
        tmp_path / "local" / "predictions.parquet"
    )
    assert counts(tmp_path / "ray") == counts(tmp_path / "local")


@pytest.mark.usefixtures("no_ray")
def test_documents_have_the_summary_and_the_text(inputs: list[str], tmp_path: Path) -> None:
    main(["predict", *inputs, "-o", "local"])
    ray(*inputs, "-o", "ray")
    found = ray_rows(tmp_path / "ray", "documents")
    names = json.loads((tmp_path / "local" / "texts" / "index.json").read_text(encoding="utf-8"))
    expected = (tmp_path / "local" / "summary.jsonl").read_text(encoding="utf-8").splitlines()
    for row, line in zip(found, expected, strict=True):
        text = row.pop("text")
        assert {key: value for key, value in row.items() if value is not None} == json.loads(line)
        if row["error"] is None:
            assert text == (tmp_path / "local" / "texts" / names[row["policy"]]).read_text(encoding="utf-8")
    assert sum(row["error"] is not None for row in found) == counts(tmp_path / "ray")["documents"]["failed"] > 5


@pytest.mark.usefixtures("no_ray")
def test_the_same_inputs_give_the_same_bytes(inputs: list[str], tmp_path: Path) -> None:
    for name in ("one", "two"):
        ray(*inputs, "-o", name)
    for path in (tmp_path / "one").glob("*/*"):
        assert path.read_bytes() == (tmp_path / "two" / path.relative_to(tmp_path / "one")).read_bytes()


@pytest.mark.usefixtures("no_ray")
def test_an_earlier_output_is_replaced_as_a_whole(inputs: list[str], tmp_path: Path) -> None:
    ray(*inputs, "-o", "out")
    (tmp_path / "out" / "notes.txt").write_text("mine")
    assert ray("b.md", "-o", "out", "--run-json", "runs/one.json") == 0
    found = sorted(path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*"))
    part = "part-000000-000000.parquet"
    assert found == ["documents", f"documents/{part}", "notes.txt", "predictions", f"predictions/{part}", RUN_JSON]
    assert (tmp_path / "runs" / "one.json").read_bytes() == (tmp_path / "out" / RUN_JSON).read_bytes()


@pytest.mark.usefixtures("no_ray")
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda found: found[1:-1], "Ray lost a part of the inputs"),
        (lambda found: [outcome for outcome in found if not outcome.part.last], "Ray lost a part of the inputs"),
        (
            lambda found: [*found[:2], Outcome(None, Tally(), error="a worker stopped (full)")],
            "a worker stopped (full)",
        ),
        (lambda found: exec("raise ConnectionAbortedError('so\\nit goes')"), "Ray stopped the run (so it goes)"),
    ],
)
def test_a_run_that_fails_leaves_what_was_there(
    change: Callable[[list[Outcome]], list[Outcome]],
    message: str,
    inputs: list[str],
    tmp_path: Path,
    spoil: list[Callable[[list[Outcome]], list[Outcome]]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    ray("b.md", "-o", "out")
    before = {path: path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file()}
    spoil.append(change)
    capsys.readouterr()
    assert ray(*inputs, "-o", "out", "--quiet") == 2
    assert capsys.readouterr().err.splitlines()[-1] == f"clausetag: out: {message}; nothing was written"
    assert {path: path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file()} == before


@pytest.mark.usefixtures("no_ray")
def test_ctrl_c_is_one_line(
    inputs: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stop(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(ray_engine, "_outcomes", stop)
    assert ray(*inputs, "-o", "out") == 130
    assert capsys.readouterr().err == "clausetag: interrupted; nothing was written\n"
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.usefixtures("no_ray")
def test_documents_that_fail_at_tagging_and_writing_are_rows(
    inputs: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pages" / "001.md").write_text("We explode.")
    write = ParquetSink.add

    def fussy(sink: ParquetSink, document: Document, *arguments: Any) -> None:
        if document.policy == "003":
            raise KeyError("003")
        write(sink, document, *arguments)

    monkeypatch.setattr(ParquetSink, "add", fussy)
    assert ray("pages", "-o", "out") == 1
    rows = ray_rows(tmp_path / "out")
    failed = {row["policy"]: row["error"]["message"] for row in rows if row["error"]}
    assert failed["001"] == "001: could not be tagged (ValueError: this text is too much)"
    assert failed["003"] == "003: could not be written (KeyError: '003')"
    assert {row["policy"] for row in rows} >= {"000", "002", "004", "005"}
    assert counts(tmp_path / "out")["failures"] == {"empty": 1, "failed": 2, "unsupported": 1}


_DYING = """
import os, pickle, sys
sys.path.insert(0, sys.argv[1])
from tests.predict import ray_fixture
from clausetag.predict.ray import worker as ray_worker
from clausetag.model import tagger
tagger.Tagger.load = lambda *_, **__: ray_fixture.FakeTagger()
job, part = pickle.loads(bytes.fromhex(sys.argv[2]))
for _ in range(5):
    worker = os.fork()
    if not worker:
        tally = ray_worker.PartTagger(job).tag(part).tally
        print(tally.documents, "documents,", tally.failed, "failed", flush=True)
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(worker, 0)[1]), flush=True)
"""


@pytest.mark.usefixtures("no_ray")
@pytest.mark.skipif(not hasattr(os, "fork"), reason="its workers are forks")
def test_a_document_that_kills_its_workers_fails_alone(inputs: list[str], tmp_path: Path) -> None:
    (tmp_path / "pages" / "001.md").write_text("This kills.")
    with OutputFolder("out") as output:
        (unit, *_) = plan(list_inputs(["pages"]), {}, 4)
        (part,) = unit.parts()
        work = pickle.dumps((Job(None, "fake", "guide", False, 1, output.work), part)).hex()
        command = [sys.executable, "-c", _DYING, str(Path(__file__).parents[2]), work]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        assert result.stdout.splitlines() == ["9", "9", "9", "9", "4 documents, 1 failed", "0"], result.stderr
        output.commit([part.name], "{}\n")
    rows = ray_rows(tmp_path / "out", "documents")
    assert [(row["policy"], row["error"] is None) for row in rows] == [
        ("000", True),
        ("001", False),
        ("002", True),
        ("pages/002", True),
    ]
    assert rows[1]["error"]["message"].startswith("pages/001.md: could not be tagged (2 workers died of it")


def test_a_worker_that_cannot_work_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    part = Part(0, 0, True, (FailedInput("a", "empty", "a: is empty"),))
    job = Job("model", "other", "guide", False, 1, Place(str(tmp_path)))
    monkeypatch.setattr(Tagger, "load", lambda *_, **__: FakeTagger())
    assert "another model than on the machine that started the run" in str(PartTagger(job).tag(part).error)

    def missing(*_: Any, **__: Any) -> None:
        raise ArtifactError("model: is missing")

    monkeypatch.setattr(Tagger, "load", missing)
    assert "a worker cannot load the model (model: is missing)" in str(PartTagger(job).tag(part).error)
    monkeypatch.setattr(Tagger, "load", lambda *_, **__: FakeTagger())
    (tmp_path / "file").write_text("")
    job = Job("model", "fake", "guide", False, 1, Place(str(tmp_path / "file")))
    assert PartTagger(job).tag(part).error == "a worker stopped (Not a directory)"


@pytest.mark.usefixtures("no_ray")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "--engine ray needs -o OUT, a folder for the result"),
        (["-o", "out", "--resume"], "--resume is not for --engine ray"),
        (["-o", "out", "--table"], "--table is not for --engine ray"),
        (["-o", "out", "--format", "parquet,html"], "--format parquet,html: --engine ray writes Parquet"),
        (["-o", "out.parquet"], "-o out.parquet: --engine ray writes a folder"),
        (["-o", "out.json"], "out.json: .json is not written"),
        (
            ["-o", "out2", "--threads", "4"],
            "--threads 4: a worker needs as many cores, and the machines have [0, 3, 2]",
        ),
        (["-", "-o", "out"], "--engine ray reads no standard input"),
        (["-o", "out", "--run-json", "pages"], "is a folder; give a file"),
        (["a.zip", "-o", "out"], "a.zip: --engine ray reads no archives"),
        (["zips", "-o", "out"], "zips/a.zip: --engine ray reads no archives"),
        (["what://x/y", "-o", "out"], "what://x/y: cannot be reached"),
        (["-o", "what://x/y"], "what://x/y: cannot be reached"),
        (["-o", "taken"], "taken/documents: would be replaced, but is no run's"),
        (["-o", "b.md"], "b.md: cannot be written"),
    ],
)
def test_what_it_cannot_do_is_refused_in_one_line(
    arguments: list[str], message: str, inputs: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for folder in ("zips", "taken/documents"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "zips" / "a.zip").write_bytes(b"PK")
    (tmp_path / "taken" / "documents" / "letter.txt").write_text("mine")
    (tmp_path / "out2").mkdir()
    before = sorted(path for path in tmp_path.rglob("*"))
    assert ray("pages", *arguments) == 2
    err = capsys.readouterr().err
    assert err.startswith("clausetag: ") and message in err and err.count("\n") == 1
    assert sorted(path for path in tmp_path.rglob("*")) == before


@pytest.mark.usefixtures("no_ray")
@pytest.mark.skipif(sys.platform == "win32", reason="no locks on Windows")
def test_a_second_run_is_refused(inputs: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with RunFolder(tmp_path / "out", is_file=False):
        assert ray(*inputs, "-o", "out") == 2
    assert "another run" in capsys.readouterr().err


def test_without_ray_one_line_says_what_to_install(
    inputs: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    assert ray("pages", "-o", "out") == 2
    assert (
        capsys.readouterr().err == "clausetag: --engine ray needs ray; run pip install '.[ray]' in clausetag's folder\n"
    )


class _Store:
    """An object store as far as Arrow's is one: folders cannot be renamed."""

    def __init__(self) -> None:
        self.disk = arrow_fs.LocalFileSystem()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.disk, name)

    def move(self, source: str, target: str) -> None:
        if Path(source).is_dir():
            raise OSError("Cannot move a directory")
        self.disk.move(source, target)


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """URI of a store that has the inputs, `bucket` being their folder."""

    def reach(uri: str) -> tuple[Any, str]:
        return (_Store(), uri.removeprefix("store:/")) if uri else (arrow_fs.LocalFileSystem(), "")

    monkeypatch.setattr(ray_storage, "_reach", reach)
    return f"store:/{tmp_path}"


@pytest.mark.usefixtures("no_ray")
def test_an_object_store_gives_and_takes_the_same_rows(
    inputs: list[str], store: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = ["pages", "one.jsonl", "*.md", "two.parquet", "none.jsonl", "gone.csv", "pages/*/000.md", "gone/*.txt"]
    assert main(["predict", *names, "-o", "local", "--format", "parquet"]) == 1
    for _ in range(2):
        assert ray(*(f"{store}/{name}" for name in names), "-o", f"{store}/out") == 1
    rows, expected = ray_rows(tmp_path / "out"), local_rows(tmp_path / "local")
    assert [row["text"] for row in rows] == [row["text"] for row in expected]
    assert [row["scores"] for row in rows] == [row["scores"] for row in expected]
    names = [row["policy"].removeprefix(f"{tmp_path}/"[1:]) for row in rows if not row["error"]]
    assert names == [row["policy"] for row in expected if not row["error"]]
    assert [(row["error"] or {}).get("code") for row in rows] == [(row["error"] or {}).get("code") for row in expected]
    assert counts(tmp_path / "out") == counts(tmp_path / "local")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["documents", "predictions", RUN_JSON]


@pytest.mark.usefixtures("no_ray")
def test_a_failed_run_leaves_an_object_store_as_it_was(
    inputs: list[str], store: str, tmp_path: Path, spoil: list[Callable[[list[Outcome]], list[Outcome]]]
) -> None:
    assert ray(f"{store}/b.md", "-o", f"{store}/out") == 0
    before = {path: path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file()}
    spoil.append(lambda found: found[1:-1])
    assert ray(f"{store}/pages", "-o", f"{store}/out") == 2
    assert {path: path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file()} == before


def test_a_part_that_is_missing_or_half_copied_is_no_output(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_text("rows")
    with OutputFolder(str(tmp_path / "out")) as output:
        for name in ("predictions", "documents"):
            (output.work / name / "part-0-0.parquet").put(source)
        Path(output.work.path, "documents", "part-0-0.parquet.half").write_text("ro")
        with pytest.raises(OutputError, match=r"predictions/part-0-1.parquet is lost; nothing was written"):
            output.commit(["part-0-0.parquet", "part-0-1.parquet"], "{}")
        assert not (tmp_path / "out" / "predictions").exists()
        output.commit(["part-0-0.parquet"], "{}")
    assert [path.name for path in (tmp_path / "out" / "documents").iterdir()] == ["part-0-0.parquet"]


def test_a_long_table_is_divided_by_its_characters_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("clausetag.predict.ray.plan._PART_CHARACTERS", 50)
    path = tmp_path / "a.jsonl"
    path.write_text("\n".join(json.dumps({"id": str(n), "text": "We keep it." * 2}) for n in range(7)))
    (table,) = list_inputs([str(path)])
    assert isinstance(table, Table)
    (unit,) = plan([table], {table.place: table.ids()}, 100)
    parts = list(unit.parts())
    assert [len(part.items) for part in parts] == [3, 3, 1]
    assert [part.last for part in parts] == [False, False, True]
    assert sorted(part.name for part in parts) == [part.name for part in parts]
