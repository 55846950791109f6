"""`clausetag attributes`: adds heads for attributes to a trained model, without changing its labels.

    clausetag attributes standard --extra modern.jsonl -o runs/standard-attributes

The heads are trained on the hidden states of the exported 8-bit network, which stays as it is: a few minutes on one
core, and the model's labels and scores remain the same to the last bit. Targets are the shares of OPP-115's annotators
who gave a value, out of those who gave the sentence one of the attribute's categories, and the values of sentences
annotated by the guide.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from tokenizers import Tokenizer
from torch import Tensor, nn

from clausetag.data.attributes import ATTRIBUTES, VALUES, possible_values
from clausetag.data.corpora.attribute_labels import with_attributes
from clausetag.data.corpora.five import FIVE, read_five
from clausetag.data.errors import DataError, LeakageError
from clausetag.data.jsonl import read_jsonl, write_text
from clausetag.data.records import Sentence
from clausetag.eval.metrics.thresholds import expected_f1_thresholds, fit_calibration
from clausetag.model.artifact import Artifact, load_artifact, write_manifest, write_trained_on
from clausetag.model.attributes import SOURCES, ValueSettings, value_scores
from clausetag.model.card import write_card
from clausetag.model.configuration import MAX_ATTENTION
from clausetag.model.onnx.attributes import HeadWeights, Hidden, HiddenStates, add_heads, default_layers
from clausetag.model.tokenise import SubwordTokenizer, encode_sentences

Array = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Examples:
    """Sentences of one source with hidden states float16 [tokens, width], targets and weights float32 [n, values]."""

    source: str
    policies: tuple[str, ...]
    hidden: list[Hidden]
    targets: Array
    weights: Array
