"""For tests of long runs: a tagger that needs no model, invented policies, and what a run wrote."""

from __future__ import annotations

import random
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from clausetag.cli import main
from clausetag.data.attributes import BY_NAME, VALUES
from clausetag.data.labels import LABELS
from clausetag.data.records import Document, Sentence
from clausetag.data.segment import segment
from clausetag.predict.writers.writer import RUN_JSON

ALL = "jsonl,csv,parquet,html"


class FakeTagger:
    """Labels and scores that depend on the text alone, at once."""

    labels = LABELS
    attributes = True
    hash = "fake"
    config: dict[str, Any] = {"name": "fake", "figures": ()}  # noqa: RUF012
    artifact = SimpleNamespace(default_head="guide")

    def head(self, name: str | None = None) -> None:
        """Every head is there."""

    def thresholds(self, head: str) -> np.ndarray[Any, Any]:
        return np.full(len(LABELS), 0.5)

    def min_labels(self, head: str) -> int:
        return 1

    def tag_document(self, document: Document, *, head: str) -> list[Sentence]:
        if "explode" in document.text:
            raise ValueError("this text\nis too much")
        tagged = []
        for sentence in segment(document):
            digest = sha256(sentence.text.encode()).digest()
            scores = {label: round(digest[number] / 255, 4) for number, label in enumerate(LABELS)}
            labels = [LABELS[digest[20] % 12]] if digest[21] % 5 else []
            one = sentence.with_prediction(labels, scores)
            if self.attributes:
                name, value = VALUES[digest[22] % len(VALUES)]
                fits = set(BY_NAME[name].categories) & set(labels)
                stated = {name: (value,)} if fits else {}
                shares = {name: {value: 0.75} for name in stated}
                one = replace(one, attributes=stated, attribute_scores=shares)
            tagged.append(one)
        return tagged


def write_policies(folder: Path, number: int, sentences: int = 8) -> Path:
    """Policies in invented sentences, one that fails among them, and one in German."""
    folder.mkdir()
    randomly = random.Random(7)
    verbs, things = (
        ("collect", "share", "keep", "delete", "sell"),
        ("your name", "cookies", "“e-mail” data", "payments"),
    )
    for index in range(number):
        lines = [f"# Privacy policy {index}", ""]
        for _ in range(sentences):
            lines += [f"We {randomly.choice(verbs)} {randomly.choice(things)}, see {randomly.random()}.", ""]
        (folder / f"{index:03}.md").write_text("\n".join(lines), encoding="utf-8")
    (folder / "004-empty.txt").write_text("")
    (folder / "007-de.txt").write_text("Wir erheben Ihren Namen, wenn Sie ein Konto anlegen. " * 9)
    return folder


def files(target: Path) -> dict[str, bytes]:
    """What a run wrote, but for `run.json`; a hidden file would count."""
    if target.is_file():
        return {target.name: target.read_bytes()}
    found = {path.relative_to(target).as_posix(): path.read_bytes() for path in target.rglob("*") if path.is_file()}
    return {name: content for name, content in found.items() if name != RUN_JSON}


def command(inputs: Path, target: Path) -> list[str]:
    return ["predict", str(inputs), "-o", str(target), *(["--format", ALL] if not target.suffix else [])]


def interrupted(
    arguments: list[str], after: int, error: BaseException | type[BaseException] = KeyboardInterrupt
) -> int:
    """Stop the command in the document after so many, one at a time."""
    tag, calls = FakeTagger.tag_document, 0

    def stop(self: FakeTagger, document: Document, **named: str) -> list[Sentence]:
        nonlocal calls
        calls += 1
        if calls > after:
            raise error
        return tag(self, document, head=named["head"])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FakeTagger, "tag_document", stop)
        return main([*arguments, "--threads", "1"])
