"""From files, folders, globs, standard input and JSONL to `Document`s; what cannot be read becomes a `FailedInput`.

A policy's id is its path relative to the folder that was given (a file's is its name), without the suffix. Where an
id is taken already, the path as given is used, then the path with its suffix, then a number is added.
"""

from __future__ import annotations

import glob
import json
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Any, BinaryIO

from clausetag.data.blocks import assemble, looks_like_markdown, markdown_blocks, plain_blocks
from clausetag.data.decode import decode
from clausetag.data.errors import DocumentError
from clausetag.data.html import html_blocks
from clausetag.data.schema import Document

TEXT_SUFFIXES = (".txt", ".md", ".markdown", ".html", ".htm")
_MARKDOWN = (".md", ".markdown")
_HTML = (".html", ".htm", ".xhtml")
_UNREADABLE_NAMES = (
    ".pdf .doc .docx .odt .rtf .epub .pages .ppt .pptx .xls .xlsx .zip .gz .png .jpg .jpeg .gif .webp .mp3 .mp4"
)
_UNREADABLE = frozenset(_UNREADABLE_NAMES.split())
"""Kinds that are named as unsupported. In a folder, files of any further kind are passed over in silence."""
_SUPPORTED = "plain text (.txt), Markdown (.md) and HTML (.html), or .jsonl with id and text or html"

_HTML_START = re.compile(r"\s*(?:<!--.{0,2000}?-->\s*)*<(?:!doctype html|html|head|body)\b", re.IGNORECASE | re.DOTALL)
_HTML_TAG = re.compile(r"</(?:p|div|h[1-6]|ul|ol|li|table|section|article|main|body|html)\s*>", re.IGNORECASE)
_NOT_TEXT = re.compile("[\x00-\x08\x0e-\x1b\x7f]")
_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class FailedInput:
    """An input, or one line of a JSONL input, that gave no document. `message` names it and says why."""

    policy: str
    code: str
    """missing, unreadable, empty, binary, encoding, unsupported or bad_row."""
    message: str


def extract_text(policy: str, text: str, markdown: bool | None = None) -> Document:
    """Read plain text or Markdown; None guesses which from headings and links in the text."""
    # Neither lone surrogates (JSON can bring them) nor control characters can be written to every output.
    clean = _NOT_TEXT.sub(" ", _SURROGATE.sub("\ufffd", text))
    is_markdown = looks_like_markdown(clean) if markdown is None else markdown
    return assemble(policy, markdown_blocks(clean) if is_markdown else plain_blocks(clean))


def extract_html(policy: str, html: str) -> Document:
    """Read the main text of an HTML page or fragment."""
    return assemble(policy, html_blocks(_SURROGATE.sub("\ufffd", html)))


def require_text(document: Document) -> Document:
    """Return the document as it is.

    Raises:
        DocumentError: code "empty", it holds no letter.
    """
    if not any(map(str.isalpha, document.text)):
        raise DocumentError("empty", "there is no text in it")
    return document


def looks_like_html(text: str) -> bool:
    """Whether text of unknown kind is an HTML page or fragment rather than text that mentions a tag."""
    return bool(_HTML_START.match(text) or (text.lstrip().startswith("<") and _HTML_TAG.search(text)))


def read_inputs(inputs: Sequence[str], stdin: BinaryIO) -> Iterator[Document | FailedInput]:
    """All documents of the inputs in order, each read when it is asked for; never raises for a bad input.

    An input is a file, a folder (read recursively, in sorted order), a glob pattern, a .jsonl file of policies, or
    "-" for `stdin`, which holds one document. A file that is reached twice is read once.
    """
    return _Reader(stdin).read(inputs)


@dataclass
class _Reader:
    stdin: BinaryIO
    ids: set[str] = field(default_factory=set)
    paths: set[str] = field(default_factory=set)

    def read(self, inputs: Iterable[str]) -> Iterator[Document | FailedInput]:
        for given in inputs:
            path = Path(given)
            # os.path answers False, where pathlib raises, for names that no file can have.
            if given == "-":
                yield self._stdin()
            elif os.path.isdir(given):
                yield from self._folder(path)
            elif not os.path.exists(given) and glob.has_magic(given):
                yield from self._glob(given)
            else:
                yield from self._file(path, path.name)

    def _stdin(self) -> Document | FailedInput:
        try:
            return self._document(self._free_id(["stdin"]), decode(self.stdin.read()), "")
        except DocumentError as error:
            return FailedInput("stdin", error.code, f"standard input: {error}")

    def _glob(self, pattern: str) -> Iterator[Document | FailedInput]:
        matches = sorted(glob.glob(pattern, recursive=True))
        files = [Path(match) for match in matches if os.path.isfile(match)]
        for path in files:
            yield from self._file(path, path.name)
        if not files:
            folders = [Path(match) for match in matches if os.path.isdir(match)]
            for path in folders:
                yield from self._folder(path)
            if not folders:
                yield FailedInput(pattern, "missing", f"{pattern}: no file matches this pattern")

    def _folder(self, folder: Path) -> Iterator[Document | FailedInput]:
        found = False
        for parent, names, files in os.walk(folder):
            names[:] = sorted(name for name in names if not name.startswith("."))
            for name in sorted(files):
                path = Path(parent, name)
                suffix = path.suffix.lower()
                if not name.startswith(".") and (suffix in TEXT_SUFFIXES or suffix in _UNREADABLE):
                    found = True
                    yield from self._file(path, path.relative_to(folder).as_posix())
        if not found:
            yield FailedInput(str(folder), "empty", f"{folder}: no document in this folder; supported are {_SUPPORTED}")

    def _file(self, path: Path, name: str) -> Iterator[Document | FailedInput]:
        """The document or documents of one file; `name` is the part of its path that identifies it."""
        if os.path.exists(path):
            real = os.path.realpath(path)
            if real in self.paths:
                return
            self.paths.add(real)
        suffix = path.suffix.lower()
        if suffix == ".jsonl":
            yield from self._jsonl(path)
            return
        policy = self._free_id([_stem(name), _stem(_relative(path)), _relative(path)])
        try:
            if suffix in _UNREADABLE and os.path.exists(path):
                raise DocumentError("unsupported", f"{suffix} is not supported; supported are {_SUPPORTED}")
            content = path.read_bytes()
            if not content.strip():
                raise DocumentError("empty", "the file is empty")
            yield self._document(policy, decode(content), suffix)
        except FileNotFoundError:
            yield FailedInput(policy, "missing", f"{path}: no such file")
        except (OSError, ValueError) as error:  # ValueError: a NUL in the name
            yield FailedInput(policy, "unreadable", f"{path}: {getattr(error, 'strerror', None) or error}")
        except DocumentError as error:
            yield FailedInput(policy, error.code, f"{path}: {error}")

    def _jsonl(self, path: Path) -> Iterator[Document | FailedInput]:
        try:
            with path.open("rb") as lines:
                read = 0
                for number, line in enumerate(lines, 1):
                    if line.strip():
                        read += 1
                        yield self._row(f"{path}, line {number}", f"{_relative(path)}:{number}", line)
        except OSError as error:
            missing = isinstance(error, FileNotFoundError)
            reason = "no such file" if missing else error.strerror or str(error)
            yield FailedInput(_relative(path), "missing" if missing else "unreadable", f"{path}: {reason}")
            return
        if not read:
            yield FailedInput(_relative(path), "empty", f"{path}: the file is empty")

    def _row(self, place: str, policy: str, line: bytes) -> Document | FailedInput:
        try:
            row = _policy_row(line)
            if str(row["id"]) in self.ids:
                raise DocumentError("bad_row", f"the id {row['id']!r} is taken already; ids must differ")
            policy = self._free_id([str(row["id"])])
            if "html" in row:
                return require_text(extract_html(policy, row["html"]))
            return require_text(extract_text(policy, row["text"]))
        except DocumentError as error:
            return FailedInput(policy, error.code, f"{place}: {error}")

    def _document(self, policy: str, text: str, suffix: str) -> Document:
        if suffix in _HTML or (suffix not in _MARKDOWN and looks_like_html(text)):
            return require_text(extract_html(policy, text))
        return require_text(extract_text(policy, text, markdown=True if suffix in _MARKDOWN else None))

    def _free_id(self, wishes: list[str]) -> str:
        """The first of the wishes that no other policy has, else the last with a number; it is taken from now on."""
        wishes = [_SURROGATE.sub("\ufffd", wish) for wish in wishes]
        policy = next((wish for wish in wishes if wish not in self.ids), "")
        number = 1
        while not policy or policy in self.ids:
            number += 1
            policy = f"{wishes[-1]}-{number}"
        self.ids.add(policy)
        return policy


def _relative(path: PurePath) -> str:
    """A path as given, without the parts that lead out of the folder: "../a/b.txt" and "/a/b.txt" are "a/b.txt"."""
    return "/".join(part for part in path.parts if part not in ("..", path.anchor)) or "."


def _stem(name: str) -> str:
    suffix = PurePath(name).suffix
    return name[: -len(suffix)] if suffix.lower() in (*TEXT_SUFFIXES, *_HTML, *_UNREADABLE) else name


def _policy_row(line: bytes) -> dict[str, Any]:
    """One line of a JSONL of policies.

    Raises:
        DocumentError: code "bad_row", with the reason.
    """
    try:
        row = json.loads(line.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise DocumentError("bad_row", f"not JSON in UTF-8 ({getattr(error, 'msg', None) or 'bad bytes'})") from None
    if not isinstance(row, dict):
        raise DocumentError("bad_row", f"expected a JSON object with id and text or html, found {type(row).__name__}")
    name = row.get("id")
    if not isinstance(name, str | int) or isinstance(name, bool) or name == "":
        raise DocumentError("bad_row", f"'id' must be a string or an integer, found {name!r}")
    if ("text" in row) == ("html" in row):
        raise DocumentError("bad_row", "expected one of the keys 'text' and 'html'")
    key = "text" if "text" in row else "html"
    if not isinstance(row[key], str):
        raise DocumentError("bad_row", f"{key!r} must be a string, found {type(row[key]).__name__}")
    return row
