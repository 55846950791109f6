"""Every limit and switch of the service, in one place: command line over environment over default.

`--max-queue 8` and `CLAUSETAG_MAX_QUEUE=8` say the same. The API key stands in no command line, where other users of
the machine could read it: it comes from CLAUSETAG_API_KEY or a file.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from clausetag.data.errors import ClausetagError


@dataclass(frozen=True, slots=True)
class Settings:
    """Checked settings.

    Raises:
        ClausetagError: a value is out of range; the message names it.
    """

    host: str = "127.0.0.1"
    """Address to listen on; the default is reached from this machine alone."""
    port: int = 8000
    """Port to listen on; 0 takes a free one, which the log names."""
    model: str = ""
    """Model folder or shipped name; empty for CLAUSETAG_MODEL, else the shipped one."""
    threads: int = 0
    """Threads of the network; 0 for the cores that this process may use."""
    max_body_bytes: int = 10_000_000
    """Bytes of a request's body, counted while they arrive (413)."""
    max_characters: int = 1_000_000
    """Characters of a request's extracted texts together (422). OPP-115's longest policy has about 50,000."""
    max_sentences: int = 20_000
    """Sentences of a request, given or found, together (422)."""
    max_policies: int = 64
    """Policies of a request (422)."""
    max_queue: int = 64
    """Requests that are being answered or wait for it; one more gets 429 at once."""
    max_uploads: int = 256
    """Requests whose body is still arriving; one more gets 429 at once."""
    deadline_seconds: float = 30.0
    """Time to answer a request that has arrived whole (504)."""
    read_seconds: float = 10.0
    """Time for a request to arrive: its headers, then its body (408)."""
    write_seconds: float = 60.0
    """Time for a client to take its answer; then the connection is closed."""
    reader_seconds: float = 20.0
    """Time for a process of its own to read a PDF or Word file, before it is killed (422)."""
    reader_bytes: int = 2_000_000_000
    """Memory of that process."""
    batch_tokens: int = 1024
    """Word pieces given to the network at once: a new request waits for two such batches at most, if others are
    being answered."""
    grace_seconds: float = 30.0
    """After SIGTERM, time for the requests in flight to be answered; then they are cut off."""
    notice_seconds: float = 0.0
    """After SIGTERM, time in which /readyz says 503 before the port closes, for load balancers to notice."""
    api_key: str = ""
    """Key that /predict, /info and /metrics ask for (`Authorization: Bearer KEY`); empty for none."""
    cors_origins: tuple[str, ...] = ()
    """Origins of web pages that may call the service, such as https://example.org; none by default."""

    def __post_init__(self) -> None:
        """Check the ranges."""
        for name in (n for n, value in _numbers(self).items() if n not in _MAY_BE_ZERO and value <= 0):
            raise ClausetagError(f"{_option(name)} must be larger than 0")
        for name, value in _numbers(self).items():
            if not 0 <= value <= 1e12:
                raise ClausetagError(f"{_option(name)} {value}: out of range")
        if self.port > 65_535:
            raise ClausetagError(f"--port {self.port}: use 0 to 65535")
        if self.threads > 1024:
            raise ClausetagError(f"--threads {self.threads}: use 1 to 1024")
        if any(not origin.startswith(("http://", "https://")) for origin in self.cors_origins):
            raise ClausetagError("--cors-origins: give origins such as https://example.org, separated by commas")
        if not self.api_key.isascii() or any(not "!" <= letter <= "~" for letter in self.api_key):
            raise ClausetagError("the API key must be of printable ASCII characters without spaces")

    def limits(self) -> dict[str, int | float]:
        """What `/info` says: the limits that a client can run into."""
        return {name: value for name, value in _numbers(self).items() if name not in _NO_LIMIT}


_MAY_BE_ZERO = frozenset({"port", "threads", "notice_seconds"})
_NO_LIMIT = frozenset({"port", "threads", "notice_seconds", "grace_seconds", "reader_bytes"})
_HELP = {
    "host": "address to listen on",
    "port": "port to listen on, 0 for a free one",
    "model": "model folder or shipped name",
    "threads": "threads of the network, 0 for the cores that this process may use",
    "max_body_bytes": "bytes of a body",
    "max_characters": "characters of text in a request",
    "max_sentences": "sentences in a request",
    "max_policies": "policies in a request",
    "max_queue": "requests being answered or waiting",
    "max_uploads": "requests still arriving",
    "deadline_seconds": "time to answer a request",
    "read_seconds": "time for a request to arrive",
    "write_seconds": "time for a client to take its answer",
    "reader_seconds": "time to read a PDF or Word file",
    "reader_bytes": "memory to read a PDF or Word file",
    "batch_tokens": "word pieces given to the network at once",
    "grace_seconds": "time to finish after SIGTERM",
    "notice_seconds": "time from SIGTERM to the closing of the port",
    "cors_origins": "origins of web pages that may call, separated by commas",
}


def _numbers(settings: Settings) -> dict[str, int | float]:
    values = {field.name: getattr(settings, field.name) for field in fields(settings)}
    return {name: value for name, value in values.items() if isinstance(value, int | float)}


def _option(name: str) -> str:
    return "--" + name.replace("_", "-")


def add_options(parser: argparse.ArgumentParser) -> None:
    """An option for every setting but the key; what is not given is left to the environment."""
    defaults = Settings()
    for name, text in _HELP.items():
        default = getattr(defaults, name)
        shown = f" (default: {default:,})" if isinstance(default, int | float) else f" (default: {default or 'none'})"
        shown = " (default: CLAUSETAG_MODEL, else the shipped one)" if name == "model" else shown
        parser.add_argument(_option(name), dest=name, metavar=name.split("_")[-1].upper(), help=text + shown)
    parser.add_argument(
        "--api-key-file", metavar="FILE", help="file with the key that callers must send (or set CLAUSETAG_API_KEY)"
    )


def settings_from(arguments: argparse.Namespace, environment: Mapping[str, str] = os.environ) -> Settings:
    """The settings of a command line and the environment.

    Raises:
        ClausetagError: a value is no number or out of range, or the key's file cannot be read.
    """
    values: dict[str, Any] = {}
    for field in fields(Settings):
        name = field.name
        given = getattr(arguments, name, None)
        text = given if given is not None else environment.get(f"CLAUSETAG_{name.upper()}")
        if text is None or (text == "" and given is None):
            continue
        where = _option(name) if given is not None else f"CLAUSETAG_{name.upper()}"
        values[name] = _parse(where, text, getattr(Settings(), name))
    key_file = getattr(arguments, "api_key_file", None) or environment.get("CLAUSETAG_API_KEY_FILE")
    if key_file:
        values["api_key"] = _key(key_file)
    return Settings(**values)


def _parse(where: str, text: str, default: Any) -> Any:
    if isinstance(default, tuple):
        return tuple(part.strip() for part in text.split(",") if part.strip())
    if isinstance(default, str):
        return text
    kind: type[int] | type[float] = int if isinstance(default, int) else float
    try:
        return kind(text)
    except ValueError:
        raise ClausetagError(f"{where} {text!r}: not {'a whole number' if kind is int else 'a number'}") from None


def _key(path: str) -> str:
    try:
        key = Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ClausetagError(f"{path}: the key cannot be read ({type(error).__name__})") from None
    if not key:
        raise ClausetagError(f"{path}: there is no key in it")
    return key
