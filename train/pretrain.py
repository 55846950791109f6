"""`clausetag pretrain`: in-domain masked-language pretraining of the encoder on unlabelled policies.

    clausetag data pool policies.jsonl.gz -o runs/pool.jsonl
    clausetag pretrain runs/pool.jsonl -o runs/pretrained
    clausetag train default --set backbone=runs/pretrained -o runs/default

Masked language modelling after Devlin et al. (NAACL 2019), continued in the domain after Gururangan et al. (ACL 2020).
The encoder reads the same windows as in training: consecutive sentences of one policy, its heading in front.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from clausetag.data.errors import RecipeError
from clausetag.data.jsonl import read_jsonl, write_text
from clausetag.data.records import Sentence
from clausetag.data.text import is_boilerplate, short_hash, text_hash
from clausetag.model.artifact import TRAINED_ON, TrainedOn, read_trained_on, write_trained_on
from clausetag.model.backbone import MINILM, backbone_path
from clausetag.model.network import load_encoder
from clausetag.model.provenance import git_revision, versions
from clausetag.model.tokenise import SubwordTokenizer, load_tokenizer
from clausetag.model.windows import batches
from clausetag.train.batches import rate_factor
from clausetag.train.masked import MaskedLanguageModel, masked_loss
from clausetag.train.mlm import Policy, Settings, ids_of, learnt_and_held, needed, steps_of, windows_of
from clausetag.train.teacher_scores import sentence_key
from clausetag.train.trainer import atomic_save

CONFIG = "config.json"

_SAVE_STEPS = 200
"""A checkpoint and a partial backbone every so many steps."""
_HELD_WINDOWS = 200
"""Windows on which the loss is measured; they are not learnt from."""


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
    if (folder / CONFIG).is_file():
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
    encoder, pieces, mask_id = _load(settings.backbone)
    sentences = needed(sentences, settings)
    stages = [_seen(sentences), *_seen_before(settings.backbone)]
    identity = json.dumps([asdict(settings), _digest(sentences)])
    learnt, held = learnt_and_held(sentences, settings, pieces)
    del sentences  # hundreds of thousands
    encoder.set_attn_implementation("eager")
    model = MaskedLanguageModel(encoder, int(encoder.config.hidden_size), int(encoder.config.vocab_size))
    plan = steps_of(learnt, settings, pieces)
    groups = [
        {"params": [p for p in model.parameters() if p.ndim > 1], "weight_decay": settings.weight_decay},
        {"params": [p for p in model.parameters() if p.ndim < 2], "weight_decay": 0.0},
    ]
    optimiser = torch.optim.AdamW(groups, lr=settings.lr, fused=True)
    checkpoint = folder / "checkpoint.pt"
    partial = folder / "partial"
    history: list[dict[str, float]] = []
    step = 0
    if checkpoint.is_file():
        step, history = _resume(checkpoint, identity, model, optimiser)
    bar = tqdm(total=len(plan), initial=step, unit="step", disable=quiet, smoothing=0.05, mininterval=5.0)
    total, counted = 0.0, 0
    for run in plan[step:]:
        model.train()
        for group in optimiser.param_groups:
            group["lr"] = settings.lr * rate_factor(step, len(plan), settings.warmup)
        draw = random.Random(f"{settings.seed}/{step}")
        loss = masked_loss(model, run, pieces, mask_id, settings.masked, draw)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        step += 1
        total, counted = total + float(loss.detach()), counted + 1
        bar.update()
        if step % _SAVE_STEPS == 0 or step == len(plan):
            held_loss = _held_loss(model, held, settings, pieces, mask_id)
            history.append({"step": step, "train_loss": total / counted, "held_loss": held_loss})
            bar.set_postfix_str(f"loss {total / counted:.3f}, held out {held_loss:.3f}")
            total, counted = 0.0, 0
            _save(checkpoint, identity, model, optimiser, step, history)
            if step < len(plan):
                _write(partial, encoder, pieces, stages, settings, history)
    bar.close()
    _write(partial, encoder, pieces, stages, settings, history)
    _publish(partial, folder)
    checkpoint.unlink()


def _load(backbone: str) -> tuple[Any, SubwordTokenizer, int]:
    """The encoder of a backbone, its tokenizer, and the id of its mask token."""
    path = backbone_path(backbone)
    try:
        encoder = load_encoder(path)
        tokenizer = load_tokenizer(path)
        pieces = SubwordTokenizer.of(tokenizer)
    except (OSError, ValueError) as error:
        raise RecipeError(f"backbone {backbone}: {str(error).strip().splitlines()[0]}") from None
    mask_id = next((n for n in map(tokenizer.token_to_id, ("[MASK]", "<mask>")) if n is not None), None)
    if mask_id is None:
        raise RecipeError(f"backbone {backbone}: its tokenizer has no mask token")
    return encoder, pieces, mask_id


def _seen(sentences: Sequence[Sentence]) -> TrainedOn:
    """What reading `sentences` puts on record: their policies, and their texts as unlabelled ones."""
    texts = {short_hash(text_hash(s.text)) for s in sentences if not is_boilerplate(s.text)}
    return TrainedOn(frozenset(s.policy for s in sentences), frozenset(), frozenset(texts))


def _seen_before(backbone: str) -> list[TrainedOn]:
    """What the backbone itself was pretrained on, where that is on record."""
    record = Path(backbone).expanduser() / TRAINED_ON
    return [read_trained_on(record)] if record.is_file() else []


def _digest(sentences: Sequence[Sentence]) -> str:
    """Names the texts that are read, so that no run is continued on others."""
    digest = hashlib.sha256()
    for sentence in sentences:
        digest.update(sentence_key(sentence).encode("utf-8"))
    return digest.hexdigest()[:12]


def _save(
    path: Path,
    identity: str,
    model: MaskedLanguageModel,
    optimiser: torch.optim.Optimizer,
    step: int,
    history: list[dict[str, float]],
) -> None:
    state = {
        "settings": identity,
        "model": model.state_dict(),
        "optimiser": optimiser.state_dict(),
        "random": torch.get_rng_state(),
        "step": step,
        "history": json.dumps(history),
    }
    atomic_save(path, state)


def _resume(
    path: Path, identity: str, model: MaskedLanguageModel, optimiser: torch.optim.Optimizer
) -> tuple[int, list[dict[str, float]]]:
    try:
        state = torch.load(path, weights_only=True)
        same = state["settings"] == identity
    except Exception:
        raise RecipeError(f"{path}: not a checkpoint of clausetag pretrain; give another -o, or delete it") from None
    if not same:
        raise RecipeError(
            f"{path.parent}: holds a run of other settings or another pool; give another -o, or delete {path.name}"
        )
    model.load_state_dict(state["model"])
    optimiser.load_state_dict(state["optimiser"])
    torch.set_rng_state(state["random"])
    return state["step"], json.loads(state["history"])


@torch.no_grad()
def _held_loss(
    model: MaskedLanguageModel, policies: Sequence[Policy], settings: Settings, pieces: SubwordTokenizer, mask_id: int
) -> float:
    model.train(False)
    windows = windows_of(policies, settings, pieces, "held")[:_HELD_WINDOWS]
    losses = [
        float(masked_loss(model, list(map(ids_of, run)), pieces, mask_id, settings.masked, random.Random(f"held/{n}")))
        for n, run in enumerate(batches(windows, settings.batch_tokens))
    ]
    return sum(losses) / len(losses)


def _write(
    folder: Path,
    encoder: Any,
    pieces: SubwordTokenizer,
    stages: Sequence[TrainedOn],
    settings: Settings,
    history: list[dict[str, float]],
) -> None:
    """The backbone as transformers loads it. In `partial` a trial can use it before the run is finished."""
    folder.mkdir(exist_ok=True)
    pieces.tokenizer.save(str(folder / "tokenizer.json"))
    run = {"settings": asdict(settings), "versions": versions("train"), "git": git_revision(), "history": history}
    write_text(folder / "run.json", json.dumps(run, indent=1) + "\n")
    write_trained_on(folder, stages)
    implementation = encoder.config._attn_implementation
    encoder.set_attn_implementation("sdpa")
    encoder.save_pretrained(folder, safe_serialization=True)
    encoder.set_attn_implementation(implementation)


def _publish(partial: Path, folder: Path) -> None:
    """Move the finished files to `folder`; config.json comes last, so that its presence means complete."""
    for path in sorted(partial.iterdir(), key=lambda path: path.name == CONFIG):
        path.replace(folder / path.name)
    partial.rmdir()
