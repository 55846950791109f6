"""One measurement: every kind of system tags the texts, and a process of its own says why it failed."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from clausetag.data.corpora.five import document_of
from clausetag.eval.speed.systems import MINILM_32, System, alternatives, ours
from clausetag.eval.speed.texts import write_documents
from clausetag.eval.speed.worker import MeasurementError, Processes, environment, measure_system, tag_all
from clausetag.model.artifact import shipped
from tests.eval.speed.test_run import TINY


@pytest.fixture
def texts(tmp_path: Path) -> Path:
    path = tmp_path / "texts.jsonl"
    write_documents(path, [document_of("000_sagenext"), document_of("003_empxtrack")])
    return path


def test_every_kind_of_system_tags_the_texts(tiny_backbone: Path, texts: Path) -> None:
    pytest.importorskip("sentence_transformers")
    systems = [ours(shipped("fast"))[1], *alternatives(str(tiny_backbone), TINY)]
    assert {system.kind for system in systems} == {"clausetag", "pipeline", "embedding", "tfidf"}
    assert len({system.key for system in systems}) == len(systems)
    for system in systems:
        small = replace(system, sentences=4, latencies=2)
        job = json.loads(json.dumps({"system": asdict(small), "texts": str(texts), "latency": 0}))
        found = measure_system(job)
        assert found["seconds"] > 0 and len(found["latencies"]) == 2 and found["peak_mb"] > 10, system.name


def test_systems_are_those_of_the_documentation() -> None:
    pipelines = {system.name: system for system in alternatives("", {}) if system.kind == "pipeline"}
    assert pipelines[MINILM_32].batch_size == 32 and pipelines[MINILM_32].random_config is None
    by_one = pipelines["transformers pipeline, BERT-base size, batch 1"]
    assert (by_one.batch_size, by_one.random_config) == (1, {})
    assert [system.threads for system in ours(Path("fast"))] == [1, 2]


def test_a_process_of_its_own_says_in_one_line_why_it_failed(tmp_path: Path, texts: Path) -> None:
    system = System("clausetag nosuch", "clausetag", 1, str(tmp_path / "nosuch"), "nosuch")
    processes = Processes(tmp_path)
    with pytest.raises(MeasurementError, match="no such folder"):
        processes.measure("system", {"system": asdict(system), "texts": str(texts), "latency": 0}, 1)
    with pytest.raises(MeasurementError, match="KeyError: 'nosuch'"):
        processes.measure("nosuch", {}, 1)


def test_a_command_is_timed_and_its_failure_named(tmp_path: Path) -> None:
    processes = Processes(tmp_path)
    seconds, said = processes.start([sys.executable, "-c", "print(7)"])
    assert seconds > 0 and said == "7\n"
    with pytest.raises(MeasurementError, match="exit code 3"):
        processes.start([sys.executable, "-c", "raise SystemExit(3)"])
    if os.name == "posix":
        with pytest.raises(MeasurementError, match="memory ran out"):
            processes.start([sys.executable, "-c", "import os; os.kill(os.getpid(), 9)"])


def test_libraries_of_the_process_keep_to_its_threads() -> None:
    assert environment(2)["OMP_NUM_THREADS"] == "2"
    assert (environment(1)["TOKENIZERS_PARALLELISM"], environment(2)["TOKENIZERS_PARALLELISM"]) == ("false", "true")


@pytest.mark.parametrize("workers", [1, 2])
def test_all_policies_are_tagged_whatever_the_threads(workers: int) -> None:
    tagged: list[object] = []
    tag_all(tagged.append, [["a"], ["b"], ["c"]], workers)  # type: ignore[list-item]
    assert sorted(tagged) == [["a"], ["b"], ["c"]]  # type: ignore[type-var]
