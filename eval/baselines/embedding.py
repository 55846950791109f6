"""Texts as frozen vectors: a backbone without fine-tuning, mean-pooled, with a cache on disk.

embed(["We sell nothing."])  # float64[1, 384], rows of length 1
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from clausetag.data.corpora.opp115_files import cache_dir
from clausetag.data.errors import RecipeError, first_line
from clausetag.data.labels import LABELS
from clausetag.model.artifact import sha256_of
from clausetag.model.backbone import MINILM, backbone_path
from clausetag.model.decision import FloatArray
from clausetag.model.network import HEADS, from_backbone, native_bf16
from clausetag.model.runtime import available_cores
from clausetag.model.tokenise import SubwordTokenizer, load_tokenizer

MAX_PIECES = 256
"""Word pieces of a text that are read, with the two special ones: the length that MiniLM's authors set. 512 changes
nothing beyond noise on OPP-115's validation passages."""
_BATCH_PIECES = 2048
"""Padded word pieces of a batch: activations stay in the processor's cache."""

Vectors = npt.NDArray[np.float32]


def embed(texts: Sequence[str], backbone: str = MINILM) -> FloatArray:
    """float64[n, d]: the mean over each text's word pieces (special ones too) in the last layer, scaled to length 1.

    Every text is read alone; beyond `MAX_PIECES` it is cut. Vectors depend on the set of `texts` in their last bits
    (bfloat16 where the CPU multiplies it natively: the third digit), so what is cached, under ``embeddings`` in the
    cache folder, is the whole set: with or without the cache, a set has the same vectors. A damaged entry is computed
    anew; a folder that cannot be written is done without.

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
    """A hash of all that vectors depend on."""
    files = sorted(path for path in folder.iterdir() if path.suffix in {".json", ".safetensors", ".bin"})
    parts = [
        {path.name: sha256_of(path) for path in files},
        {name: version(name) for name in ("torch", "transformers", "tokenizers")},
        [MAX_PIECES, _BATCH_PIECES, bf16],
        list(texts),
    ]
    return hashlib.sha256(json.dumps(parts).encode("ascii")).hexdigest()[:32]


def _cached(entry: Path, rows: int) -> Vectors | None:
    """The vectors of a sound entry: npz files carry a checksum, which reading verifies."""
    try:
        with np.load(entry, allow_pickle=False) as stored:
            vectors = stored["vectors"]
    except Exception:  # a missing file, or a damaged archive, which can raise nearly anything
        return None
    return vectors if vectors.ndim == 2 and len(vectors) == rows and vectors.dtype == np.float32 else None


def _store(entry: Path, vectors: Vectors) -> None:
    temporary = entry.with_name(f".{entry.name}.{os.getpid()}.tmp")
    try:
        entry.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as stream:
            np.savez(stream, vectors=vectors)
        os.replace(temporary, entry)
    except OSError:  # a full disk or a read-only home: the vectors are at hand all the same
        return
    finally:
        _remove(temporary)


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError:
        return


def _compute(folder: Path, texts: Sequence[str], bf16: bool) -> Vectors:
    """float32[n, d] of distinct, sorted texts."""
    try:
        encoder = from_backbone(str(folder), LABELS, HEADS, 0.0).encoder.eval()
    except (OSError, ValueError) as error:
        reason = first_line(error)
        raise RecipeError(f"backbone {folder.name}: {reason}") from None
    pieces = SubwordTokenizer.of(load_tokenizer(str(folder)))
    encoded = [[pieces.cls_id, *ids[: MAX_PIECES - 2], pieces.sep_id] for ids in pieces.encode(texts)]
    vectors = np.zeros((len(texts), int(encoder.config.hidden_size)), dtype=np.float32)

    def run(rows: list[int]) -> None:
        ids = np.full((len(rows), max(len(encoded[row]) for row in rows)), pieces.pad_id, dtype=np.int64)
        mask = np.zeros_like(ids)
        for place, row in enumerate(rows):
            ids[place, : len(encoded[row])] = encoded[row]
            mask[place, : len(encoded[row])] = 1
        # Both modes belong to a thread, so they are entered in each.
        with torch.inference_mode(), torch.autocast("cpu", dtype=torch.bfloat16, enabled=bf16):
            attention = torch.from_numpy(mask)
            hidden = encoder(input_ids=torch.from_numpy(ids), attention_mask=attention).last_hidden_state.float()
            pooled = (hidden * attention.unsqueeze(-1)).sum(dim=1) / attention.sum(dim=1, keepdim=True)
            vectors[rows] = torch.nn.functional.normalize(pooled, dim=1).numpy()

    # One batch a core in threads of its own: threads within a batch would wait for each other in every layer, and for
    # whatever else the machine does. Each batch is the same whichever thread takes it.
    with (
        _single_threaded(),
        ThreadPoolExecutor(available_cores(), initializer=torch.set_num_threads, initargs=(1,)) as pool,
    ):
        list(pool.map(run, _batches([len(ids) for ids in encoded])))
    return vectors


@contextmanager
def _single_threaded() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _batches(lengths: Sequence[int]) -> list[list[int]]:
    """Rows of similar length together, the longest first, at most `_BATCH_PIECES` padded pieces or one row each."""
    batches: list[list[int]] = []
    for row in sorted(range(len(lengths)), key=lambda row: -lengths[row]):
        if batches and (len(batches[-1]) + 1) * lengths[batches[-1][0]] <= _BATCH_PIECES:
            batches[-1].append(row)
        else:
            batches.append([row])
    return batches
