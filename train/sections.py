"""The keys of a training recipe, in sections by purpose. Together they are a `clausetag.train.config.Recipe`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Names = Annotated[tuple[str, ...], Field(strict=False)]
Splits = Annotated[tuple[Literal["train", "validation"], ...], Field(strict=False)]
Weight = Annotated[float, Field(ge=0, le=100)]
Rate = Annotated[float, Field(ge=0, le=1)]
Dropout = Annotated[float, Field(ge=0, le=0.9)]


class _Section(BaseModel):
    model_config = ConfigDict(
        frozen=True, strict=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True
    )


class Data(_Section):
    """What the model learns from, and what chooses its epoch, thresholds and calibration."""

    labels: Names = ()
    """Custom labels, in order; only `extra` can provide examples of them. Empty: OPP-115's twelve categories."""
    min_labels: Annotated[int, Field(ge=0, le=1)] = 0
    """For custom labels: 1 gives every sentence at least one label. (The head `guide` of the twelve always does.)"""
    opp115: Splits = ()
    """Splits of OPP-115 to train on; the splits are policy-disjoint."""
    opp115_validation: Splits = ()
    """Splits that choose the epoch, thresholds and calibration of the heads `opp115` and `passage`."""
    policies: Names = ()
    """Which of the five annotated policies to train on."""
    policies_validation: Names = ()
    """Which of the five choose the thresholds and calibration of the head `guide`."""
    leave_out: str = ""
    """One of the five policies, whose text must not be trained on; `each`: one training for each of `policies`."""
    extra: Names = ()
    """Further labelled JSONL files, or folders of `clausetag data build`, for the head `guide`. A row's `split` may be
    `validation`, or `test` (ignored)."""
    dataset: str = ""
    """Folder that `clausetag data build` wrote for this recipe: read in place of `opp115`, `policies` and `extra`."""
    privacyglue: str = ""
    """Folder with PrivacyGLUE's train_dataset.csv and validation_dataset.csv, for the head `passage`."""
    targets: Literal["votes", "majority"] = "votes"
    """`votes`: share of annotators (soft targets); `majority`: 0 or 1."""
    guide_from_opp115: bool = False
    """Train the head `guide` on OPP-115 when no labels by the guide exist. A sentence that no annotator marked gets
    its passage's votes, since the guide labels every sentence."""
    passages: bool = True
    """Also learn from OPP-115's passage labels, pooled over each passage in the same windows."""


class Model(_Section):
    """The network, where it starts from, and what it reads at once."""

    backbone: str = "minilm-l6"
    """Pretrained encoder: `minilm-l6` or `mpnet-base` (packaged), a folder (starting with ., / or ~), or a hub id."""
    start: str = ""
    """A trained model to continue from, instead of a backbone: `standard`, `fast`, or a folder. Its encoder, heads and
    tokenizer are used; if its labels differ from the recipe's, only its encoder and tokenizer."""
    kept_layers: Annotated[int, Field(ge=0, le=1000)] = 0
    """Prune the start model's encoder to this many layers, evenly spaced from first to last; 0 keeps all."""
    kept_units: Annotated[int, Field(ge=0, le=100_000)] = 0
    """Prune each feed-forward layer to this many units, those with the largest weights; 0 keeps all."""
    context: bool = True
    """Read windows of consecutive sentences; false: each sentence alone, without its heading."""
    window: Annotated[int, Field(ge=16, le=512)] = 256
    """Maximum tokens in a window."""
    shortest_window: Annotated[int, Field(ge=8, le=512)] = 32
    """Training windows have a random maximum between this and `window`."""
    head_dropout: Dropout = 0.1
    """Dropout on the encoder's token vectors, in front of the heads."""
    attention_dropout: Dropout = 0.0
    """Dropout on attention weights. 0 saves a fifth of a step's time."""


class Optimisation(_Section):
    """Steps, learning rates and weights of the loss."""

    epochs: Annotated[int, Field(ge=1, le=1000)] = 10
    """Passes over the training policies; each cuts them into new windows."""
    batch_tokens: Annotated[int, Field(ge=16, le=1_000_000)] = 1536
    """Tokens of a step, padding included, over all processes; at least `window`."""
    accumulation: Annotated[int, Field(ge=1, le=1000)] = 1
    """Compute each step in this many parts, which needs less memory and gives the same model."""
    encoder_lr: Rate = 2e-4
    """Peak learning rate of the encoder's last layer (AdamW)."""
    head_lr: Rate = 1e-3
    """Peak learning rate of the heads."""
    layer_decay: Annotated[float, Field(ge=0.1, le=1)] = 0.9
    """Factor on the learning rate from each encoder layer to the one below."""
    warmup: Annotated[float, Field(ge=0, le=0.9)] = 0.1
    """Share of the steps in which the learning rate rises linearly; it then falls linearly to zero."""
    weight_decay: Rate = 0.01
    """AdamW's weight decay, applied to matrices only (not to biases and norms)."""
    max_norm: Annotated[float, Field(ge=1e-6, le=1e6)] = 1.0
    """Gradients are clipped to this norm."""
    passage_weight: Weight = 0.5
    """Loss weight of a passage; a sentence of OPP-115 has 1."""
    guide_weight: Weight = 1.0
    """Loss weight of a sentence labelled by the guide; a sentence of OPP-115 has 1."""
    seed: Annotated[int, Field(ge=0, le=2**31)] = 1
    """Seeds the initial weights, dropout, and the order and lengths of windows."""
    precision: Literal["auto", "bf16", "fp32"] = "auto"
    """`bf16`, `fp32`, or `auto`: bf16 on hardware that is faster in it."""
    checkpoint_steps: Annotated[int, Field(ge=1, le=1_000_000)] = 100
    """Save a checkpoint every so many steps, and after each epoch."""


class Distillation(_Section):
    """Scores of teacher models, and unlabelled sentences."""

    distilled: str = ""
    """Folder written by `clausetag distil`: teacher scores of the training sentences and of unlabelled ones."""
    teacher_share: Rate = 0.5
    """Share of the teacher scores in the targets of labelled sentences; the labels have the rest."""
    distill_weight: Weight = 0.5
    """Loss weight of a sentence that has teacher scores but no label; a labelled sentence of OPP-115 has 1."""
    pool_parts: Annotated[int, Field(ge=1, le=1000)] = 3
    """Split the unlabelled pool into this many parts; each epoch reads one."""


class Evaluation(_Section):
    """How the epoch, the thresholds and the calibration are chosen."""

    folds: Annotated[int, Field(ge=0, le=100)] = 0
    """Fit thresholds and calibration of the head `guide` to out-of-fold scores: its policies are divided into this many
    folds, and a model is trained without each. 0: validation data are policies of their own."""
    fold: Annotated[str, Field(pattern=r"^([1-9]\d?/[1-9]\d?)?$")] = ""
    """Leave a part of the policies out of the training: `1/3` leaves out the first of three. Teachers trained so score
    the sentences that they have not learnt (`clausetag distil`)."""
    unvalidated: bool = False
    """Allow training without validation data. A head without any keeps its last epoch, uncalibrated scores and a
    threshold of 0.5. Validation data that do exist are still used."""
    patience: Annotated[int, Field(ge=0, le=1000)] = 0
    """Stop after this many epochs without a better validation score; 0: train all epochs."""


SECTIONS: dict[str, type[BaseModel]] = {
    "data": Data,
    "model": Model,
    "optimisation": Optimisation,
    "distillation": Distillation,
    "evaluation": Evaluation,
}
"""The tables of a recipe file."""


KEYS = ("name", *(key for section in SECTIONS.values() for key in section.model_fields))
"""All keys, in the order of the tables."""


def section_of(key: str) -> str | None:
    """The table that a key belongs to; None for `name` and unknown keys."""
    return next((name for name, section in SECTIONS.items() if key in section.model_fields), None)
