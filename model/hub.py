"""Models in the form of the Hugging Face hub: the tokenizer's configuration, and upload of a finished folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tokenizers.processors import TemplateProcessing

from clausetag.data.errors import ClausetagError, MissingExtraError, first_line
from clausetag.data.jsonl import write_text
from clausetag.model.artifact import MANIFEST, Artifact
from clausetag.model.tokenise import SubwordTokenizer


def write_tokenizer(folder: Path, tokenizer: SubwordTokenizer, max_tokens: int) -> None:
    """Write `tokenizer.json` and `tokenizer_config.json`, with which `AutoTokenizer` gives a text a window's ids."""
    inner = tokenizer.tokenizer
    cls, sep, pad = (
        str(inner.id_to_token(number)) for number in (tokenizer.cls_id, tokenizer.sep_id, tokenizer.pad_id)
    )
    if inner.post_processor is None:
        pairs = [(cls, tokenizer.cls_id), (sep, tokenizer.sep_id)]
        inner.post_processor = TemplateProcessing(single=f"{cls} $A {sep}", special_tokens=pairs)
    inner.save(str(folder / "tokenizer.json"))
    values = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": max_tokens,
        "model_input_names": ["input_ids", "attention_mask"],
        **{"cls_token": cls, "sep_token": sep, "pad_token": pad},
        **{
            name: token
            for name, tokens in (("mask_token", ("[MASK]", "<mask>")), ("unk_token", ("[UNK]", "<unk>")))
            for token in tokens
            if inner.token_to_id(token) is not None
        },
    }
    write_text(folder / "tokenizer_config.json", json.dumps(values, indent=1) + "\n")


def push_to_hub(artifact: Artifact, repository: str, api: Any = None) -> str:
    """Upload a finished model's files, whose README.md is the card; gives the address of the repository.

    Args:
        artifact: the model.
        repository: `user/name`; it is created as a private one if there is none.
        api: an `HfApi`; None: one with the user's own login.

    Raises:
        MissingExtraError: huggingface_hub is not installed.
        ClausetagError: the upload failed.
    """
    try:
        from huggingface_hub import HfApi
    except ImportError as error:
        raise MissingExtraError("uploading a model", error.name) from None
    names = [*json.loads((artifact.folder / MANIFEST).read_text(encoding="utf-8"))["files"], MANIFEST]
    api = api or HfApi()
    try:
        address = str(api.create_repo(repository, private=True, exist_ok=True))
        api.upload_folder(
            repo_id=repository,
            folder_path=str(artifact.folder),
            allow_patterns=names,
            commit_message=f"clausetag model {artifact.hash}",
        )
    except Exception as error:  # the hub's and the network's errors have no common class
        raise ClausetagError(f"{repository}: the upload failed ({first_line(error)})") from None
    return address
