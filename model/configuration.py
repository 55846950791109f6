"""The network's configuration, as transformers reads and writes it (`config.json`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from transformers import AutoConfig, PretrainedConfig

from clausetag.data.labels import LABELS

HEADS = ("opp115", "guide", "passage")
"""Label sources: sentence labels of OPP-115's annotators and of the annotation guide, passage labels of OPP-115."""

CUSTOM_HEADS = ("guide",)
"""The heads of a model with a user's own labels, which come from one source."""


class SentenceTaggerConfig(PretrainedConfig):
    """The encoder's own configuration as a dict, labels and heads in order, and the dropout before the heads.

    A finished model's `config.json` has further keys (`clausetag.model.artifact`); `settings` and `default_head` are
    used when a whole text is scored as one unit.
    """

    model_type = "clausetag"

    def __init__(
        self,
        encoder_config: dict[str, Any] | None = None,
        labels: Sequence[str] = LABELS,
        heads: Sequence[str] = HEADS,
        head_dropout: float = 0.1,
        **kwargs: Any,
    ) -> None:
        self.encoder_config = encoder_config or {"model_type": "bert"}
        self.labels = list(labels)
        self.heads = list(heads)
        self.head_dropout = head_dropout
        kwargs |= {
            "id2label": dict(enumerate(self.labels)),
            "label2id": {label: number for number, label in enumerate(self.labels)},
            "problem_type": "multi_label_classification",
        }
        super().__init__(**kwargs)


AutoConfig.register("clausetag", SentenceTaggerConfig, exist_ok=True)
