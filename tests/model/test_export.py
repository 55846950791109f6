"""Both ways to an ONNX file give torch's logits, and nothing but the window that is asked for decides them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper

from clausetag.model.configuration import HEADS, SentenceTaggerConfig
from clausetag.model.network import SentenceTagger, predict_logits
from clausetag.model.onnx.export import export_onnx
from clausetag.model.onnx.quantise import PAIR_LIMIT
from clausetag.model.runtime import Runtime
from clausetag.model.tokenise import EncodedPolicies, SubwordTokenizer
from clausetag.model.windows import EncodedSentence, Window, pack

LABELS = ("a", "b", "c")
BERT = {
    "model_type": "bert",
    "vocab_size": 100,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 64,
    "max_position_embeddings": 128,
}
ROBERTA = {**BERT, "model_type": "roberta", "max_position_embeddings": 130, "pad_token_id": 1}


def network(encoder: dict[str, object]) -> SentenceTagger:
    torch.manual_seed(0)
    model = SentenceTagger(SentenceTaggerConfig(dict(encoder), LABELS, HEADS)).eval()
    for layer in (model.source_classifier, model.attend):
        torch.nn.init.normal_(layer.weight, std=0.3)
    torch.nn.init.normal_(model.classifier.weight, std=0.5)
    return model


def policies(seed: int = 0) -> tuple[tuple[EncodedSentence, ...], ...]:
    rng = np.random.default_rng(seed)
    row = 0
    found = []
    for policy in range(4):
        run = []
        for _ in range(12):
            ids = rng.integers(5, 100, rng.integers(1, 25)).tolist()
            run.append(EncodedSentence(row, ids, (7, 8) if policy else (), passage=row // 3))
            row += 1
        found.append(tuple(run))
    return tuple(found)


def encoded(runs: tuple[tuple[EncodedSentence, ...], ...]) -> EncodedPolicies:
    rows = [sentence.row for run in runs for sentence in run]
    return EncodedPolicies(runs, tuple(("p", n) for n in range(max(rows) // 3 + 1)), max(rows) + 1)


class _Tokenizer(SubwordTokenizer):
    def __init__(self) -> None:
        for name, value in (("tokenizer", None), ("cls_id", 2), ("sep_id", 3), ("pad_id", 1)):
            object.__setattr__(self, name, value)


TOKENIZER = _Tokenizer()


def windows(runs: tuple[tuple[EncodedSentence, ...], ...]) -> list[Window]:
    return [window for run in runs for window in pack(run, 64, 2, 3)]


@pytest.fixture(scope="module", params=["bert", "roberta"])
def exported(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[SentenceTagger, Path]:
    model = network(BERT if request.param == "bert" else ROBERTA)
    path = tmp_path_factory.mktemp(request.param) / "model.onnx"
    export_onnx(model, windows(policies(1)), path)
    assert [found.name for found in path.parent.iterdir()] == ["model.onnx"]
    return model, path


@torch.no_grad()
def test_the_logits_are_those_of_torch(exported: tuple[SentenceTagger, Path]) -> None:
    model, path = exported
    given = encoded(policies())
    expected = predict_logits(model, given, 64, TOKENIZER, bf16=False)
    found = Runtime(path, threads=1).logits(given, 64, TOKENIZER)
    for mine, theirs in zip(found, expected, strict=True):
        assert mine.shape == theirs.shape
        assert theirs.std() > 0.5
        # 8 bits cost a little; attention left out, or a head or label misplaced, would cost ten times as much.
        assert np.abs(mine - theirs).mean() < 0.03 and np.abs(mine - theirs).max() < 0.3
    model.attend.weight.zero_()
    without, _ = predict_logits(model, given, 64, TOKENIZER, bf16=False)
    assert np.abs(without - expected[0]).mean() > 0.3


def test_a_window_gets_the_same_logits_bit_by_bit_whatever_is_beside_it(exported: tuple[SentenceTagger, Path]) -> None:
    runs = policies()
    together, _ = Runtime(exported[1], threads=1).logits(encoded(runs), 64, TOKENIZER)
    parallel, _ = Runtime(exported[1], threads=3).logits(encoded(runs[::-1]), 64, TOKENIZER)
    np.testing.assert_array_equal(parallel, together)
    alone, _ = Runtime(exported[1], threads=2).logits(encoded(runs[2:3]), 64, TOKENIZER)
    rows = [sentence.row for sentence in runs[2]]
    np.testing.assert_array_equal(alone[rows], together[rows])


def test_no_weight_of_an_8_bit_product_can_saturate_on_any_cpu(exported: tuple[SentenceTagger, Path]) -> None:
    graph = onnx.load(str(exported[1])).graph
    weights = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    products = [node for node in graph.node if node.op_type == "MatMulIntegerToFloat"]
    assert len(products) == (12 if exported[0].encoder.config.model_type == "bert" else 0)
    for node in products:
        sizes = np.abs(weights[node.input[1]].astype(int))
        assert (sizes[0::2] + sizes[1::2]).max() <= PAIR_LIMIT


def test_a_longer_window_than_the_sample_had_and_a_single_piece(exported: tuple[SentenceTagger, Path]) -> None:
    runtime = Runtime(exported[1])
    for length in (1, 120):
        run = (EncodedSentence(0, [9] * length),)
        logits, _ = runtime.logits(EncodedPolicies((run,), (), 1), 128, TOKENIZER)
        assert np.isfinite(logits).all()


def test_an_export_without_texts_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="windows"):
        export_onnx(network(BERT), [], tmp_path / "model.onnx")
    assert not list(tmp_path.iterdir())
