"""Tokens of sentences and texts, and logits of windows back in their rows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer, models

from clausetag.data.records import Sentence
from clausetag.model.tokenise import (
    SubwordTokenizer,
    empty_logits,
    encode_sentences,
    encode_texts,
    load_tokenizer,
    scatter_logits,
)
from clausetag.model.windows import Unit, Window


@pytest.fixture(scope="module")
def tokenizer(tiny_backbone: Path) -> SubwordTokenizer:
    return SubwordTokenizer.of(load_tokenizer(str(tiny_backbone)))


def test_a_text_without_tokens_gets_one_padding_token(tokenizer: SubwordTokenizer) -> None:
    empty, full = tokenizer.encode(["\u200b \n", "we share data"])
    assert empty == [tokenizer.pad_id] and tokenizer.pad_id not in full
    assert not {tokenizer.cls_id, tokenizer.sep_id} & set(full)


def test_many_texts_are_encoded_like_one(tokenizer: SubwordTokenizer) -> None:
    texts = [f"we share data {number}" for number in range(1025)]
    assert tokenizer.encode(texts)[-1] == tokenizer.encode(texts[-1:])[0]


def test_a_tokenizer_without_special_tokens_is_refused() -> None:
    with pytest.raises(ValueError, match=r"has no \[CLS\] token"):
        SubwordTokenizer.of(Tokenizer(models.WordLevel({"a": 0}, unk_token="a")))


def test_sentences_are_read_by_policy_in_the_order_of_their_indices(tokenizer: SubwordTokenizer) -> None:
    rows = [
        Sentence("b", 1, "data", passage=4, heading="Data"),
        Sentence("a", 0, "we", passage=4),
        Sentence("b", 0, "share", passage=4),
    ]
    found = encode_sentences(rows, tokenizer)
    assert [[item.row for item in policy] for policy in found.policies] == [[2, 0], [1]]
    assert found.passages == (("b", 4), ("a", 4)) and found.n_sentences == 3
    assert [item.passage for policy in found.policies for item in policy] == [0, 0, 1]
    assert found.policies[0][1].heading == tokenizer.encode(["Data"])[0] and not found.policies[0][0].heading
    alone = encode_sentences(rows, tokenizer, context=False)
    assert [[item.row for item in policy] for policy in alone.policies] == [[0], [1], [2]]
    assert not alone.passages and not any(item.heading for policy in alone.policies for item in policy)


def test_a_text_is_one_unit_with_separators_between_its_sentences(tokenizer: SubwordTokenizer) -> None:
    ((unit,),) = encode_texts(["We share data. We sell it."], tokenizer).policies
    one, two = tokenizer.encode(["We share data.", "We sell it."])
    assert unit.tokens == [*one, tokenizer.sep_id, *two]


def test_a_split_passage_keeps_the_largest_logit_of_its_parts() -> None:
    sentences, passages = empty_logits(2, 1, 2), empty_logits(1, 1, 2)
    for row, values in enumerate(([[1.0, -2.0]], [[0.0, 3.0]])):
        window = Window((0,), (Unit(row, 0, 1),), (Unit(0, 0, 1),))
        scatter_logits(window, np.array([values, values], dtype=np.float32), sentences, passages)
    assert sentences.tolist() == [[[1, -2]], [[0, 3]]] and passages.tolist() == [[[1, 3]]]
