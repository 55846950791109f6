"""The project's metric for the `evaluate` library: multi-label precision, recall, F1, average precision and support.

    import evaluate
    metric = evaluate.load("<this folder>")
    metric.compute(predictions=[[1, 0, …]], references=[[1, 0, …]])
    metric.compute(predictions=…, references=…, scores=[[0.9, 0.2, …]])      # with average precision

Rows are 0/1 lists with one entry per label, in the order of `clausetag.data.labels.LABELS`. No network is needed.
`evaluate.load` reads a module's imports as text, so the two library imports have a line each.
"""

from typing import Any

import datasets
import evaluate

from clausetag.data.labels import LABELS
from clausetag.eval.metrics.classification import multilabel_metrics

_CITATION = """\
@inproceedings{wilson-etal-2016-creation,
    title = {The Creation and Analysis of a Website Privacy Policy Corpus},
    author = {Wilson, Shomir and others},
    booktitle = {Proceedings of ACL},
    year = {2016}
}"""
_DESCRIPTION = """\
Multi-label classification of data practices: precision, recall, F1 and support of each category; macro, micro,
weighted and samples F1; subset accuracy and Hamming loss."""
_INPUTS = """\
Args:
    predictions: lists of 0/1, one entry per label.
    references: lists of 0/1, one entry per label.
    labels: names of the columns; the project's twelve labels by default.
    scores: lists of probabilities, only needed for average precision.
Returns:
    A dictionary of macro_f1, micro_f1, weighted_f1, samples_f1, macro and micro precision and recall,
    subset_accuracy, hamming_loss, macro_average_precision, n, notes, and per_category: {label: {precision, recall,
    f1, support, predicted, hits, average_precision}}. A category without positives in the references has recall and
    F1 None and is left out of the macro mean.
"""


class MultiLabel(evaluate.Metric):  # type: ignore[misc]  # evaluate ships no types
    """`clausetag.eval.metrics.classification.multilabel_metrics` as an `evaluate.Metric`."""

    def _info(self) -> evaluate.MetricInfo:
        column = datasets.Sequence(datasets.Value("int32"))
        return evaluate.MetricInfo(
            description=_DESCRIPTION,
            citation=_CITATION,
            inputs_description=_INPUTS,
            features=datasets.Features({"predictions": column, "references": column}),
            reference_urls=["https://aclanthology.org/P16-1126/"],
        )

    def _compute(self, predictions: Any, references: Any, labels: Any = LABELS, scores: Any = None) -> dict[str, Any]:
        return multilabel_metrics(predictions, references, tuple(labels), scores=scores).to_dict()
