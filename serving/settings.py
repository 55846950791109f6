"""Settings of the service: command line over environment over default.

`--max-queue 8` and `CLAUSETAG_MAX_QUEUE=8` mean the same. The API key is not a command-line option, which other users
of the machine could read: it comes from CLAUSETAG_API_KEY or from a file.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from clausetag.data.errors import ClausetagError

_PREFIX = "CLAUSETAG_"
_LARGEST = 10**12
Count = Annotated[int, Field(gt=0, le=_LARGEST)]
Seconds = Annotated[float, Field(gt=0, le=_LARGEST, allow_inf_nan=False)]


class Settings(BaseSettings):
    """Validated settings; what isn't given is read from the environment.

    Raises:
        pydantic.ValidationError: a value is wrong.
        ClausetagError: the file with the API key cannot be read.
    """

    model_config = SettingsConfigDict(
        env_prefix=_PREFIX, env_ignore_empty=True, frozen=True, use_attribute_docstrings=True
    )

    host: str = "127.0.0.1"
    """Address to listen on; the default is reachable from this machine only."""
    port: Annotated[int, Field(ge=0, le=65_535)] = 8000
    """Port to listen on; 0 takes a free one, which the log names."""
    model: str = ""
    """Model folder or name of a shipped model; the default is CLAUSETAG_MODEL, else the shipped default model."""
    served_name: str = ""
    """Name of the model on the routes of platforms (/v2/models/NAME); the default is the model's own."""
    threads: Annotated[int, Field(ge=0, le=1024)] = 0
    """Threads of the network; 0 for as many as there are usable cores."""
    workers: Annotated[int, Field(ge=1, le=256)] = 1
    """Processes on the port, each with its own model, its share of the cores, and these limits."""
    max_body_bytes: Count = 10_000_000
    """Size of a request's body in bytes, counted while it arrives, and again when it is unpacked; more gets 413."""
    max_characters: Count = 1_000_000
    """Characters of a request's extracted texts together; more gets 422. OPP-115's longest policy has about 50,000."""
    max_sentences: Count = 20_000
    """Sentences of a request together; more gets 422."""
    max_policies: Count = 64
    """Policies in a request; more gets 422."""
    max_queue: Count = 64
    """Requests being answered or waiting; one more gets 429 at once."""
    max_streams: Count = 32
    """Answers being sent line by line, however slowly their clients take them; one more gets 429 at once."""
    max_uploads: Count = 256
    """Requests whose body is still arriving; one more gets 429 at once."""
    max_connections: Count = 1000
    """Open connections, and at most 128 less than the system's limit of open files; one more closes the idlest."""
    deadline_seconds: Seconds = 30.0
    """Time to answer a request after its body has arrived, or for the next lines of a stream; then it gets 504."""
    read_seconds: Seconds = 10.0
    """Time for a request's headers to arrive (then the connection is closed), and for its body (then it gets 408)."""
    write_seconds: Seconds = 60.0
    """Time for a client to take its answer; then the connection is closed."""
    reader_seconds: Seconds = 20.0
    """Time for reading a document in a process of its own; then the process is killed and the answer is 422."""
    reader_bytes: Count = 1_000_000_000
    """Memory in bytes that such a process may need for a document (Linux only); more gets 413."""
    grace_seconds: Seconds = 30.0
    """Time after SIGTERM to finish the requests in progress; then they get 503."""
    notice_seconds: Annotated[float, Field(ge=0, le=_LARGEST, allow_inf_nan=False)] = 0.0
    """Time after SIGTERM in which /readyz says 503 before the port closes, for load balancers to notice."""
    api_key: SecretStr = SecretStr("")
    """Key that /predict, /info and /metrics require (`Authorization: Bearer KEY`); none by default."""
    api_key_file: str = ""
    """File with the key that clients must send."""
    cors_origins: Annotated[tuple[str, ...], NoDecode] = ()
    """Origins of web pages that may call the service, such as https://example.org, separated by commas."""

    otel_endpoint: str = ""
    """Address that gets OpenTelemetry spans, such as http://127.0.0.1:4318/v1/traces; needs the extra otel."""

    @field_validator("cors_origins", mode="before")
    @classmethod
    def _split_origins(cls, value: Any) -> Any:
        origins = tuple(filter(None, map(str.strip, value.split(",")))) if isinstance(value, str) else value
        if any(not origin.startswith(("http://", "https://")) for origin in origins):
            raise ValueError("give origins such as https://example.org, separated by commas")
        return origins

    @field_validator("api_key")
    @classmethod
    def _check_key(cls, key: SecretStr) -> SecretStr:
        if any(not "!" <= character <= "~" for character in key.get_secret_value()):
            raise ValueError("the API key must be printable ASCII characters without spaces")
        return key

    @model_validator(mode="before")
    @classmethod
    def _read_key_file(cls, values: dict[str, Any]) -> dict[str, Any]:
        path = values.get("api_key_file")
        if not path:
            return values
        try:
            key = Path(path).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ClausetagError(f"{path}: the key cannot be read ({type(error).__name__})") from None
        if not key:
            raise ClausetagError(f"{path}: the file is empty; write the API key into it")
        return {**values, "api_key": key}

    def limits(self) -> dict[str, int | float]:
        """The limits that a client can run into, for `/info`."""
        names = {"deadline_seconds", "read_seconds", "write_seconds", "reader_seconds"}
        return self.model_dump(include=names | {name for name in type(self).model_fields if name.startswith("max_")})


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add an option for every setting but the API key; its value stays a string, which `settings_from` checks."""
    for name, field in Settings.model_fields.items():
        if name == "api_key":
            continue
        default = "none" if field.default in ("", ()) else field.default
        shown = f"{default:,}" if isinstance(default, int | float) and default > 9999 else default
        text = f"{field.description} (default: {shown})" if name != "model" else field.description
        parser.add_argument(_option(name), metavar=name.split("_")[-1].upper(), help=text)


def settings_from(arguments: argparse.Namespace) -> Settings:
    """The settings of a command line, the environment and the defaults.

    Raises:
        ClausetagError: a value is wrong; the message names the option or variable and what is allowed.
    """
    options = {name: getattr(arguments, name, None) for name in Settings.model_fields}
    given = {name: value for name, value in options.items() if value is not None}
    try:
        return Settings(**given)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        name = str(first["loc"][0])
        where = _option(name) if name in given else _PREFIX + name.upper()
        value = "" if name == "api_key" else f" {first['input']!r}"
        message = first["msg"].removeprefix("Value error, ")
        raise ClausetagError(f"{where}{value}: {message[:1].lower()}{message[1:]}") from None


def _option(name: str) -> str:
    return "--" + name.replace("_", "-")
