"""Run the exported network with ONNX Runtime: every window on its own, one per core.

A single window needs no padding, its result cannot depend on the other windows, and two windows on two cores are
faster than one window on two cores. ONNX Runtime releases Python's global lock while it computes.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from clausetag.model.tokenise import (
    EncodedPolicies,
    FloatArray,
    SubwordTokenizer,
    empty_logits,
    inference_windows,
    scatter_logits,
)
from clausetag.model.windows import Window, collate

ATTRIBUTES_OUTPUT = "attributes"
"""Name of the network's second output, if it has attribute heads."""


def available_cores() -> int:
    """Cores that this process may use: its CPU affinity, limited by a cgroup's quota if there is one."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text(encoding="ascii").split()
        if quota != "max":
            cores = min(cores, max(1, round(int(quota) / int(period))))
    except (OSError, ValueError):
        pass
    return cores


def session_options() -> Any:
    """Options of an ONNX Runtime session that computes on one core."""
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    # 8-bit weights that multiply float activations are converted to float once, when the model is loaded.
    options.add_session_config_entry("session.disable_quant_qdq", "1")
    options.log_severity_level = 3
    return options


class Runtime:
    """A loaded model.onnx. It may be used from several threads at once."""

    def __init__(self, path: Path, threads: int | None = None) -> None:
        """Load the network; `threads` windows are computed at the same time (default: one per core).

        Raises:
            Exception: whatever ONNX Runtime raises for a file that it cannot read.
            ValueError: the network has other inputs than this version feeds.
        """
        import onnxruntime as ort

        self._session = ort.InferenceSession(str(path), session_options(), providers=["CPUExecutionProvider"])
        found = {value.name: len(value.shape) for value in self._session.get_inputs()}
        if found != {"input_ids": 1, "pool": 2}:
            raise ValueError("it was exported by another version of clausetag")
        self.threads = threads or available_cores()
        self._executor = ThreadPoolExecutor(self.threads, thread_name_prefix="window") if self.threads > 1 else None

    @property
    def shape(self) -> tuple[int, int]:
        """(heads, labels) of the logits."""
        heads, labels = self._session.get_outputs()[0].shape[-2:]
        return heads, labels

    @property
    def value_shape(self) -> tuple[int, int]:
        """(sources, values) of the attribute logits; (0, 0) if the network has no attribute heads."""
        for output in self._session.get_outputs():
            if output.name == ATTRIBUTES_OUTPUT:
                sources, values = output.shape[-2:]
                return sources, values
        return 0, 0

    @property
    def width(self) -> int:
        """Number of outputs for each unit."""
        return math.prod(self.shape) + math.prod(self.value_shape)

    def split(self, outputs: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Outputs float [n, width] as logits float [n, heads, labels] and attribute logits [n, sources, values]."""
        width = math.prod(self.shape)
        logits, values = outputs[:, :width], outputs[:, width:]
        return logits.reshape(-1, *self.shape), values.reshape(len(outputs), *self.value_shape)

    def outputs(
        self, encoded: EncodedPolicies, max_tokens: int, tokenizer: SubwordTokenizer
    ) -> tuple[FloatArray, FloatArray]:
        """Outputs float [sentences, width] and [passages, width], read in windows of `max_tokens`."""
        sentences = empty_logits(encoded.n_sentences, self.width)
        passages = empty_logits(len(encoded.passages), self.width)
        windows = inference_windows(encoded, max_tokens, tokenizer)
        for window, rows in zip(windows, self.run(windows), strict=True):
            scatter_logits(window, rows, sentences, passages)
        return sentences, passages

    def logits(
        self, encoded: EncodedPolicies, max_tokens: int, tokenizer: SubwordTokenizer
    ) -> tuple[FloatArray, FloatArray]:
        """Logits float [sentences, heads, labels] and [passages, heads, labels], read in windows of `max_tokens`."""
        sentences, passages = self.outputs(encoded, max_tokens, tokenizer)
        return self.split(sentences)[0], self.split(passages)[0]

    def run(self, windows: Sequence[Window]) -> Iterator[FloatArray]:
        """Outputs float32 [units, width] of each window, in order; units are its sentences, then passages."""
        if self._executor is None or len(windows) < 2:
            return map(self._run_one, windows)
        return self._executor.map(self._run_one, windows)

    def _run_one(self, window: Window) -> FloatArray:
        batch = collate([window], 0)
        found = self._session.run(None, {"input_ids": batch.input_ids[0], "pool": batch.pooling[0]})
        return np.concatenate([part.reshape(len(part), -1) for part in found], axis=1)
