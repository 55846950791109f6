"""Run the exported network by ONNX Runtime: each window alone, on as many cores as there are.

A window of its own needs no padding, its result cannot depend on what is tagged beside it, and one core a window uses
two cores better than two cores a window. Runs hold no lock of Python's while they compute.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from clausetag.model.tokenise import (
    EncodedPolicies,
    FloatArray,
    SubwordTokenizer,
    empty_logits,
    inference_windows,
    scatter_logits,
)
from clausetag.model.windows import Window


def available_cores() -> int:
    """Cores that this process may use: its affinity, cut by a cgroup's quota where one is set."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        with open("/sys/fs/cgroup/cpu.max", encoding="ascii") as stream:
            quota, period = stream.read().split()
        if quota != "max":
            cores = min(cores, max(1, round(int(quota) / int(period))))
    except (OSError, ValueError):
        pass
    return cores


class Runtime:
    """A loaded model.onnx. Not tied to a thread; calls do not share state."""

    def __init__(self, path: Path, threads: int | None = None) -> None:
        """Load the network; `threads` windows are computed at a time (default: one a core).

        Raises:
            Exception: whatever ONNX Runtime raises for a file that it cannot read.
            ValueError: the network has other inputs than this version feeds.
        """
        import onnxruntime as ort

        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        # Weights that are 8 bits beside float activations are unfolded to float once, at load.
        options.add_session_config_entry("session.disable_quant_qdq", "1")
        options.log_severity_level = 3
        self._session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
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

    def logits(
        self, encoded: EncodedPolicies, max_tokens: int, tokenizer: SubwordTokenizer
    ) -> tuple[FloatArray, FloatArray]:
        """Logits float [sentences, heads, labels] and [passages, heads, labels]; windows have `max_tokens` at most."""
        sentences = empty_logits(encoded.n_sentences, *self.shape)
        passages = empty_logits(len(encoded.passages), *self.shape)
        windows = inference_windows(encoded, max_tokens, tokenizer)
        for window, rows in zip(windows, self.run(windows), strict=True):
            scatter_logits(window, rows, sentences, passages)
        return sentences, passages

    def run(self, windows: Sequence[Window]) -> Iterator[FloatArray]:
        """Logits float32 [units, heads, labels] of each window, in order; units are its sentences, then passages."""
        if self._executor is None or len(windows) < 2:
            return map(self._one, windows)
        return self._executor.map(self._one, windows)

    def _one(self, window: Window) -> FloatArray:
        units = window.sentences + window.passages
        pooling = np.zeros((len(units), len(window.ids)), dtype=np.float32)
        for row, unit in enumerate(units):
            pooling[row, unit.start : unit.end] = 1.0 / (unit.end - unit.start)
        inputs = {"input_ids": np.array(window.ids, dtype=np.int64), "pool": pooling}
        logits: FloatArray = self._session.run(None, inputs)[0]
        return logits
