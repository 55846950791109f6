"""The network: an encoder and, for each label of each head, a linear classifier with attention.

A *head* serves one label source, such as `guide` or `opp115`. A *unit* is what gets labels: a sentence or a passage.

Label-wise attention follows Mullenbach et al. (NAACL 2018). Since the classifier is linear, it is applied to the tokens
before they are pooled: a unit's logit is the mean of its tokens' logits, weighted by attention. Two matrix products
with the pooling weights compute it for all units at once. Training starts with attention logits of zero, which is mean
pooling.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AutoConfig, AutoModel, AutoModelForSequenceClassification, PreTrainedModel
from transformers.modeling_outputs import SequenceClassifierOutput
from transformers.utils import logging

from clausetag.model.artifact import model_folder
from clausetag.model.configuration import SentenceTaggerConfig
from clausetag.model.rebuild import WEIGHTS, float_weights
from clausetag.model.tokenise import (
    EncodedPolicies,
    FloatArray,
    SubwordTokenizer,
    empty_logits,
    inference_windows,
    scatter_logits,
)
from clausetag.model.windows import Batch, batches, collate

MAX_ATTENTION = 8.0
"""Largest absolute attention logit; e^8 is 3,000 times the weight of an average token and does not overflow."""


class SentenceTagger(PreTrainedModel):
    """Computes logits of sentences in context (Cohan et al., EMNLP 2019)."""

    config_class = SentenceTaggerConfig
    base_model_prefix = "encoder"
    _supports_sdpa = True

    def __init__(self, config: SentenceTaggerConfig) -> None:
        super().__init__(config)
        values = dict(config.encoder_config)
        model_type = values.pop("model_type")
        self.encoder = AutoModel.from_config(AutoConfig.for_model(model_type, **values), **_without_pooler(model_type))
        hidden = int(self.encoder.config.hidden_size)
        self.dropout = nn.Dropout(config.head_dropout)
        # Saved models name these parameters `shared` and `own`; code uses the clearer properties below.
        self.shared = nn.Linear(hidden, len(config.labels))
        self.own = nn.Linear(hidden, len(config.heads) * len(config.labels))
        self.attend = nn.Linear(hidden, len(config.heads) * len(config.labels), bias=False)
        self.post_init()  # type: ignore[no-untyped-call]

    @property
    def classifier(self) -> nn.Linear:
        """The linear layer [hidden, labels] that all label sources share."""
        return self.shared

    @property
    def source_classifier(self) -> nn.Linear:
        """The linear layer [hidden, heads x labels] with what each label source adds to `classifier`."""
        return self.own

    def _init_weights(self, module: nn.Module) -> None:
        if module is getattr(self, "shared", None):
            nn.init.normal_(module.weight, std=0.02)
            nn.init.zeros_(module.bias)
        elif isinstance(module, nn.Linear) and module in (getattr(self, "own", None), getattr(self, "attend", None)):
            # At first all sources agree and all tokens have equal weight; training changes that where the data does.
            for parameter in module.parameters():
                nn.init.zeros_(parameter)

    def set_prior(self, rates: Tensor) -> None:
        """Set the bias of each label to the log-odds of its rate (float [labels]), so that rare labels train well."""
        clipped = rates.clamp(1e-3, 0.5)
        with torch.no_grad():
            self.classifier.bias.copy_(torch.log(clipped / (1 - clipped)))

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path: Any, *args: Any, **kwargs: Any) -> Any:
        """Load a model folder, a shipped model by its name, or a hub id.

        The weights of a folder that has only 8-bit ones, such as a shipped model, are converted to float32.

        Raises:
            OSError: there is no such folder, or the hub cannot be reached.
            ArtifactError: the 8-bit weights are of a graph that `clausetag export` did not build.
        """
        folder = model_folder(str(pretrained_model_name_or_path))
        if (folder / WEIGHTS).is_file() or not (folder / "model.onnx").is_file():
            return super().from_pretrained(str(folder), *args, **kwargs)
        config = kwargs.pop("config", None) or SentenceTaggerConfig.from_pretrained(folder)
        model = cls(config)
        model.load_state_dict(float_weights(folder / "model.onnx", model.state_dict()))
        model.train(False)
        return model

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor | None = None, pooling: Tensor | None = None, **_: Any
    ) -> SequenceClassifierOutput:
        """Logits of the units that `pooling` selects, or of each row's whole text.

        Args:
            input_ids: int64 [B, T].
            attention_mask: int64 [B, T]; None: there is no padding.
            pooling: weights float [B, U, T] of each unit's tokens; None: each row is one unit, scored by the default
                head.

        Returns:
            `logits` float [B, U, heads, labels]; without `pooling` [B, labels], calibrated if the model's settings
            are known.
        """
        if attention_mask is None:
            attention_mask = torch.ones_like(input_ids)
        hidden = self.encoder(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        # Always in full precision: it costs little, and exponentials magnify errors.
        with torch.autocast(hidden.device.type, enabled=False):
            hidden = self.dropout(hidden).float()
            if pooling is not None:
                return SequenceClassifierOutput(logits=self._pooled(hidden, pooling))
            return SequenceClassifierOutput(logits=self._whole(hidden, attention_mask))

    def _whole(self, hidden: Tensor, attention_mask: Tensor) -> Tensor:
        """Logits [B, labels] of whole texts: all tokens between the first and the last special one."""
        inside = attention_mask.float()
        inside[:, 0] = 0
        inside[torch.arange(len(inside)), attention_mask.sum(1) - 1] = 0
        logits = self._pooled(hidden, (inside / inside.sum(1, keepdim=True).clamp_min(1)).unsqueeze(1))[:, 0]
        head = getattr(self.config, "default_head", None) or self.config.heads[0]
        settings = (getattr(self.config, "settings", None) or {}).get(head)
        if settings is None:
            return logits[:, self.config.heads.index(head)]
        slope, intercept = (
            logits.new_tensor([settings[key][label] for label in self.config.labels]) for key in ("slope", "intercept")
        )
        return logits[:, self.config.heads.index(settings["output"])] * slope + intercept

    def _pooled(self, hidden: Tensor, pooling: Tensor) -> Tensor:
        shape = (len(self.config.heads), len(self.config.labels))
        by_token = (
            self.classifier(hidden).unsqueeze(-2) + self.source_classifier(hidden).unflatten(-1, shape)
        ).flatten(-2)
        attention = torch.exp(self.attend(hidden).clamp(-MAX_ATTENTION, MAX_ATTENTION))
        # Rows of the pooling matrix without a unit are zero.
        weight = torch.matmul(pooling, attention).clamp_min(1e-6)
        logits: Tensor = (torch.matmul(pooling, attention * by_token) / weight).unflatten(-1, shape)
        return logits


def from_backbone(
    path: str, labels: Sequence[str], heads: Sequence[str], head_dropout: float, attention_dropout: float = 0.0
) -> SentenceTagger:
    """A tagger with a pretrained encoder (hub id or folder) and untrained heads.

    Raises:
        OSError: the hub id or folder cannot be loaded.
    """
    encoder = load_encoder(path)
    values = encoder.config.to_dict()
    values.pop("_name_or_path", None)  # a path of this machine is of no use elsewhere
    config = SentenceTaggerConfig(with_attention_dropout(values, attention_dropout), labels, heads, head_dropout)
    tagger = SentenceTagger(config)
    tagger.encoder.load_state_dict(encoder.state_dict())
    return tagger


def with_new_heads(tagger: SentenceTagger, labels: Sequence[str], heads: Sequence[str]) -> SentenceTagger:
    """A tagger with the encoder of `tagger`, and untrained heads for other labels."""
    config = SentenceTaggerConfig(tagger.config.encoder_config, labels, heads, tagger.config.head_dropout)
    fresh = SentenceTagger(config)
    fresh.encoder.load_state_dict(tagger.encoder.state_dict())
    return fresh


def load_encoder(path: str) -> Any:
    """The pretrained encoder of a hub id or folder, in float32, without a pooler.

    Raises:
        OSError: the hub id or folder cannot be loaded.
    """
    # Without these lines transformers warns that the weights of the pooler are not used.
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    model_type = AutoConfig.from_pretrained(path).model_type
    return AutoModel.from_pretrained(path, dtype=torch.float32, **_without_pooler(model_type))


def with_attention_dropout(encoder_config: dict[str, Any], rate: float) -> dict[str, Any]:
    """An encoder's configuration with another dropout on attention weights, whose key depends on the architecture."""
    names = {"attention_probs_dropout_prob", "attention_dropout"} & set(encoder_config)
    return {**encoder_config, **dict.fromkeys(names, rate)}


def _without_pooler(model_type: str) -> dict[str, Any]:
    """The argument that leaves out the unused pooler, for architectures that have one."""
    with_pooler = {"bert", "roberta", "mpnet", "xlm-roberta", "camembert"}
    return {"add_pooling_layer": False} if model_type in with_pooler else {}


def layer_depth(name: str, layers: int) -> int:
    """A parameter's distance from the output: 0 for the heads, 1 for the last layer, layers + 1 for embeddings."""
    if not name.startswith("encoder."):
        return 0
    for part in name.split("."):
        if part.isdigit():
            return layers - int(part)
    return layers + 1


def tensors(batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
    """The arguments of `SentenceTagger.forward`: ids, attention mask and pooling weights."""
    return tuple(map(torch.from_numpy, (batch.input_ids, batch.attention_mask, batch.pooling)))  # type: ignore[return-value]


@torch.no_grad()
def predict_logits(
    model: SentenceTagger,
    encoded: EncodedPolicies,
    window: int,
    tokenizer: SubwordTokenizer,
    *,
    bf16: bool,
    batch_tokens: int = 8192,
) -> tuple[FloatArray, FloatArray]:
    """Logits float [sentences, heads, labels] and float [passages, heads, labels], without dropout.

    Args:
        model: stays in the training or evaluation mode that it is in.
        encoded: policies as token ids.
        window: largest number of tokens in a window.
        tokenizer: the model's.
        bf16: compute in bfloat16.
        batch_tokens: largest number of tokens in a batch, padding included.
    """
    was_training = model.training
    model.train(False)
    n_heads, n_labels = len(model.config.heads), len(model.config.labels)
    sentences = empty_logits(encoded.n_sentences, n_heads, n_labels)
    passages = empty_logits(len(encoded.passages), n_heads, n_labels)
    windows = sorted(inference_windows(encoded, window, tokenizer), key=lambda w: len(w.ids))
    for run in batches(windows, batch_tokens):
        batch = collate(run, tokenizer.pad_id)
        with torch.autocast(model.device.type, dtype=torch.bfloat16, enabled=bf16):
            logits = model(*(array.to(model.device) for array in tensors(batch))).logits
        for one, rows in zip(batch.windows, logits.float().cpu().numpy(), strict=True):
            scatter_logits(one, rows, sentences, passages)
    model.train(was_training)
    return sentences, passages


def native_bf16() -> bool:
    """Whether this CPU multiplies faster in bfloat16 than in float32.

    It does with AMX, and with AVX-512 on AMD CPUs. On Intel CPUs without AMX it takes twice as long (docs/LOG.md, 36).
    """
    found: Mapping[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()  # older versions of torch lack it
    intel = "intel" in str(found.get("cpu_name", "")).lower()
    return bool(found.get("amx_bf16") or (found.get("avx512_bf16") and not intel))


AutoModel.register(SentenceTaggerConfig, SentenceTagger, exist_ok=True)
AutoModelForSequenceClassification.register(SentenceTaggerConfig, SentenceTagger, exist_ok=True)
