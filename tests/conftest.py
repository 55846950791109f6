"""Fixtures for all tests: a small tokenizer, encoder and trained artifact, made without network or hub."""

from __future__ import annotations

import os
import re
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from clausetag.data.corpora.opp115 import Corpus

# Before torch or ONNX Runtime is loaded. Threads that wait must not occupy a core, since tests may share the machine.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests use a cache folder of their own, not the user's."""
    monkeypatch.setenv("CLAUSETAG_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))


@pytest.fixture(scope="session")
def tiny_backbone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a random two-layer BERT of width 32; its vocabulary is the five policies' characters and words."""
    import torch
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers
    from transformers import BertConfig, BertModel

    from clausetag.data.corpora.five import FIVE, document_of

    folder = tmp_path_factory.mktemp("backbone")
    text = " ".join(document_of(policy).text.lower() for policy in FIVE)
    # The order of a trained vocabulary differs between processes, which would give another random network.
    characters = sorted(set(text) - set(" \n"))
    words = [word for word, _ in Counter(sorted(re.findall(r"[a-z]{2,}", text))).most_common(1000)]
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    pieces = [*special, *characters, *(f"##{character}" for character in characters), *words]
    tokenizer = Tokenizer(models.WordPiece({piece: number for number, piece in enumerate(pieces)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.save(str(folder / "tokenizer.json"))
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=tokenizer.get_vocab_size(),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=64,
        max_position_embeddings=512,
    )
    BertModel(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def tiny_recipe(tiny_backbone: Path) -> dict[str, object]:
    """Keys of a recipe that trains the tiny encoder on four of the five policies in seconds."""
    return {
        "name": "tiny",
        "backbone": str(tiny_backbone),
        "policies": ["000_sagenext", "001_samanage", "002_clicentrix", "003_empxtrack"],
        "policies_validation": ["004_vtiger"],
        "window": 96,
        "batch_tokens": 384,
        "epochs": 3,
        "encoder_lr": 2e-3,
        "head_lr": 5e-3,
        "precision": "fp32",
        "checkpoint_steps": 7,
    }


@pytest.fixture(scope="session")
def tiny_artifact(tiny_recipe: dict[str, object], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A complete artifact that the real code has trained on four policies."""
    from clausetag.train.config import recipe_from
    from clausetag.train.run import run_training

    folder = tmp_path_factory.mktemp("artifact")
    run_training(recipe_from(tiny_recipe), folder, quiet=True)
    return folder


@pytest.fixture(scope="session")
def opp115_corpus(opp115_folder: Path) -> Corpus:
    """The OPP-115 corpus, read once for all tests."""
    from clausetag.data.corpora.opp115 import read_opp115

    return read_opp115(opp115_folder)


@pytest.fixture(scope="session")
def opp115_folder() -> Path:
    """The OPP-115 corpus where there is one: OPP115_DIR, or a `shared` folder beside the checkout."""
    named = os.environ.get("OPP115_DIR")
    beside = Path(__file__).resolve().parent.parent.parent / "shared" / "opp115"
    if named and Path(named).exists():
        return Path(named)
    if beside.is_dir():
        return beside
    pytest.skip("needs the OPP-115 corpus: set OPP115_DIR")
