"""Texts, figures and plot of the benchmark."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from clausetag.data.corpora.five import FIVE, read_source
from clausetag.data.errors import DataError
from clausetag.data.records import Sentence
from clausetag.data.segment import segment
from clausetag.eval.speed.figures import Amount, Round, make_row, network_macs, percentile, ratio, ratios
from clausetag.eval.speed.plot import f1_against_speed
from clausetag.eval.speed.subjects import MINILM_32, alternatives, f1_of_baselines, f1_of_model, ours
from clausetag.eval.speed.texts import (
    draw,
    evenly,
    five_policies,
    nearest,
    read_documents,
    sample_policies,
    subset,
    words,
    write_documents,
    write_table,
)


def test_the_sample_is_drawn_from_all_and_keeps_to_policies(tmp_path: Path) -> None:
    german = "Wir erheben Ihren Namen und Ihre Anschrift, wenn Sie ein Konto anlegen, und geben sie nicht weiter. " * 5
    path = tmp_path / "policies.jsonl.gz"
    with gzip.open(path, "wt", encoding="utf-8") as stream:
        stream.writelines(json.dumps({"id": policy, "text": read_source(policy)}) + "\n" for policy in FIVE)
        stream.write(json.dumps({"id": "de", "text": german}) + "\n")
    found = {document.policy for document in sample_policies(str(path), 6)}
    assert found == set(FIVE)
    assert len(sample_policies(str(path), 2)) == 2
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "a.txt").write_text(read_source("004_vtiger"), encoding="utf-8")
    assert [document.policy for document in sample_policies(str(folder), 3)] == ["a"]
    with pytest.raises(DataError, match="no English privacy policy"):
        sample_policies(str(tmp_path / "nosuch.txt"), 3)
    assert sorted(draw(range(4), 9, 1)) == [0, 1, 2, 3]
    late = [sum(item >= 50 for item in draw(range(100), 10, seed)) for seed in range(200)]
    assert 4 < sum(late) / len(late) < 6


def test_a_subset_has_the_lengths_of_all_and_their_order() -> None:
    sentences = [Sentence("p", place, "x" * (1 + place * 37 % 100)) for place in range(100)]
    assert subset(sentences, 100) == subset(sentences, 101) == sentences
    part = subset(sentences, 10)
    assert [s.index for s in part] == sorted(s.index for s in part)
    assert sorted(len(s.text) for s in part) == [6, 16, 26, 36, 46, 56, 66, 76, 86, 96]


def test_texts_pass_between_processes_unchanged(tmp_path: Path) -> None:
    documents = five_policies()
    write_documents(tmp_path / "texts.jsonl", documents)
    again = read_documents(tmp_path / "texts.jsonl")
    assert [segment(document) for document in again] == [segment(document) for document in documents]
    assert words(documents[nearest(documents)]) == max(map(words, documents))
    assert sorted(d.policy for d in evenly(documents * 6)) == sorted(d.policy for d in documents * 6)
    first = evenly(documents * 6)[:10]
    mean = sum(map(words, documents)) / 5
    assert sum(map(words, first)) / 10 == pytest.approx(mean, rel=0.1)
    total = write_table(tmp_path / "table.jsonl", documents, 7)
    rows = [json.loads(line) for line in (tmp_path / "table.jsonl").read_text(encoding="utf-8").splitlines()]
    assert len({row["id"] for row in rows}) == 7 and rows[5]["text"] == documents[0].text
    assert total == sum(len(row["text"].split()) for row in rows)


def test_figures() -> None:
    minilm = {"hidden_size": 384, "intermediate_size": 1536, "num_hidden_layers": 6}
    # 6 layers of 12 h² a position, and 2 h a pair of positions.
    assert network_macs(minilm, [1]) == 6 * (12 * 384**2 + 2 * 384)
    assert network_macs(minilm, [100, 100]) == 2 * 6 * (100 * 12 * 384**2 + 2 * 384 * 100**2)
    assert network_macs({}, [1]) is None
    assert percentile(list(range(1, 101)), 0.99) == 99 and percentile([5.0], 0.99) == 5.0
    assert ratio([2.0, 4.0, 9.0], [1.0, 1.0, 9.0]) == (2.0, (1.0, 4.0)) and ratio([1.0], []) == (None, None)
    rates = {("clausetag standard", 2): [50.0], ("clausetag fast", 2): [100.0], (MINILM_32, 2): [10.0]}
    found = [one.to_dict() for one in ratios(rates, ["standard", "fast"], 2)]
    assert [(one["name"], one["value"], one["target"], one["met"]) for one in found] == [
        (f"standard / {MINILM_32}", 5.0, 4.0, True),
        (f"fast / {MINILM_32}", 10.0, None, None),
        ("fast / standard", 2.0, 2.2, False),
    ]
    assert ratios(rates, ["fast", "standard"], 2)[-1].name == "fast / standard"


def test_the_plot_shows_every_row_trained_or_not() -> None:
    amount = Amount(100, 2500)
    row = make_row(ours(Path("standard"))[0], [Round(1.0, (0.1,), 90.0)], amount, 80.0, {}, 1e9, {1: 10.0}, 0.63)
    others = [
        make_row(subject, [Round(5.0, (0.5,), 500.0)], amount, 80.0, {}, None, {}, figure)
        for subject, figure in zip(alternatives("", {}), [None] * 5 + [0.57], strict=True)
    ]
    picture = f1_against_speed([row, *others])
    assert (row.gmac_per_s, row.int8_peak_share) == (1.0, 0.1)
    assert "standard, 1 thread" in picture.body
    assert all(other.name in picture.body for other in others)
    ElementTree.fromstring(picture.file())
    ElementTree.fromstring(f1_against_speed(others[:1]).file())


def test_f1_comes_from_the_card_and_from_the_same_data(tmp_path: Path) -> None:
    figure = {"data": "opp115 test", "unit": "passage", "macro_f1": 0.7}
    assert f1_of_model({"figures": [figure, {**figure, "unit": "sentence", "macro_f1": 0.6}]}) == 0.6
    assert f1_of_model({"figures": [figure]}) is None
    baselines = {"source": "train", "majority": {"macro_f1": 0.1}, "tfidf": {"macro_f1": 0.5}}
    path = tmp_path / "metrics.json"
    path.write_text(json.dumps({"data": "opp115 test", "unit": "sentence", "baselines": baselines}), encoding="utf-8")
    assert f1_of_baselines(path) == {"tfidf": 0.5}
