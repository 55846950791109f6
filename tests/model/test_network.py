"""Label-wise attention: it starts as the mean over tokens, moves towards what is attended, and survives export."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from clausetag.data.labels import LABELS
from clausetag.model import network
from clausetag.model.configuration import HEADS
from clausetag.model.network import SentenceTagger

IDS = torch.tensor([[2, 5, 6, 7, 8, 3], [2, 9, 10, 3, 0, 0]])
MASK = (IDS != 0).long()
UNITS = (((1, 3), (3, 5)), ((1, 3),))
"""Of both windows, where units start and end."""


def pooling() -> torch.Tensor:
    pool = torch.zeros(2, 2, IDS.shape[1])
    for window, units in enumerate(UNITS):
        for place, (start, end) in enumerate(units):
            pool[window, place, start:end] = 1 / (end - start)
    return pool


@pytest.fixture
def model(tiny_backbone: Path) -> SentenceTagger:
    """A tagger whose heads differ, with attention at zero."""
    torch.manual_seed(3)
    tagger = network.from_backbone(str(tiny_backbone), LABELS, HEADS, 0.0).eval()
    with torch.no_grad():
        tagger.source_classifier.weight.normal_(std=0.3)
        tagger.source_classifier.bias.normal_(std=0.3)
        tagger.classifier.weight.normal_(std=0.3)
    return tagger


def token_logits(model: SentenceTagger) -> tuple[torch.Tensor, torch.Tensor]:
    """The encoder's vectors [B, T, hidden], and the linear head of each [B, T, heads, labels]."""
    hidden = model.encoder(input_ids=IDS, attention_mask=MASK).last_hidden_state
    own = model.source_classifier(hidden).reshape(*IDS.shape, len(HEADS), len(LABELS))
    return hidden, own + model.classifier(hidden)[:, :, None]


@torch.no_grad()
def test_with_attention_at_zero_it_is_the_linear_head_of_the_mean_vector(model: SentenceTagger) -> None:
    assert not model.attend.weight.any()
    logits = model(IDS, MASK, pooling()).logits
    hidden, _ = token_logits(model)
    for window, units in enumerate(UNITS):
        for place, (start, end) in enumerate(units):
            mean = hidden[window, start:end].mean(0)
            for head in range(len(HEADS)):
                rows = slice(head * len(LABELS), (head + 1) * len(LABELS))
                expected = (model.classifier.weight + model.source_classifier.weight[rows]) @ mean
                expected = expected + model.classifier.bias + model.source_classifier.bias[rows]
                torch.testing.assert_close(logits[window, place, head], expected, atol=1e-5, rtol=1e-4)
    assert not logits[1, 1].any()  # a row that pads the window


@torch.no_grad()
def test_attention_weighs_tokens_and_touches_its_own_head_and_label_alone(model: SentenceTagger) -> None:
    before = model(IDS, MASK, pooling()).logits
    hidden, said = token_logits(model)
    head, label = 1, 4
    towards = hidden[0, 2] - hidden[0, 1]
    far = float((hidden[0, 2] - hidden[0, 1]) @ towards)
    distances = []
    for strength in (0.5, 2.0, 6.0):  # log-odds of the unit's second token against its first
        model.attend.weight[head * len(LABELS) + label] = towards * strength / far
        logits = model(IDS, MASK, pooling()).logits
        scores = (hidden[0, 1:3] @ model.attend.weight[head * len(LABELS) + label]).clamp(-8, 8)
        expected = torch.softmax(scores, 0) @ said[0, 1:3, head, label]
        assert logits[0, 0, head, label].item() == pytest.approx(expected.item(), abs=1e-4)
        distances.append(abs(float(logits[0, 0, head, label] - said[0, 2, head, label])))
        others = torch.ones_like(logits, dtype=torch.bool)
        others[:, :, head, label] = False
        torch.testing.assert_close(logits[others], before[others])
    start = abs(float(before[0, 0, head, label] - said[0, 2, head, label]))
    assert start > distances[0] > distances[1] > distances[2] and distances[2] < 0.01 * start


@torch.no_grad()
def test_attention_that_grows_without_bound_stays_finite(model: SentenceTagger) -> None:
    hidden, _ = token_logits(model)
    # The encoder's output has mean 0, so equal weights would cancel out: these point at the first token instead.
    for scale in (1e3, -1e3):
        model.attend.weight.copy_((scale * hidden[0, 1]).expand_as(model.attend.weight))
        logits = model(IDS, MASK, pooling()).logits
        assert torch.isfinite(logits).all()
        _, said = token_logits(model)
        low, high = said[0, 1:3].min(0).values, said[0, 1:3].max(0).values
        assert ((logits[0, 0] >= low - 1e-3) & (logits[0, 0] <= high + 1e-3)).all()


def test_attention_is_learnt_from_the_first_step(model: SentenceTagger) -> None:
    model(IDS, MASK, pooling()).logits[:, 0].sum().backward()
    assert model.attend.weight.grad is not None and model.attend.weight.grad.abs().sum() > 0


@pytest.mark.parametrize(
    ("capabilities", "expected"),
    [
        ({"cpu_name": "Intel Xeon", "avx512_bf16": True, "amx_bf16": True}, True),
        ({"cpu_name": "Intel Xeon", "avx512_bf16": True, "amx_bf16": False}, False),
        ({"cpu_name": "AMD EPYC 9R14", "avx512_bf16": True}, True),
        ({"cpu_name": "AMD EPYC 7B13"}, False),
        ({}, False),
    ],
)
def test_bfloat16_is_used_where_it_is_faster(
    capabilities: dict[str, object], expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities, raising=False)
    assert network.native_bf16() is expected
