"""`clausetag.batch_tagger`: batches of several kinds, and the how-to's examples."""

from __future__ import annotations

import json
import pickle
import re
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

import clausetag
from clausetag.cli import main
from clausetag.data.errors import DataError
from clausetag.model.tagger import Tagger
from clausetag.predict.batch import BatchTagger
from tests.predict.ray_fixture import RAY_ENVIRONMENT, arrow, local_rows, parquet
from tests.predict.run_fixture import FakeTagger

HOW_TO = (Path(__file__).parents[2] / "docs" / "HOWTO_CLUSTER.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```python\n(.*?)```", HOW_TO, re.DOTALL)

BATCH: dict[str, list[Any]] = {
    "id": ["a", "b", "c", "d", "e"],
    "text": ["We sell your name. We keep it.", None, "  ", "We explode.", "We share it."],
    "html": [None, "<h1>Privacy</h1><p>We use cookies.</p>", None, None, "<p>Both</p>"],
}


@pytest.fixture
def tagger(monkeypatch: pytest.MonkeyPatch) -> BatchTagger:
    monkeypatch.setattr(Tagger, "load", lambda *_, **__: FakeTagger())
    return pickle.loads(pickle.dumps(clausetag.batch_tagger()))  # type: ignore[no-any-return]


def test_the_rows_are_those_of_predict(tagger: BatchTagger, tmp_path: Path) -> None:
    lines = [
        json.dumps({"id": name, **{key: value for key, value in (("text", text), ("html", html)) if value is not None}})
        for name, text, html in zip(*BATCH.values(), strict=True)
    ]
    (tmp_path / "a.jsonl").write_text("\n".join(lines))
    assert main(["predict", str(tmp_path / "a.jsonl"), "-o", str(tmp_path / "out"), "--format", "parquet"]) == 1
    result = tagger(arrow.table(BATCH))
    assert result.schema == tagger.schema
    rows = [row for rows in result["predictions"].to_pylist() for row in rows]
    expected = local_rows(tmp_path / "out")
    codes = [(row["error"] or {}).get("code") for row in expected]
    assert codes.count("empty") == codes.count("failed") == codes.count("bad_row") == 1
    assert [(row["error"] or {}).get("code") for row in rows] == codes
    assert [row for row in rows if not row["error"]] == [row for row in expected if not row["error"]]
    assert result["policy"].to_pylist() == BATCH["id"]


def test_every_kind_of_batch_gives_the_same(tagger: BatchTagger) -> None:
    pandas = pytest.importorskip("pandas")
    table = arrow.table(BATCH)
    expected = tagger(table)
    assert tagger(BATCH) == expected.to_pydict()
    assert tagger({name: column.to_numpy(False) for name, column in zip(BATCH, table, strict=True)}) == tagger(BATCH)
    (batch,) = table.to_batches()
    assert isinstance(tagger(batch), arrow.RecordBatch)
    assert arrow.Table.from_batches([tagger(batch)]) == expected
    frame = pandas.DataFrame(BATCH, index=[5, 6, 7, 8, 9])
    found = tagger(frame)
    assert list(found.index) == [5, 6, 7, 8, 9]
    assert found["policy"].tolist() == BATCH["id"]
    assert [row["text"] for row in found["predictions"].explode()] == [
        row["text"] for rows in expected["predictions"].to_pylist() for row in rows
    ]


def test_columns_can_have_other_names_and_ids_can_be_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Tagger, "load", lambda *_, **__: FakeTagger())
    tagger = clausetag.batch_tagger(columns={"id": "number", "text": "content"}, strict=True)
    found = tagger({"number": [1, 2], "content": ["We share it.", "Wir erheben Ihren Namen, wenn Sie es wollen. " * 9]})
    assert found["policy"] == ["1", "2"]
    assert [error and error["code"] for error in found["error"]] == [None, "not_english"]
    for batch in ({"number": [1]}, {"content": ["We share it."]}):
        with pytest.raises(DataError, match="the batch needs the columns 'number', and 'content' or 'html'"):
            tagger(batch)


def test_an_empty_batch_is_no_error(tagger: BatchTagger) -> None:
    assert tagger({"id": [], "text": []})["predictions"] == []
    assert tagger(arrow.table(BATCH).slice(0, 0)).num_rows == 0


def test_a_pickle_holds_no_model(tagger: BatchTagger) -> None:
    before = pickle.dumps(tagger)
    tagger(BATCH)
    assert pickle.dumps(tagger) == before and len(before) < 1_000


def run_example(word: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The how-to's example with this word, on two policies."""
    monkeypatch.chdir(folder)
    rows = [{"id": "a", "text": "We sell your e-mail address to advertisers."}, {"id": "b", "text": " "}]
    (folder / "policies.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (example,) = [example for example in EXAMPLES if word in example]
    names: dict[str, Any] = {}
    exec(example, names)
    return names


@pytest.mark.parametrize("word", ["pandas", "load_dataset"])
def test_the_how_tos_examples_run(word: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if word == "pandas":
        pytest.importorskip("pandas")
    else:
        datasets = pytest.importorskip("datasets")
        monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
        datasets.disable_progress_bars()
    tagged = run_example(word, tmp_path, monkeypatch)["tagged"]
    policies = list(tagged["policy"])
    first = tagged["predictions"][0]
    assert policies == ["a", "b"]
    assert "Third Party Sharing/Collection" in first[0]["labels"]
    assert tagged["error"][1]["code"] == "empty"


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning:ray")  # Ray warns of settings of its own
@pytest.mark.skipif(find_spec("ray") is None, reason="needs Ray: pip install '.[ray]'")
def test_the_how_tos_example_with_ray_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in RAY_ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    import ray

    monkeypatch.chdir(tmp_path)  # before Ray starts its workers in it
    ray.init("local", num_cpus=2, object_store_memory=100_000_000, include_dashboard=False, log_to_driver=False)
    try:
        run_example("ray.data", tmp_path, monkeypatch)
    finally:
        ray.shutdown()
    assert sorted(parquet.read_table(tmp_path / "tagged")["policy"].to_pylist()) == ["a", "b"]
