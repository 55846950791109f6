"""Masked language modelling: the network that predicts hidden word pieces, and its loss on a batch of windows."""

from __future__ import annotations

import random
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from clausetag.model.network import native_bf16
from clausetag.model.tokenise import SubwordTokenizer

Ids = npt.NDArray[np.int32]


class MaskedLanguageModel(nn.Module):
    """An encoder with BERT's prediction head, whose output weights are the encoder's word embeddings."""

    def __init__(self, encoder: nn.Module, hidden: int, vocabulary: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.dense = nn.Linear(hidden, hidden)
        self.norm = nn.LayerNorm(hidden)
        self.bias = nn.Parameter(torch.zeros(vocabulary))

    def forward(self, input_ids: Tensor, attention_mask: Tensor, at: Tensor) -> Tensor:
        """Logits float [N, vocabulary] at the N positions that `at`, bool [B, T], marks."""
        hidden = self.encoder(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state[at]
        vectors = self.norm(nn.functional.gelu(self.dense(hidden)))
        embeddings = self.encoder.get_input_embeddings().weight  # type: ignore[operator]
        logits: Tensor = nn.functional.linear(vectors, embeddings, self.bias)
        return logits


def masked_loss(
    model: MaskedLanguageModel,
    run: Sequence[Ids],
    pieces: SubwordTokenizer,
    mask_id: int,
    share: float,
    draw: random.Random,
) -> Tensor:
    """Cross-entropy at the hidden positions of one batch of windows.

    `share` of the word pieces are to be predicted, chosen by `draw` alone; of these 80 % are masked, 10 % replaced at
    random, 10 % left, after Devlin et al.
    """
    length = max(map(len, run))
    ids = torch.full((len(run), length), pieces.pad_id, dtype=torch.int64)
    for row, window in enumerate(run):
        ids[row, : len(window)] = torch.from_numpy(window)
    generator = torch.Generator().manual_seed(draw.getrandbits(62))
    candidates = (ids != pieces.pad_id) & (ids != pieces.cls_id) & (ids != pieces.sep_id)
    chosen = candidates & (torch.rand(ids.shape, generator=generator) < share)
    chosen[0, 1] = True  # never a batch without any
    fate = torch.rand(ids.shape, generator=generator)
    shown = ids.masked_fill(chosen & (fate < 0.8), mask_id)
    swapped = chosen & (fate >= 0.8) & (fate < 0.9)
    shown[swapped] = torch.randint(0, model.bias.numel(), (int(swapped.sum()),), generator=generator)
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=native_bf16()):
        logits = model(shown, (ids != pieces.pad_id).long(), chosen)
    return nn.functional.cross_entropy(logits.float(), ids[chosen])
