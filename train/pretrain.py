"""`clausetag pretrain`: in-domain masked-language pretraining of the encoder on unlabelled policies.

    clausetag data pool policies.jsonl.gz -o runs/pool.jsonl
    clausetag pretrain runs/pool.jsonl -o runs/pretrained
    clausetag train default --set backbone=runs/pretrained -o runs/default

Masked language modelling after Devlin et al. (NAACL 2019), continued in the domain after Gururangan et al. (ACL 2020).
The encoder reads the same windows as in training: consecutive sentences of one policy, its heading in front.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from tqdm import tqdm

from clausetag.data.errors import DataError, RecipeError
from clausetag.data.hashing import is_boilerplate, pool_key, text_hash
from clausetag.data.schema import Sentence, by_policy, read_jsonl, write_text
from clausetag.model.artifact import TRAINED_ON
from clausetag.model.backbone import MINILM, backbone_path
from clausetag.model.encode import Pieces, encode_sentences
from clausetag.model.network import load_encoder
from clausetag.model.windows import EncodedSentence, Window, batches, pack
from clausetag.train.loop import atomic_save, load_tokenizer, native_bf16
from clausetag.train.provenance import git_revision, versions
from clausetag.train.steps import rate_factor

Policy = tuple[EncodedSentence, ...]
Ids = npt.NDArray[np.int32]

_BUCKET = 128
"""Windows of about equal length are found among so many neighbours."""
_HELD_WINDOWS = 200
"""Windows on which the loss is measured; they are not learnt from."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What decides a pretraining run."""

    backbone: str = MINILM
    tokens: int = 8_000_000
    """Word pieces to read, over and over the pool if it has fewer."""
    batch_tokens: int = 4096
    window: int = 256
    shortest_window: int = 64
    masked: float = 0.15
    """Share of word pieces to be predicted; of these 80 % are masked, 10 % replaced at random, 10 % left."""
    lr: float = 4e-4
    warmup: float = 0.06
    weight_decay: float = 0.01
    seed: int = 1


class MaskedLanguageModel(nn.Module):
    """An encoder with BERT's prediction head, whose output weights are the encoder's word embeddings."""

    def __init__(self, encoder: nn.Module, hidden: int, vocabulary: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.dense = nn.Linear(hidden, hidden)
        self.norm = nn.LayerNorm(hidden)
        self.bias = nn.Parameter(torch.zeros(vocabulary))

    def forward(self, input_ids: Tensor, attention_mask: Tensor, at: Tensor) -> Tensor:
        """Logits float [N, vocabulary] at the N positions that `at`, bool [B, T], marks."""
        hidden = self.encoder(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state[at]
        vectors = self.norm(nn.functional.gelu(self.dense(hidden)))
        embeddings = self.encoder.get_input_embeddings().weight  # type: ignore[operator]
        logits: Tensor = nn.functional.linear(vectors, embeddings, self.bias)
        return logits


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `clausetag pretrain`."""
    parser.add_argument("pool", help="JSONL of sentences, as `clausetag data pool` writes")
    parser.add_argument(
        "-o", "--output", required=True, metavar="DIR", help="the backbone's folder; a run is continued"
    )
    parser.add_argument("--backbone", default=MINILM, help=f"what to start from (default: {MINILM})")
    parser.add_argument(
        "--tokens", type=int, default=Settings().tokens, help="word pieces to read (default: %(default)s)"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--quiet", action="store_true", help="no progress bar")


def main(arguments: argparse.Namespace) -> int:
    """Run `clausetag pretrain`; returns the exit code."""
    settings = Settings(backbone=arguments.backbone, tokens=arguments.tokens, seed=arguments.seed)
    if settings.tokens < settings.batch_tokens:
        raise RecipeError(f"--tokens {settings.tokens}: a step alone reads {settings.batch_tokens}")
    folder = Path(arguments.output)
    if (folder / "config.json").is_file():
        raise RecipeError(f"{folder}: holds a finished backbone; give another -o")
    pretrain(read_jsonl(arguments.pool), settings, folder, quiet=arguments.quiet)
    print(f"wrote {folder}")
    return 0


def pretrain(sentences: Sequence[Sentence], settings: Settings, folder: Path, *, quiet: bool = False) -> None:
    """Pretrain on `sentences` and write the encoder, its tokenizer and what it read to `folder`.

    Raises:
        RecipeError: the backbone cannot be loaded, has no mask token, or `folder` holds another run.
        DataError: there are too few sentences.
    """
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(settings.seed)
    path = backbone_path(settings.backbone)
    try:
        encoder = load_encoder(path)
    except (OSError, ValueError) as error:
        raise RecipeError(f"backbone {settings.backbone}: {str(error).strip().splitlines()[0]}") from None
    tokenizer = load_tokenizer(path)
    pieces = Pieces.of(tokenizer)
    mask_id = next((n for n in map(tokenizer.token_to_id, ("[MASK]", "<mask>")) if n is not None), None)
    if mask_id is None:
        raise RecipeError(f"backbone {settings.backbone}: its tokenizer has no mask token")
    sentences = needed(sentences, settings)
    seen = {
        "policies": sorted({sentence.policy for sentence in sentences}),
        "context": sorted({pool_key(text_hash(s.text)) for s in sentences if not is_boilerplate(s.text)}),
    }
    learnt, held = _split(_encoded(sentences, pieces), settings)
    del sentences  # hundreds of thousands
    encoder.set_attn_implementation("eager")
    model = MaskedLanguageModel(encoder, int(encoder.config.hidden_size), int(encoder.config.vocab_size))
    plan = _plan(learnt, settings, pieces)
    groups = [
        {"params": [p for p in model.parameters() if p.ndim > 1], "weight_decay": settings.weight_decay},
        {"params": [p for p in model.parameters() if p.ndim < 2], "weight_decay": 0.0},
    ]
    optimiser = torch.optim.AdamW(groups, lr=settings.lr, fused=True)
    checkpoint = folder / "checkpoint.pt"
    identity = json.dumps(asdict(settings))
    history: list[dict[str, float]] = []
    step = 0
    if checkpoint.is_file():
        state = torch.load(checkpoint, weights_only=True)
        if state["settings"] != identity:
            raise RecipeError(f"{folder}: holds a run of other settings; give another -o, or delete {checkpoint.name}")
        model.load_state_dict(state["model"])
        optimiser.load_state_dict(state["optimiser"])
        torch.set_rng_state(state["random"])
        step, history = state["step"], json.loads(state["history"])
    bar = tqdm(total=len(plan), initial=step, unit="step", disable=quiet, smoothing=0.05, mininterval=5.0)
    total, counted = 0.0, 0
    for run in plan[step:]:
        model.train()
        for group in optimiser.param_groups:
            group["lr"] = settings.lr * rate_factor(step, len(plan), settings.warmup)
        loss = _loss(model, run, settings, pieces, mask_id, random.Random(f"{settings.seed}/{step}"))
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        step += 1
        total, counted = total + float(loss.detach()), counted + 1
        bar.update()
        if step % 200 == 0 or step == len(plan):
            figures = {
                "step": step,
                "train_loss": total / counted,
                "held_loss": _held_loss(model, held, settings, pieces, mask_id),
            }
            history.append(figures)
            total, counted = 0.0, 0
            bar.set_postfix_str(f"loss {figures['train_loss']:.3f}, held out {figures['held_loss']:.3f}")
            atomic_save(
                checkpoint,
                {
                    "settings": identity,
                    "model": model.state_dict(),
                    "optimiser": optimiser.state_dict(),
                    "random": torch.get_rng_state(),
                    "step": step,
                    "history": json.dumps(history),
                },
            )
            _write(folder, model.encoder, pieces, seen, settings, history, finished=step == len(plan))
    bar.close()
    checkpoint.unlink()


def needed(sentences: Sequence[Sentence], settings: Settings) -> list[Sentence]:
    """The first policies whose words are as many as the word pieces to be read: what is not needed is not recorded."""
    found: list[Sentence] = []
    words = 0
    for group in by_policy(sentences).values():
        if words >= settings.tokens:
            break
        found += group
        words += sum(len(sentence.text.split()) for sentence in group)
    return found


def _encoded(sentences: Sequence[Sentence], pieces: Pieces) -> list[Policy]:
    """Policies as runs of encoded sentences."""
    return list(encode_sentences(sentences, pieces).policies)


def _split(policies: list[Policy], settings: Settings) -> tuple[list[Policy], list[Policy]]:
    held_policies = max(1, min(50, len(policies) // 20))
    if len(policies) < 2:
        raise DataError("pretraining needs at least two policies")
    random.Random(settings.seed).shuffle(policies)
    return policies[held_policies:], policies[:held_policies]


def _windows(policies: Sequence[Policy], settings: Settings, pieces: Pieces, seed: str) -> list[Window]:
    draw = random.Random(seed)
    windows = [
        window
        for policy in policies
        for window in pack(
            policy, settings.window, pieces.cls_id, pieces.sep_id, draw=draw, shortest=settings.shortest_window
        )
    ]
    draw.shuffle(windows)
    return windows


def _plan(policies: Sequence[Policy], settings: Settings, pieces: Pieces) -> list[list[Ids]]:
    """The ids of every step's windows, a function of the settings and the pool alone."""
    steps: list[list[Ids]] = []
    tokens, epoch = 0, 0
    while tokens < settings.tokens:
        windows = _windows(policies, settings, pieces, f"{settings.seed}/{epoch}")
        if sum(len(window.ids) for window in windows) < settings.batch_tokens:
            raise DataError("the pool is too small to pretrain on; draw more policies into it")
        for run in _runs(windows, settings, random.Random(f"{settings.seed}/{epoch}/order")):
            steps.append([_ids(window) for window in run])
            tokens += sum(len(window.ids) for window in run)
            if tokens >= settings.tokens:
                break
        epoch += 1
    return steps


def _ids(window: Window) -> Ids:
    return np.array(window.ids, dtype=np.int32)


def _runs(windows: Sequence[Window], settings: Settings, draw: random.Random) -> list[list[Window]]:
    runs: list[list[Window]] = []
    for start in range(0, len(windows), _BUCKET):
        bucket = sorted(windows[start : start + _BUCKET], key=lambda window: len(window.ids))
        runs += batches(bucket, settings.batch_tokens)
    draw.shuffle(runs)
    return runs


def _loss(
    model: MaskedLanguageModel,
    run: Sequence[Ids],
    settings: Settings,
    pieces: Pieces,
    mask_id: int,
    draw: random.Random,
) -> Tensor:
    """Cross-entropy at the masked positions of one batch, masked by `draw` alone."""
    length = max(map(len, run))
    ids = torch.full((len(run), length), pieces.pad_id, dtype=torch.int64)
    for row, window in enumerate(run):
        ids[row, : len(window)] = torch.from_numpy(window)
    generator = torch.Generator().manual_seed(draw.getrandbits(62))
    candidates = (ids != pieces.pad_id) & (ids != pieces.cls_id) & (ids != pieces.sep_id)
    chosen = candidates & (torch.rand(ids.shape, generator=generator) < settings.masked)
    chosen[0, 1] = True  # never a batch without any
    fate = torch.rand(ids.shape, generator=generator)
    shown = ids.masked_fill(chosen & (fate < 0.8), mask_id)
    swapped = chosen & (fate >= 0.8) & (fate < 0.9)
    shown[swapped] = torch.randint(0, model.bias.numel(), (int(swapped.sum()),), generator=generator)
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=native_bf16()):
        logits = model(shown, (ids != pieces.pad_id).long(), chosen)
    return nn.functional.cross_entropy(logits.float(), ids[chosen])


@torch.no_grad()
def _held_loss(
    model: MaskedLanguageModel, policies: Sequence[Policy], settings: Settings, pieces: Pieces, mask_id: int
) -> float:
    model.train(False)
    windows = _windows(policies, settings, pieces, "held")[:_HELD_WINDOWS]
    losses = [
        float(
            _loss(model, [_ids(window) for window in run], settings, pieces, mask_id, random.Random(f"held/{number}"))
        )
        for number, run in enumerate(batches(windows, settings.batch_tokens))
    ]
    return sum(losses) / len(losses)


def _write(
    folder: Path,
    encoder: Any,
    pieces: Pieces,
    seen: dict[str, list[str]],
    settings: Settings,
    history: list[dict[str, float]],
    *,
    finished: bool,
) -> None:
    """The backbone as transformers loads it; until the run is finished in a folder `partial` that a trial can use."""
    target = folder if finished else folder / "partial"
    target.mkdir(exist_ok=True)
    pieces.tokenizer.save(str(target / "tokenizer.json"))
    run = {"settings": asdict(settings), "versions": versions(), "git": git_revision(), "history": history}
    write_text(target / "run.json", json.dumps(run, indent=1) + "\n")
    write_text(target / TRAINED_ON, json.dumps(seen) + "\n")
    implementation = encoder.config._attn_implementation
    encoder.set_attn_implementation("sdpa")
    encoder.save_pretrained(target, safe_serialization=True)
    encoder.set_attn_implementation(implementation)
