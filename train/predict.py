"""Run the torch network over encoded policies, packed exactly as the exported model packs them."""

from __future__ import annotations

import torch

from clausetag.model.network import SentenceTagger
from clausetag.model.tokenise import Encoded, FloatArray, Pieces, collect, empty_logits
from clausetag.model.windows import Window, batches, collate, pack


def inference_windows(encoded: Encoded, window: int, pieces: Pieces) -> list[Window]:
    """The windows of every policy in order; what a window holds depends on its policy alone."""
    return [w for policy in encoded.policies for w in pack(policy, window, pieces.cls_id, pieces.sep_id)]


@torch.no_grad()
def predict_logits(
    model: SentenceTagger, encoded: Encoded, window: int, pieces: Pieces, *, bf16: bool, batch_tokens: int = 8192
) -> tuple[FloatArray, FloatArray]:
    """Logits float [sentences, heads, labels] and float [passages, heads, labels], dropout off."""
    was_training = model.training
    model.train(False)
    n_heads, n_labels = len(model.config.heads), len(model.config.labels)
    sentences = empty_logits(encoded.n_sentences, n_heads, n_labels)
    passages = empty_logits(len(encoded.passages), n_heads, n_labels)
    windows = sorted(inference_windows(encoded, window, pieces), key=lambda w: len(w.ids))
    for run in batches(windows, batch_tokens):
        batch = collate(run, pieces.pad_id)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=bf16):
            logits = model(
                torch.from_numpy(batch.input_ids), torch.from_numpy(batch.attention_mask), torch.from_numpy(batch.pool)
            )
        for one, rows in zip(batch.windows, logits.float().numpy(), strict=True):
            collect(one, rows, sentences, passages)
    model.train(was_training)
    return sentences, passages
