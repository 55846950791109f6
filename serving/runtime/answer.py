"""The JSON objects that describe tagged documents and the model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from clausetag.data.corpora.five import text_sha256
from clausetag.model.decision import calibrate, decide
from clausetag.model.provenance import package_version
from clausetag.model.tagger import Tagger
from clausetag.model.tokenise import FloatArray
from clausetag.serving.runtime.prepare import AnswerOptions, PreparedDocument

LICENCE = "Code: MIT. Weights: as their card says; the shipped ones are for non-commercial research (OPP-115's terms)."
_VERSION = package_version()


def answer(
    tagger: Tagger,
    prepared: PreparedDocument,
    logits: Sequence[FloatArray],
    options: AnswerOptions,
) -> dict[str, Any]:
    """The answer for one document.

    Args:
        logits: float [sentences, heads, labels] of each of its windows, in order.
    """
    labels, head = tagger.labels, tagger.head(options.head)
    output = tagger.artifact.heads.index(head.output)
    raw = np.zeros((len(prepared.sentences), len(labels)))
    for window, values in zip(prepared.windows, logits, strict=True):
        raw[[unit.row for unit in window.sentences]] = values[:, output]
    scores = calibrate(raw, head.slope, head.intercept)
    thresholds = head.thresholds.copy()
    for label, threshold in options.thresholds.items():
        thresholds[labels.index(label)] = threshold
    decided = decide(scores, thresholds, head.min_labels)

    rows: list[dict[str, Any]] = []
    summary = dict.fromkeys(options.categories or labels, 0)
    for sentence, values, chosen in zip(prepared.sentences, scores.tolist(), decided.tolist(), strict=True):
        predicted = [label for label, has in zip(labels, chosen, strict=True) if has and label in summary]
        for label in predicted:
            summary[label] += 1
        named = {label: round(value, 4) for label, value in zip(labels, values, strict=True) if label in summary}
        rows.append(sentence.with_prediction(predicted, named if options.scores else None, prepared.flags).row())
    name = str(tagger.config.get("name", ""))
    return {
        "model": {"name": name, "hash": tagger.hash, "head": options.head, "version": _VERSION},
        "text": prepared.text,
        "sha256": text_sha256(prepared.text),
        "flags": list(prepared.flags),
        "sentences": rows,
        "summary": summary,
    }


def model_info(tagger: Tagger) -> dict[str, Any]:
    """The "model" of `/info`."""
    config = tagger.config
    heads = {
        name: {
            "thresholds": dict(zip(tagger.labels, head.thresholds.tolist(), strict=True)),
            "min_labels": head.min_labels,
        }
        for name, head in tagger.artifact.settings.items()
    }
    figures = [
        {key: value for key, value in figure.items() if key != "per_category"} for figure in config.get("figures", ())
    ]
    return {
        "name": str(config.get("name", "")),
        "hash": tagger.hash,
        "backbone": str(config.get("backbone", "")),
        "default_head": tagger.artifact.default_head,
        "heads": heads,
        "licence": LICENCE,
        "figures": figures,
    }
