"""The texts of the benchmark: a fair sample of policies, the same in every process."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from clausetag.data.corpora.five import FIVE, document_of, read_source
from clausetag.data.errors import DataError
from clausetag.data.records import Sentence
from clausetag.data.segment import segment
from clausetag.eval.speed.texts import (
    collect_texts,
    count_words,
    read_documents,
    representative,
    reservoir_sample,
    sample_policies,
    spread_lengths,
    write_pages,
    write_table,
)


def test_the_sample_holds_english_policies_only(tmp_path: Path) -> None:
    german = "Wir erheben Ihren Namen und Ihre Anschrift, wenn Sie ein Konto anlegen, und geben sie nicht weiter. " * 5
    path = tmp_path / "policies.jsonl.gz"
    with gzip.open(path, "wt", encoding="utf-8") as stream:
        stream.writelines(json.dumps({"id": policy, "text": read_source(policy)}) + "\n" for policy in FIVE[:3])
        stream.write(json.dumps({"id": "de", "text": german}) + "\n")
    assert {document.policy for document in sample_policies(str(path), 6)} == set(FIVE[:3])
    assert len(sample_policies(str(path), 2)) == 2


def test_a_folder_is_sampled_and_none_found_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(read_source("004_vtiger"), encoding="utf-8")
    assert [document.policy for document in sample_policies(str(tmp_path), 3)] == ["a"]
    with pytest.raises(DataError, match=r"no English privacy policy .*nosuch"):
        sample_policies(str(tmp_path / "nosuch.txt"), 3)


def test_reservoir_sampling_is_uniform_and_reproducible() -> None:
    assert sorted(reservoir_sample(range(4), 9, 1)) == [0, 1, 2, 3]
    assert reservoir_sample(range(100), 10, 7) == reservoir_sample(range(100), 10, 7)
    from_second_half = [sum(item >= 50 for item in reservoir_sample(range(100), 10, seed)) for seed in range(200)]
    assert 4 < sum(from_second_half) / 200 < 6


def test_a_subset_has_the_lengths_of_all_and_their_order() -> None:
    sentences = [Sentence("p", index, "x" * (1 + index * 37 % 100)) for index in range(100)]
    assert representative(sentences, 100) == representative(sentences, 101) == sentences
    part = representative(sentences, 10)
    assert [s.index for s in part] == sorted(s.index for s in part)
    assert sorted(len(s.text) for s in part) == [6, 16, 26, 36, 46, 56, 66, 76, 86, 96]


def test_texts_are_the_five_and_the_sample_and_pass_unchanged_to_another_process(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "000_sagenext.txt").write_text(read_source("003_empxtrack"), encoding="utf-8")
    texts = collect_texts(tmp_path / "texts.jsonl", str(tmp_path / "in"))
    assert [document.policy for document in texts.documents] == [*FIVE, "000_sagenext (sample)"]
    assert list(map(segment, read_documents(texts.path))) == texts.policies
    lengths = list(map(count_words, texts.documents))
    assert abs(lengths[texts.latency] - 3000) == min(abs(length - 3000) for length in lengths)
    short = collect_texts(tmp_path / "texts.jsonl", shortest=2)
    assert sorted(map(count_words, short.documents)) == sorted(lengths[:5])[:2]
    assert len(short.subset(3)) == 3 and short.subset(None) == short.sentences


def test_a_table_repeats_the_policies_and_each_ten_have_all_lengths(tmp_path: Path) -> None:
    documents = [document_of(policy) for policy in FIVE] * 6
    mean = sum(map(count_words, documents)) / 30
    ordered = spread_lengths(documents)
    assert sorted(d.policy for d in ordered) == sorted(d.policy for d in documents)
    assert sum(map(count_words, ordered[:10])) / 10 == pytest.approx(mean, rel=0.1)
    total = write_table(tmp_path / "table.jsonl", documents[:5], 7)
    rows = [json.loads(line) for line in (tmp_path / "table.jsonl").read_text(encoding="utf-8").splitlines()]
    assert len({row["id"] for row in rows}) == 7 and rows[5]["text"] == documents[0].text
    assert total == sum(len(row["text"].split()) for row in rows)


def test_pages_hold_the_texts_escaped(tmp_path: Path) -> None:
    document = document_of("003_empxtrack")
    write_pages(tmp_path / "pages", [document])
    page = (tmp_path / "pages" / "0000.html").read_text(encoding="utf-8")
    assert page.count("<h2>") == sum(block.kind == "heading" for block in document.blocks)
    assert "&amp;" in page or "&" not in document.text
