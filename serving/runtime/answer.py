"""The JSON objects that describe tagged documents and the model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from clausetag.data.corpora.five import text_sha256
from clausetag.model.provenance import package_version
from clausetag.model.tagger import Tagger
from clausetag.model.tokenise import FloatArray, empty_logits, scatter_logits
from clausetag.serving.runtime.prepare import AnswerOptions, PreparedDocument

LICENCE = "Code: MIT. Weights: as their card says; the shipped ones are for non-commercial research (OPP-115's terms)."
_VERSION = package_version()


def answer(
    tagger: Tagger,
    prepared: PreparedDocument,
    outputs: Sequence[FloatArray],
    options: AnswerOptions,
) -> dict[str, Any]:
    """The answer for one document.

    Args:
        outputs: what `Tagger.run` returned for each of its windows, in order.
    """
    rows, no_passages = (empty_logits(count, tagger.width) for count in (len(prepared.sentences), 0))
    for window, values in zip(prepared.windows, outputs, strict=True):
        scatter_logits(window, values, rows, no_passages)
    tagged = tagger.label(
        prepared.sentences,
        rows,
        head=options.head,
        thresholds=options.thresholds,
        only=options.categories,
        scores=options.scores,
        attributes=options.attributes,
    )
    summary = dict.fromkeys(options.categories or tagger.labels, 0)
    for sentence in tagged:
        for label in sentence.labels or ():
            summary[label] += 1
    name = str(tagger.config.get("name", ""))
    return {
        "model": {"name": name, "hash": tagger.hash, "head": options.head, "version": _VERSION},
        "text": prepared.text,
        "sha256": text_sha256(prepared.text),
        "flags": list(prepared.flags),
        "sentences": [replace(sentence, flags=prepared.flags).row() for sentence in tagged],
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
