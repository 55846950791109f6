"""Read and write labelled sentences as JSONL, and write files in one step, so that no reader sees a partial file."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from clausetag.data.durable import replace_file
from clausetag.data.errors import DataError
from clausetag.data.labels import LABELS
from clausetag.data.records import Sentence, sentence_from_row


def read_jsonl(path: str | os.PathLike[str], labels: tuple[str, ...] = LABELS) -> list[Sentence]:
    """Read labelled or unlabelled sentences, in file order.

    Raises:
        DataError: the file cannot be read, or a row is bad; the message names file, line and reason.
    """
    sentences: list[Sentence] = []
    seen: set[tuple[str, int]] = set()
    for number, row in iter_json_rows(path):
        try:
            sentence = sentence_from_row(row, labels)
            if (sentence.policy, sentence.index) in seen:
                raise ValueError(f"policy {sentence.policy!r} has index {sentence.index} twice")
        except ValueError as error:
            raise DataError(f"{os.fspath(path)}, line {number}: {error}") from None
        seen.add((sentence.policy, sentence.index))
        sentences.append(sentence)
    return sentences


def iter_json_rows(path: str | os.PathLike[str]) -> Iterator[tuple[int, Any]]:
    """Yield (1-based line number, value) of a JSONL file, blank lines skipped.

    Raises:
        DataError: the file cannot be read, is not UTF-8, or a line is not JSON.
    """
    name = os.fspath(path)
    try:
        with open(path, encoding="utf-8-sig") as lines:  # some editors add a byte-order mark
            for number, line in enumerate(lines, 1):
                if not line.strip():
                    continue
                try:
                    yield number, json.loads(line)
                except (ValueError, RecursionError) as error:
                    reason = getattr(error, "msg", None) or "a number is too long, or brackets nest too deeply"
                    raise DataError(f"{name}, line {number}: not JSON ({reason})") from None
    except OSError as error:
        raise DataError(f"{name}: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise DataError(f"{name}: not UTF-8; convert it first") from None


def by_policy(sentences: Iterable[Sentence]) -> dict[str, list[Sentence]]:
    """Group sentences by policy, policies in order of first appearance, sentences by index."""
    groups: dict[str, list[Sentence]] = {}
    for sentence in sentences:
        groups.setdefault(sentence.policy, []).append(sentence)
    for group in groups.values():
        group.sort(key=lambda sentence: sentence.index)
    return groups


def dump_row(row: Mapping[str, Any]) -> str:
    """One JSONL line without its newline; keys keep their order, and characters are not escaped."""
    return json.dumps(row, ensure_ascii=False)


def write_jsonl(path: str | os.PathLike[str], rows: Iterable[Mapping[str, Any]]) -> None:
    """Write rows as JSONL, like `write_text`."""
    write_text(path, "".join(dump_row(row) + "\n" for row in rows))


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write `text` in UTF-8 to a temporary file next to `path`, then rename it: `path` is never a partial file."""
    target = Path(path)
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        temporary.write_text(text, encoding="utf-8", newline="\n")
        replace_file(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)
