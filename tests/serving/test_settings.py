"""Settings: where each value comes from, and what a wrong one is answered with."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from clausetag.data.errors import ClausetagError
from clausetag.serving.settings import Settings, add_options, settings_from

KEY = "correct-horse"


@pytest.fixture
def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser()
    add_options(parser)
    return parser


def test_options_precede_the_environment_which_precedes_defaults(
    parser: argparse.ArgumentParser, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert settings_from(parser.parse_args([])) == Settings()
    monkeypatch.setenv("CLAUSETAG_PORT", "1")
    monkeypatch.setenv("CLAUSETAG_MAX_QUEUE", "2")
    monkeypatch.setenv("CLAUSETAG_CORS_ORIGINS", "http://a, http://b")
    monkeypatch.setenv("CLAUSETAG_MAX_UPLOADS", "")  # as good as unset
    found = settings_from(parser.parse_args(["--port", "3"]))
    assert (found.port, found.max_queue, found.cors_origins, found.max_uploads) == (3, 2, ("http://a", "http://b"), 256)


@pytest.mark.parametrize("name", [name for name in Settings.model_fields if name != "api_key"])
def test_option_and_variable_mean_the_same(
    parser: argparse.ArgumentParser, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    (tmp_path / "key").write_text(KEY, encoding="utf-8")
    values = {"cors_origins": "https://a.example,http://b", "api_key_file": str(tmp_path / "key")}
    value = values.get(name, "7")
    by_option = settings_from(parser.parse_args([f"--{name.replace('_', '-')}", value]))
    monkeypatch.setenv(f"CLAUSETAG_{name.upper()}", value)
    assert settings_from(parser.parse_args([])) == by_option != Settings.model_construct()
    assert f"--{name.replace('_', '-')}" in parser.format_help() and Settings.model_fields[name].description


def test_the_key_comes_from_the_environment_or_a_file_and_is_never_shown(
    parser: argparse.ArgumentParser, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "key"
    file.write_text(f"{KEY}\n", encoding="utf-8")
    from_file = settings_from(parser.parse_args(["--api-key-file", str(file)]))
    monkeypatch.setenv("CLAUSETAG_API_KEY", KEY)
    from_environment = settings_from(parser.parse_args([]))
    for settings in (from_file, from_environment):
        assert settings.api_key.get_secret_value() == KEY
        assert KEY not in repr(settings)
    monkeypatch.setenv("CLAUSETAG_API_KEY", f"{KEY} with spaces")
    with pytest.raises(ClausetagError, match="CLAUSETAG_API_KEY: the API key must be printable ASCII") as caught:
        settings_from(parser.parse_args([]))
    assert KEY not in str(caught.value)
    assert settings_from(parser.parse_args(["--api-key-file", str(file)])) == from_file
    assert "--api-key " not in parser.format_help()


def test_wrong_values_are_named(
    parser: argparse.ArgumentParser, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "empty").write_text(" \n", encoding="utf-8")
    (tmp_path / "binary").write_bytes(b"\xff")
    for options, message in (
        (["--port", "65536"], "--port '65536': input should be less than or equal to 65535"),
        (["--threads", "1025"], "--threads '1025': input should be less than or equal to 1024"),
        (["--max-sentences", "0"], "--max-sentences '0': input should be greater than 0"),
        (["--max-policies", "1.5"], "--max-policies '1.5': input should be a valid integer"),
        (["--grace-seconds", "inf"], "--grace-seconds 'inf': input should be"),
        (["--notice-seconds", "-1"], "--notice-seconds '-1': input should be greater than or equal to 0"),
        (["--cors-origins", "https://a,b"], "--cors-origins 'https://a,b': give origins such as https://example.org"),
        (["--api-key-file", str(tmp_path / "none")], "none: the key cannot be read (FileNotFoundError)"),
        (["--api-key-file", str(tmp_path / "binary")], "binary: the key cannot be read (UnicodeDecodeError)"),
        (["--api-key-file", str(tmp_path / "empty")], "empty: the file is empty"),
    ):
        with pytest.raises(ClausetagError) as caught:
            settings_from(parser.parse_args(options))
        assert message in str(caught.value) and "\n" not in str(caught.value)
    monkeypatch.setenv("CLAUSETAG_READ_SECONDS", "soon")
    with pytest.raises(ClausetagError, match="CLAUSETAG_READ_SECONDS 'soon': input should be a valid number"):
        settings_from(parser.parse_args([]))
    assert settings_from(parser.parse_args(["--read-seconds", "5"])).read_seconds == 5


def test_the_defaults_are_for_this_machine_only() -> None:
    settings = Settings()
    assert (settings.host, settings.api_key.get_secret_value(), settings.cors_origins) == ("127.0.0.1", "", ())


def test_clients_are_told_the_limits_that_concern_them() -> None:
    assert Settings(max_queue=5, read_seconds=2).limits() == {
        "max_body_bytes": 10_000_000,
        "max_connections": 1000,
        "max_characters": 1_000_000,
        "max_sentences": 20_000,
        "max_policies": 64,
        "max_queue": 5,
        "max_streams": 32,
        "max_uploads": 256,
        "deadline_seconds": 30.0,
        "read_seconds": 2.0,
        "write_seconds": 60.0,
        "reader_seconds": 20.0,
    }
