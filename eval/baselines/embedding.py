"""Texts as frozen vectors: a backbone without fine-tuning, mean-pooled, with a cache on disk.

embed(["We sell nothing."])  # float64[1, 384], rows of length 1
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from clausetag.data.cache import cache_dir
from clausetag.data.durable import replace_file
from clausetag.data.errors import RecipeError, first_line
from clausetag.data.labels import LABELS
from clausetag.model.artifact import sha256_of
from clausetag.model.backbone import MINILM, backbone_path
from clausetag.model.configuration import HEADS
from clausetag.model.decision import FloatArray
from clausetag.model.network import from_backbone, native_bf16
from clausetag.model.runtime import available_cores
from clausetag.model.tokenise import SubwordTokenizer, load_tokenizer
from clausetag.model.windows import Unit, Window, batches, collate

MAX_TOKENS = 256
"""Tokens read of a text, [CLS] and [SEP] included: the length that MiniLM's authors set. 512 changes nothing beyond
noise on OPP-115's validation passages."""
BATCH_TOKENS = 2048
"""Padded tokens in a batch: small enough for the activations to stay in the processor's cache."""

Vectors = npt.NDArray[np.float32]


def embed(texts: Sequence[str], backbone: str = MINILM) -> FloatArray:
    """float64[n, d]: the mean over each text's tokens ([CLS] and [SEP] included) in the last layer, scaled to length 1.

    Every text is read alone and cut at `MAX_TOKENS`. The last bits of the vectors depend on which texts are computed
    together (with bfloat16, on CPUs that have it, the third digit). So the cache, `embeddings` in the cache folder,
    stores whole sets of texts: the same set has the same vectors with and without the cache. A damaged entry is
    computed again; a folder that cannot be written is ignored.

    Raises:
        MissingExtraError: the packaged backbone is not installed.
        RecipeError: `backbone` is neither packaged nor a folder, or cannot be loaded.
    """
    folder = Path(backbone_path(backbone))
    if not folder.is_dir():
        raise RecipeError(f"backbone {backbone}: embeddings need {MINILM} or a folder that starts with ., / or ~")
    distinct = sorted(set(texts))
    bf16 = native_bf16()
    entry = cache_dir() / "embeddings" / f"{_key(folder, distinct, bf16)}.npz"
    vectors = _cached(entry, len(distinct))
    if vectors is None:
        vectors = _compute(folder, distinct, bf16)
        _store(entry, vectors)
    row = {text: number for number, text in enumerate(distinct)}
    return vectors[[row[text] for text in texts]].astype(np.float64)


def _key(folder: Path, texts: Sequence[str], bf16: bool) -> str:
    """A hash of everything that the vectors depend on."""
    files = sorted(path for path in folder.iterdir() if path.suffix in {".json", ".safetensors", ".bin"})
    parts = [
        {path.name: sha256_of(path) for path in files},
        {name: version(name) for name in ("torch", "transformers", "tokenizers")},
        [MAX_TOKENS, BATCH_TOKENS, bf16],
        list(texts),
    ]
    return hashlib.sha256(json.dumps(parts).encode("ascii")).hexdigest()[:32]


def _cached(entry: Path, rows: int) -> Vectors | None:
    """The vectors of an intact entry (npz files have a checksum, which reading verifies), else None."""
    try:
        # np.load leaves a damaged file open if it opens it by itself.
        with entry.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            vectors = stored["vectors"]
    except Exception:  # a missing file, or a damaged archive, which can raise nearly anything
        return None
    return vectors if vectors.ndim == 2 and len(vectors) == rows and vectors.dtype == np.float32 else None


def _store(entry: Path, vectors: Vectors) -> None:
    temporary = entry.with_name(f".{entry.name}.{os.getpid()}.tmp")
    with suppress(OSError):  # a full disk or a read-only home: the vectors are in memory anyway
        entry.parent.mkdir(parents=True, exist_ok=True)
        try:
            with temporary.open("wb") as stream:
                np.savez(stream, vectors=vectors)
            replace_file(temporary, entry)
        finally:
            temporary.unlink(missing_ok=True)


def _compute(folder: Path, texts: Sequence[str], bf16: bool) -> Vectors:
    """float32[n, d] of distinct, sorted texts."""
    try:
        encoder = from_backbone(str(folder), LABELS, HEADS, 0.0).encoder.eval()
    except (OSError, ValueError) as error:
        raise RecipeError(f"backbone {folder.name}: {first_line(error)}") from None
    tokenizer = SubwordTokenizer.of(load_tokenizer(str(folder)))
    encoded = [(tokenizer.cls_id, *ids[: MAX_TOKENS - 2], tokenizer.sep_id) for ids in tokenizer.encode(texts)]
    windows = [Window(ids, (Unit(row, 0, len(ids)),), ()) for row, ids in enumerate(encoded)]
    vectors = np.zeros((len(texts), int(encoder.config.hidden_size)), dtype=np.float32)

    def run(group: list[Window]) -> None:
        batch = collate(group, tokenizer.pad_id)
        # Both modes apply to one thread, so each thread enters them.
        with torch.inference_mode(), torch.autocast("cpu", dtype=torch.bfloat16, enabled=bf16):
            mask = torch.from_numpy(batch.attention_mask)
            hidden = encoder(input_ids=torch.from_numpy(batch.input_ids), attention_mask=mask).last_hidden_state.float()
            pooled = (hidden * mask.unsqueeze(-1)).sum(dim=1) / mask.sum(dim=1, keepdim=True)
            vectors[[window.sentences[0].row for window in group]] = torch.nn.functional.normalize(
                pooled, dim=1
            ).numpy()

    # One thread per core, each with batches of its own: threads that share a batch wait for each other in every layer.
    # A batch's result does not depend on the thread that computes it.
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with ThreadPoolExecutor(available_cores(), initializer=torch.set_num_threads, initargs=(1,)) as pool:
            list(pool.map(run, batches(sorted(windows, key=lambda window: -len(window.ids)), BATCH_TOKENS)))
    finally:
        torch.set_num_threads(before)
    return vectors
