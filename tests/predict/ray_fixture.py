"""For tests of the engine on Ray: a tagger that needs no model, inputs with all that can go wrong, and their rows."""

from __future__ import annotations

import json
import os
import pickle
import random
from pathlib import Path
from secrets import token_hex
from typing import Any

import pytest

from clausetag.cli import parse
from clausetag.data.records import Document, Sentence
from clausetag.predict.parts.inputs import Part
from clausetag.predict.parts.job import Attempts, Job
from clausetag.predict.ray import check_arguments, predict
from clausetag.predict.writers.writer import RUN_JSON
from tests.predict import run_fixture

arrow = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")

# Set before Ray is loaded: a process keeps its first token. With a token of the tests' own, Ray writes none into the
# user's home.
RAY_ENVIRONMENT = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": token_hex(32)}


class FakeTagger(run_fixture.FakeTagger):
    """One that a document can kill."""

    def tag_document(self, document: Document, *, head: str) -> list[Sentence]:
        if "kills" in document.text:
            os._exit(9)
        return super().tag_document(document, head=head)


def write_inputs(folder: Path, policies: int = 11, sentences: int = 6) -> list[str]:
    """A folder, two tables and a pattern with all that can go wrong; as arguments, relative to the folder."""
    randomly = random.Random(7)
    verbs, things = ("collect", "share", "keep", "delete"), ("your name", "cookies", "“e-mail” data", "payments")

    def text(name: object) -> str:
        lines = [f"# Privacy policy {name}"]
        for _ in range(sentences):
            lines.append(f"We {randomly.choice(verbs)} {randomly.choice(things)}, see {randomly.random()}.")
        return "\n\n".join(lines)

    pages, more = folder / "pages", folder / "pages" / "more"
    more.mkdir(parents=True)
    for index in range(policies):
        (pages / f"{index:03}.md").write_text(text(index), encoding="utf-8")
    (pages / "002.html").write_text("<title>Privacy</title><h1>Privacy</h1><p>We sell your name.</p>")
    (pages / "004-empty.txt").write_text("")
    (pages / "005-picture.png").write_bytes(b"\x89PNG")
    (pages / "007-de.txt").write_text("Wir erheben Ihren Namen, wenn Sie ein Konto anlegen. " * 9)
    (pages / "007-style.css").write_text("p { color: red }")
    (pages / ".hidden.txt").write_text("We hide.")
    (more / "000.md").write_text(text("more"), encoding="utf-8")
    rows: list[object] = [{"id": f"row-{number % 7}", "text": text(number)} for number in range(9)]
    rows[2] = {"id": "003", "text": "We have the id of a page."}
    rows[4] = {"id": "\ud800", "html": "<p>We share your data.</p>"}
    rows[5] = {"id": "none"}
    lines = [json.dumps(row) for row in rows]
    (folder / "one.jsonl").write_text("\n".join([*lines[:6], "", "no json", *lines[6:]]), encoding="utf-8")
    columns = {"id": ["row-0", "b", "c", "d", "b"], "text": [text("p")] * 5}
    parquet.write_table(arrow.table(columns), folder / "two.parquet")
    (folder / "broken.parquet").write_bytes(b"PAR1")
    (folder / "none.jsonl").write_text("\n")
    (folder / "b.md").write_text("We come behind the table that has this id.")
    names = ["pages", "one.jsonl", "two.parquet", "broken.parquet", "none.jsonl", "gone.csv", "b.md", "gone.txt"]
    return [*names, "pages/001.md", "one.jsonl", "*.zzz"]


def local_rows(target: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = parquet.read_table(target / "predictions.parquet").to_pylist()
    return rows


def ray_rows(target: Path, name: str = "predictions") -> list[dict[str, Any]]:
    """In the order that the how-to promises."""
    files = sorted((target / name).iterdir())
    return [row for file in files for row in parquet.ParquetFile(file).read().to_pylist()]


def counts(target: Path) -> dict[str, Any]:
    found = json.loads((target / RUN_JSON).read_text())
    keys = ("documents", "sentences", "unlabelled", "labels", "failures", "flags", "passed_over", "model")
    return {key: found[key] for key in keys}


class LocalCluster:
    """The steps of a run in this process, without Ray; parts come in any order and twice."""

    def __init__(self, progress: bool = False) -> None:
        self.parts = 0

    def __enter__(self) -> LocalCluster:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def cores(self) -> list[int]:
        return [0, 3, 2]

    def run(self, job: Job, workers: int) -> dict[str, Any]:
        assert workers == 5 // job.tagger.threads
        job = pickle.loads(pickle.dumps(job))  # as it comes out on another machine
        attempts = Attempts()
        parts = [pickle.loads(pickle.dumps(part)) for part in job.read()]
        random.Random(3).shuffle(parts)
        self.parts = len(parts)
        for part in self.spoil(parts + parts[:1]):
            job.folder.write_part(job.tag(part, attempts.begin, attempts.finish))
        return {}

    def spoil(self, parts: list[Part]) -> list[Part]:
        """What a test changes on the way."""
        return parts


def ray(*arguments: object, cluster: LocalCluster | None = None, size: int = 3) -> int:
    """`clausetag predict … --engine ray` with a cluster in this process."""
    parsed = parse(["predict", *map(str, arguments), "--engine", "ray"])[0]
    check_arguments(parsed)
    return predict(parsed, lambda progress: cluster or LocalCluster(progress), size)
