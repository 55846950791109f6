"""Tokenise sentences by policy, ready to be packed into windows, and write the windows' logits back to rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer

from clausetag.data.errors import RecipeError, first_line
from clausetag.data.records import Sentence
from clausetag.data.segment import sentence_spans
from clausetag.model.windows import EncodedSentence, Window, pack

FloatArray = npt.NDArray[np.float32]
_TEXTS_AT_ONCE = 1024
"""The tokenizer's records need far more memory than the ids, so they are freed after this many texts."""


@dataclass(frozen=True, slots=True)
class EncodedPolicies:
    """The encoded sentences of each policy, and the (policy, passage) of each passage row."""

    policies: tuple[tuple[EncodedSentence, ...], ...]
    passages: tuple[tuple[str, int], ...]
    n_sentences: int


@dataclass(frozen=True, slots=True)
class SubwordTokenizer:
    """A tokenizer and the ids of its special tokens."""

    tokenizer: Tokenizer
    cls_id: int
    sep_id: int
    pad_id: int

    @staticmethod
    def of(tokenizer: Tokenizer) -> SubwordTokenizer:
        """Look up the special tokens of a BERT- or RoBERTa-style tokenizer, and switch off its truncation and padding.

        Raises:
            ValueError: it has no such token.
        """
        tokenizer.no_truncation()
        tokenizer.no_padding()
        ids: list[int] = []
        for names in (("[CLS]", "<s>"), ("[SEP]", "</s>"), ("[PAD]", "<pad>")):
            found = next((number for number in map(tokenizer.token_to_id, names) if number is not None), None)
            if found is None:
                raise ValueError(f"the tokenizer has no {names[0]} token")
            ids.append(found)
        return SubwordTokenizer(tokenizer, *ids)

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of each text, without special tokens; a text without tokens gets one padding token."""
        ids: list[list[int]] = []
        for start in range(0, len(texts), _TEXTS_AT_ONCE):
            part = list(texts[start : start + _TEXTS_AT_ONCE])
            for encoding in self.tokenizer.encode_batch_fast(part, add_special_tokens=False):
                ids.append(encoding.ids or [self.pad_id])
        return ids


def load_tokenizer(path: str) -> Tokenizer:
    """The fast tokenizer of a backbone, as the `tokenizers` library holds it.

    Raises:
        RecipeError: the backbone has none.
    """
    local = Path(path) / "tokenizer.json"
    if local.is_file():
        return Tokenizer.from_file(str(local))
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(path)
    except (OSError, ValueError) as error:
        raise RecipeError(f"backbone {path}: {first_line(error)}") from None
    if not tokenizer.is_fast:
        raise RecipeError(f"backbone {path}: it has no fast tokenizer (tokenizer.json)")
    return tokenizer.backend_tokenizer


def encode_sentences(
    sentences: Sequence[Sentence], tokenizer: SubwordTokenizer, *, context: bool = True
) -> EncodedPolicies:
    """Encode sentences: rows are in the order of the input, each policy's sentences in the order of their indices.

    With ``context=False`` every sentence is treated as a policy of its own, without heading or passage.
    """
    ids = tokenizer.encode([sentence.text for sentence in sentences])
    headings = list(dict.fromkeys(sentence.heading for sentence in sentences if sentence.heading))
    heading_ids = dict(zip(headings, tokenizer.encode(headings), strict=True))
    passage_rows: dict[tuple[str, int], int] = {}
    policies: dict[object, list[EncodedSentence]] = {}
    for row, sentence in enumerate(sentences):
        if not context:
            policies[row] = [EncodedSentence(row, ids[row])]
            continue
        passage: int | None = None
        if sentence.passage is not None:
            key = (sentence.policy, sentence.passage)
            passage = passage_rows.setdefault(key, len(passage_rows))
        heading = heading_ids[sentence.heading] if sentence.heading else ()
        policies.setdefault(sentence.policy, []).append(EncodedSentence(row, ids[row], heading, passage))
    runs = (sorted(run, key=lambda item: sentences[item.row].index) for run in policies.values())
    return EncodedPolicies(tuple(map(tuple, runs)), tuple(passage_rows), len(sentences))


def encode_texts(texts: Sequence[str], tokenizer: SubwordTokenizer) -> EncodedPolicies:
    """Encode independent texts, each as ONE unit: its sentences joined by separators, like a passage in a window."""
    policies: list[tuple[EncodedSentence, ...]] = []
    for row, text in enumerate(texts):
        spans = sentence_spans(text) or [(0, len(text))]
        joined: list[int] = []
        for part in tokenizer.encode([text[start:end] for start, end in spans]):
            joined += [tokenizer.sep_id, *part] if joined else part
        policies.append((EncodedSentence(row, joined),))
    return EncodedPolicies(tuple(policies), (), len(texts))


def inference_windows(encoded: EncodedPolicies, max_tokens: int, tokenizer: SubwordTokenizer) -> list[Window]:
    """The windows of every policy in order; each depends on its own policy alone."""
    ids = tokenizer.cls_id, tokenizer.sep_id
    return [window for policy in encoded.policies for window in pack(policy, max_tokens, *ids)]


def scatter_logits(window: Window, rows: FloatArray, sentences: FloatArray, passages: FloatArray) -> None:
    """Write a window's unit logits, float [U, …], to the rows of `sentences` and `passages`.

    A sentence or passage that is split over several windows gets the largest logit of its parts, because a label that
    holds for a part holds for the whole.
    """
    count = len(window.sentences)
    for units, values, found in ((window.sentences, rows, sentences), (window.passages, rows[count:], passages)):
        for unit, row in zip(units, values, strict=False):
            np.maximum(found[unit.row], row, out=found[unit.row])


def empty_logits(rows: int, *shape: int) -> FloatArray:
    """An array for `scatter_logits`: minus infinity, float [rows, *shape]."""
    return np.full((rows, *shape), -np.inf, dtype=np.float32)
