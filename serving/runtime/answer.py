"""The JSON objects that describe tagged documents and the model."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from clausetag.data.corpora.five import text_sha256
from clausetag.data.records import Sentence
from clausetag.model.tagger import Tagger
from clausetag.model.tokenise import FloatArray, empty_logits, scatter_logits
from clausetag.predict.facts.build import fact_sheet
from clausetag.predict.facts.dpv import document as jsonld
from clausetag.predict.facts.dpv import policy_node
from clausetag.predict.facts.sheet import FactSheet
from clausetag.predict.pages.facts import drawn_row
from clausetag.serving.runtime.prepare import AnswerOptions, PreparedDocument
from clausetag.version import __version__

LICENCE = "Code: MIT. Weights: as their card says; the shipped ones are for non-commercial research (OPP-115's terms)."
_FORMS: Mapping[str, Callable[[FactSheet, Sequence[Sentence]], dict[str, Any]]] = {
    "json": lambda sheet, _: sheet.row(),
    "jsonld": lambda sheet, _: jsonld([policy_node(sheet)]),
    "page": lambda sheet, sentences: drawn_row(sheet, sentences, _headings(sentences)),
}


class DocumentAnswer:
    """The answer for one document, as a whole or window by window; `summary` counts the rows that were made so far."""

    def __init__(self, tagger: Tagger, prepared: PreparedDocument, options: AnswerOptions) -> None:
        self._tagger = tagger
        self._prepared = prepared
        self._options = options
        self._rows, self._no_passages = (empty_logits(n, tagger.width) for n in (len(prepared.sentences), 0))
        self._windows = self._made = 0
        self._tagged: list[Sentence] = []
        """Kept for the fact sheet alone."""
        self.summary = dict.fromkeys(options.categories or tagger.labels, 0)

    def document(self) -> dict[str, Any]:
        """What is known before a sentence is tagged: the model, the text, its hash and the flags."""
        tagger, prepared = self._tagger, self._prepared
        name = str(tagger.config.get("name", ""))
        return {
            "model": {"name": name, "hash": tagger.hash, "head": self._options.head, "version": __version__},
            "text": prepared.text,
            "sha256": text_sha256(prepared.text),
            "flags": list(prepared.flags),
        }

    def take(self, outputs: Sequence[FloatArray]) -> list[dict[str, Any]]:
        """The rows that are complete with the next windows; a long sentence has parts in several.

        Args:
            outputs: what `Tagger.run` returned for each of these windows.
        """
        sentences, windows, options = self._prepared.sentences, self._prepared.windows, self._options
        for values in outputs:
            scatter_logits(windows[self._windows], values, self._rows, self._no_passages)
            self._windows += 1
        ended = self._windows == len(windows)
        ready = slice(self._made, len(sentences) if ended else windows[self._windows].sentences[0].row)
        self._made = ready.stop
        tagged = self._tagger.label(
            sentences[ready],
            self._rows[ready],
            head=options.head,
            thresholds=options.thresholds,
            only=options.categories,
            scores=options.scores or bool(options.facts),
            attributes=options.attributes,
        )
        for sentence in tagged:
            for label in sentence.labels or ():
                self.summary[label] += 1
        if options.facts:
            self._tagged += tagged
        if not options.scores:
            tagged = [replace(sentence, scores=None, attribute_scores=None) for sentence in tagged]
        return [replace(sentence, flags=self._prepared.flags).row() for sentence in tagged]

    def end(self) -> dict[str, Any]:
        """What is known after the last sentence: the summary and, if it is wanted, the fact sheet."""
        if not self._options.facts:
            return {"summary": self.summary}
        sheet = fact_sheet(self._prepared.policy, self._tagged)
        return {"summary": self.summary, "facts": sheet and _FORMS[self._options.facts](sheet, self._tagged)}

    def whole(self, outputs: Sequence[FloatArray]) -> dict[str, Any]:
        """All of it; `outputs` as for `take`, of all its windows."""
        return {**self.document(), "sentences": self.take(outputs), **self.end()}


def _headings(sentences: Sequence[Sentence]) -> set[int]:
    """The passages that are a heading of others."""
    named = {sentence.heading for sentence in sentences}
    return {one.passage for one in sentences if one.passage is not None and one.text in named}


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
