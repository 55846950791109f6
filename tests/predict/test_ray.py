"""`--engine ray`: the rows of the local engine, nothing lost and nothing twice; resumed runs.

Here the engine runs without Ray, in this process; test_ray_cluster.py has the rest.
"""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from clausetag.cli import main
from clausetag.data.documents.discover import Search
from clausetag.data.errors import ArtifactError, ClausetagError
from clausetag.data.records import Document
from clausetag.model.tagger import Tagger
from clausetag.predict.batch import BatchTagger
from clausetag.predict.parts.folder import PartFolder
from clausetag.predict.parts.inputs import Part, find, read_parts
from clausetag.predict.parts.job import Job
from clausetag.predict.run_folder import OutputError, RunFolder
from clausetag.predict.writers.writer import RUN_JSON
from tests.predict.ray_fixture import (
    FakeTagger,
    LocalCluster,
    counts,
    local_rows,
    parquet,
    ray,
    ray_rows,
    write_inputs,
)


@pytest.fixture
def inputs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Tagger, "load", lambda *_, **__: FakeTagger())
    return write_inputs(tmp_path)


def files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def visible(folder: Path) -> dict[str, bytes]:
    return {name: content for name, content in files(folder).items() if not name.startswith(".")}


@pytest.mark.parametrize("strict", [[], ["--strict"]])
def test_the_rows_are_those_of_the_local_engine(
    inputs: list[str], strict: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["predict", *inputs, "-o", "local", "--format", "parquet", *strict]) == 1
    said = capsys.readouterr().err.splitlines()
    assert ray(*inputs, "-o", "ray", *strict) == 1
    # The local engine reads ahead, so that its notes on ids come early.
    assert sorted(capsys.readouterr().err.splitlines()[:-1]) == sorted(said[:-1])
    assert any("the id 'row-0' is taken already" in line for line in said)
    assert any("1 file passed over: 1 .css" in line for line in said)
    rows = ray_rows(tmp_path / "ray")
    assert rows == local_rows(tmp_path / "local")
    assert len({row["policy"] for row in rows}) > 25
    assert len(list((tmp_path / "ray" / "predictions").iterdir())) > 9
    assert parquet.read_schema(next((tmp_path / "ray" / "predictions").iterdir())) == parquet.read_schema(
        tmp_path / "local" / "predictions.parquet"
    )
    assert counts(tmp_path / "ray") == counts(tmp_path / "local")


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


def test_the_same_inputs_give_the_same_bytes(inputs: list[str], tmp_path: Path) -> None:
    for name in ("one", "two"):
        ray(*inputs, "-o", name)
    for path in (tmp_path / "one").glob("*/*"):
        assert path.read_bytes() == (tmp_path / "two" / path.relative_to(tmp_path / "one")).read_bytes()


def test_an_earlier_output_is_replaced_as_a_whole(inputs: list[str], tmp_path: Path) -> None:
    ray(*inputs, "-o", "out")
    (tmp_path / "out" / "notes.txt").write_text("mine")
    assert ray("b.md", "-o", "out", "--run-json", "runs/one.json") == 0
    found = sorted(path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*"))
    part = "part-000000.parquet"
    assert found == ["documents", f"documents/{part}", "notes.txt", "predictions", f"predictions/{part}", RUN_JSON]
    assert (tmp_path / "runs" / "one.json").read_bytes() == (tmp_path / "out" / RUN_JSON).read_bytes()


class Dying(LocalCluster):
    """A cluster that fails after some parts."""

    def __init__(self, error: BaseException, after: int = 4) -> None:
        super().__init__()
        self.error, self.after = error, after

    def spoil(self, parts: list[Part]) -> Any:
        yield from parts[: self.after]
        raise self.error


@pytest.mark.parametrize("remote", [False, True])
def test_a_resumed_run_tags_only_the_missing_parts(
    inputs: list[str], remote: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = f"file://{tmp_path}/" if remote else ""
    ray(*inputs, "-o", "whole")
    ray("b.md", "-o", f"{store}out")
    before = files(tmp_path / "out")
    capsys.readouterr()
    with pytest.raises(OutputError, match=r"out: a worker stopped \(full\); the same command with --resume continues"):
        ray(*inputs, "-o", f"{store}out", cluster=Dying(OutputError("a worker stopped (full)")))
    assert visible(tmp_path / "out") == before
    rest = Dying(KeyboardInterrupt(), after=3)
    assert ray(*inputs, "-o", f"{store}out", "--resume", cluster=rest) == 130
    assert visible(tmp_path / "out") == before
    assert "interrupted; the same command with --resume continues" in capsys.readouterr().err
    # What a worker left that was killed while it wrote.
    (tmp_path / "out" / ".clausetag" / "parts" / "documents" / "part-000000.parquet.half").write_text("ro")
    last = LocalCluster()
    assert ray(*inputs, "-o", f"{store}out", "--resume", cluster=last) == 1
    total = len(list((tmp_path / "whole" / "predictions").iterdir()))
    assert (rest.parts, last.parts) == (total - 4, total - 7)
    said = capsys.readouterr().err
    assert "continuing after 7 parts" in said and said.count("gone.txt: no such file") == 1
    names = ["whole", "out"]
    one, two = ({k: v for k, v in files(tmp_path / name).items() if k != RUN_JSON} for name in names)
    assert one == two
    assert counts(tmp_path / "whole") == counts(tmp_path / "out")
    run = json.loads((tmp_path / "out" / RUN_JSON).read_text())
    assert run["started"] <= run["finished"] and run["seconds"] >= 0


def test_a_resumed_run_tags_what_has_changed(inputs: list[str], tmp_path: Path) -> None:
    with pytest.raises(OutputError):
        ray("pages", "one.jsonl", "-o", "out", cluster=Dying(OutputError("full"), after=6))
    (tmp_path / "pages" / "001.md").write_text("We have changed.")
    cluster = LocalCluster()
    ray("pages", "one.jsonl", "-o", "out", "--resume", cluster=cluster)
    ray("pages", "one.jsonl", "-o", "new")
    total = len(list((tmp_path / "new" / "predictions").iterdir()))
    assert cluster.parts in (total - 6, total - 5)
    assert ray_rows(tmp_path / "out") == ray_rows(tmp_path / "new")
    with pytest.raises(OutputError):
        ray("pages", "one.jsonl", "-o", "out", cluster=Dying(OutputError("full"), after=6))
    cluster = LocalCluster()
    ray("pages", "one.jsonl", "-o", "out", "--resume", "--strict", cluster=cluster)
    assert cluster.parts == total
    assert len({row["policy"] for row in ray_rows(tmp_path / "out") if row["error"]}) > 1


def test_fewer_inputs_leave_nothing_of_the_unfinished_run(inputs: list[str], tmp_path: Path) -> None:
    with pytest.raises(OutputError):
        ray(*inputs, "-o", "out", cluster=Dying(OutputError("full"), after=99))
    assert ray("b.md", "-o", "out", "--resume") == 0
    assert [row["policy"] for row in ray_rows(tmp_path / "out")] == ["b"]


def test_a_run_after_a_failed_one_starts_anew(
    inputs: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(OutputError):
        ray(*inputs, "-o", "out", cluster=Dying(OutputError("full")))
    cluster = LocalCluster()
    ray(*inputs, "-o", "out", cluster=cluster)
    assert "out: starting anew; there was an unfinished run" in capsys.readouterr().err
    assert cluster.parts == len(list((tmp_path / "out" / "predictions").iterdir()))


def test_an_interrupted_commit_can_be_resumed(inputs: list[str], tmp_path: Path) -> None:
    ray("pages", "-o", "out")
    ray(*inputs, "-o", "whole")
    with pytest.raises(OutputError):
        ray(*inputs, "-o", "out", cluster=Dying(OutputError("full"), after=99))
    # Some parts have been moved, and run.json is gone.
    (tmp_path / "out" / RUN_JSON).unlink()
    for number in (0, 2):
        name = f"part-{number:06}.parquet"
        os.replace(tmp_path / f"out/.clausetag/parts/predictions/{name}", tmp_path / f"out/predictions/{name}")
    ray(*inputs, "-o", "out", "--resume")
    assert ray_rows(tmp_path / "out") == ray_rows(tmp_path / "whole")
    assert not (tmp_path / "out" / ".clausetag").exists()


@pytest.mark.parametrize("number", [0, 5, -2])
def test_a_lost_part_is_noticed(inputs: list[str], number: int, tmp_path: Path) -> None:
    class Losing(LocalCluster):
        def spoil(self, parts: list[Part]) -> list[Part]:
            parts = sorted(parts[:-1], key=lambda part: part.number)
            return [part for part in parts if part != parts[number]]

    with pytest.raises(OutputError, match="out: Ray lost a part of the inputs; the same command with --resume"):
        ray(*inputs, "-o", "out", cluster=Losing())
    assert visible(tmp_path / "out") == {}


def test_documents_that_fail_at_tagging_and_writing_are_rows(inputs: list[str], tmp_path: Path) -> None:
    (tmp_path / "pages" / "001.md").write_text("We explode.")

    class Fussy(FakeTagger):
        def tag_document(self, document: Document, *, head: str) -> Any:
            tagged = super().tag_document(document, head=head)
            return [] if document.policy != "003" else [sentence.__class__("\ud800", 0, "a") for sentence in tagged]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Tagger, "load", lambda *_, **__: Fussy())
        assert ray("pages", "-o", "out") == 1
    failed = {row["policy"]: row["error"]["message"] for row in ray_rows(tmp_path / "out") if row["error"]}
    assert failed["001"] == "001: could not be tagged (ValueError: this text is too much)"
    assert failed["003"].startswith("003: could not be written (UnicodeEncodeError: ")
    assert {row["policy"] for row in ray_rows(tmp_path / "out", "documents")} >= {"000", "002", "004", "005"}
    assert counts(tmp_path / "out")["failures"] == {"empty": 1, "failed": 2, "unsupported": 1}


_DYING = """
import os, pickle, sys
sys.path.insert(0, sys.argv[1])
from tests.predict import ray_fixture
from clausetag.model import tagger
tagger.Tagger.load = lambda *_, **__: ray_fixture.FakeTagger()
job, part = pickle.loads(bytes.fromhex(sys.argv[2]))
marks = open("marks", "a+")
def begin(name):
    marks.write(name + "\\n"); marks.flush(); marks.seek(0)
    return marks.read().splitlines().count(name)
def finish(name):
    marks.seek(0); lines = [line for line in marks.read().splitlines() if line != name]
    marks.truncate(0); marks.writelines(line + "\\n" for line in lines); marks.flush()
for _ in range(8):
    worker = os.fork()
    if not worker:
        files = job.tag(part, begin, finish)
        job.folder.write_part(files)
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(worker, 0)[1]), flush=True)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="its workers are forks")
def test_documents_that_kill_their_workers_fail_alone(inputs: list[str], tmp_path: Path) -> None:
    for name in ("001", "003"):
        (tmp_path / "pages" / f"{name}.md").write_text("This kills.")
    folder = PartFolder.open("out")
    folder.prepare()
    job = Job(find(["pages"], Search()), 5, BatchTagger(), folder, {}, "now", 0.0)
    part = next(iter(job.read()))
    command = [sys.executable, "-c", _DYING, str(Path(__file__).parents[2]), pickle.dumps((job, part)).hex()]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    # Twice without suspicion, then twice for each of the two.
    assert result.stdout.splitlines() == ["9"] * 6 + ["0"] * 2, result.stderr
    folder.commit({part.name}, "{}\n")
    rows = ray_rows(tmp_path / "out", "documents")
    assert [row["policy"] for row in rows] == ["000", "001", "002", "pages/002", "003"]
    assert [row["error"] is None for row in rows] == [True, False, True, True, False]
    assert rows[1]["error"]["message"].startswith("pages/001.md: could not be tagged (2 workers died of it")


def test_a_worker_with_another_model_ends_the_run(inputs: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    tagger = BatchTagger()
    other = FakeTagger()
    other.hash = "other"
    monkeypatch.setattr(Tagger, "load", lambda *_, **__: other)
    with pytest.raises(ArtifactError, match="another model than the one that started the run"):
        pickle.loads(pickle.dumps(tagger))({"id": ["a"], "text": ["We share."]})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "--engine ray needs -o OUT, a folder for the result"),
        (["-o", "out", "--table"], "--table does not work with --engine ray"),
        (["-o", "out", "--format", "parquet,html"], "--format parquet,html: --engine ray writes Parquet"),
        (["-o", "out.parquet"], "-o out.parquet: --engine ray writes a folder"),
        (["-o", "out.json"], "out.json: .json is not an output format"),
        (["-o", "out2", "--threads", "4"], "--threads 4: a worker needs as many cores, and the machines have"),
        (["-", "-o", "out"], "--engine ray does not read standard input"),
        (["a.zip", "-o", "out"], "a.zip: --engine ray does not read archives"),
        (["zips", "-o", "out"], "zips/a.zip: --engine ray does not read archives"),
        (["what://x/y", "-o", "out"], "what://x/y: cannot be reached"),
        (["-o", "what://x/y"], "what://x/y: cannot be reached"),
        (["-o", "taken"], "taken/documents: has files that no run wrote"),
        (["-o", "b.md"], "b.md: cannot be written"),
    ],
)
def test_what_it_cannot_do_is_refused_in_one_line(
    arguments: list[str], message: str, inputs: list[str], tmp_path: Path
) -> None:
    for folder in ("zips", "taken/documents"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "zips" / "a.zip").write_bytes(b"PK")
    (tmp_path / "taken" / "documents" / "letter.txt").write_text("mine")
    (tmp_path / "out2").mkdir()
    before = sorted(path for path in tmp_path.rglob("*"))
    with pytest.raises(ClausetagError) as caught:
        ray("pages", *arguments)
    assert message in str(caught.value) and "\n" not in str(caught.value)
    assert sorted(path for path in tmp_path.rglob("*")) == before


@pytest.mark.skipif(sys.platform == "win32", reason="no locks on Windows")
def test_a_second_run_is_refused(inputs: list[str], tmp_path: Path) -> None:
    with RunFolder(tmp_path / "out", is_file=False), pytest.raises(ClausetagError, match="another run"):
        ray(*inputs, "-o", "out")


def test_without_ray_one_line_says_what_to_install(
    inputs: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    assert main(["predict", "pages", "-o", "out", "--engine", "ray"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("clausetag: --engine ray needs ray; run ") and error.count("\n") == 1
    assert "[ray]" in error


def test_an_object_store_gives_and_takes_the_same_rows(inputs: list[str], tmp_path: Path) -> None:
    store = f"file://{tmp_path}"
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


def test_a_store_that_arrow_does_not_know_is_reached_by_fsspec(inputs: list[str], tmp_path: Path) -> None:
    from fsspec.implementations.memory import MemoryFileSystem

    store = MemoryFileSystem()
    store.pipe_file("/bucket/b.md", b"We share it.")
    assert ray("memory://bucket/*.md", "-o", "memory://bucket/out") == 0
    assert sorted(store.find("/bucket/out")) == [
        "/bucket/out/documents/part-000000.parquet",
        "/bucket/out/predictions/part-000000.parquet",
        "/bucket/out/run.json",
    ]
    store.rm("/bucket", recursive=True)


def test_a_part_with_much_text_is_smaller(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text("\n".join(json.dumps({"id": str(n), "text": "We keep it." * 300_000}) for n in range(7)))
    parts = list(read_parts(find([str(path)], Search()), 100))
    assert [len(part.items) for part in parts] == [3, 3, 1]
    assert [part.last for part in parts] == [False, False, True]
    assert sorted(part.name for part in parts) == [part.name for part in parts]
