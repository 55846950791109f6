"""docs/SERVICE.md: its commands and code run, and it names every setting, error code and content type."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import TypeAdapter

from clausetag.cli import parse
from clausetag.data.corpora.five import read_source
from clausetag.serving.http.requests import CONTENT_TYPES
from clausetag.serving.http.schemas import DoneLine, PoliciesAnswer, StreamLine, TaggedPolicy
from clausetag.serving.settings import Settings
from tests.data.documents.pdf_fixture import typeset, write_pdf
from tests.serving.process import Process

ROOT = Path(__file__).resolve().parents[2]
DOC = (ROOT / "docs" / "SERVICE.md").read_text(encoding="utf-8")
URL = "http://127.0.0.1:8000"


def blocks(text: str, language: str) -> str:
    return "\n".join(re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL))


def test_curl(running: Process, tmp_path: Path) -> None:
    if not shutil.which("curl"):
        pytest.skip("needs curl")
    (tmp_path / "policy.md").write_text(read_source("000_sagenext"), encoding="utf-8")
    (tmp_path / "policy.pdf").write_bytes(write_pdf(typeset([("We encrypt all of your data.", "paragraph")])))
    commands = [line for line in blocks(DOC, "sh").splitlines() if line.startswith("curl") and URL in line]
    assert commands
    for command in commands:
        line = command.replace(URL, running.url.rstrip("/"))
        done = subprocess.run(["sh", "-c", line], cwd=tmp_path, capture_output=True, timeout=60, check=True)
        if "x-ndjson" in line:
            lines = [TypeAdapter(StreamLine).validate_json(each) for each in done.stdout.splitlines()]
            assert isinstance(lines[-1], DoneLine)
        elif "/predict" in line:
            answer = PoliciesAnswer if '"policies"' in line else TaggedPolicy
            answer.model_validate_json(done.stdout)


def test_python(running: Process) -> None:
    code = blocks(DOC, "py")
    assert URL in code
    command = [sys.executable, "-c", code.replace(URL, running.url.rstrip("/"))]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert "We never sell your data." in done.stdout and done.stdout.count("\n") == 2


def test_command_lines_parse() -> None:
    lines = [line for line in blocks(DOC, "sh").splitlines() if "clausetag serve" in line]
    units = re.findall(r"ExecStart=\S*/(clausetag serve.*)", DOC)
    words = [json.loads(found) for found in re.findall(r"^CMD (\[.*\])$", DOC, re.MULTILINE)]
    assert lines and units and words
    for line in [*lines, *units]:
        words.append(line.partition("#")[0].split())
    for each in words:
        namespace, module = parse(each[each.index("clausetag") + 1 :])
        assert module == "clausetag.serve" and namespace.command == "serve"


def test_every_setting_stands_with_its_default() -> None:
    table = dict(re.findall(r"^\| `(--[a-z-]+)` \| ([\d,]+) \|", DOC, re.MULTILINE))
    for name in Settings.model_fields:
        option, default = "--" + name.replace("_", "-"), getattr(Settings(), name)
        assert option in DOC, option
        if option in table:
            assert float(table[option].replace(",", "")) == default, option
    assert len(table) == 15


def test_every_error_code_and_content_type_stands() -> None:
    sources = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "serving").rglob("*.py"))
    codes = set(re.findall(r'ApiError\(\s*\d{3},\s*"(\w+)"', sources)) | {"starting", "draining", "failed", "internal"}
    assert len(codes) > 15
    for word in (*codes, *CONTENT_TYPES):
        assert f"`{word}`" in DOC or f"Content-Type: {word}" in DOC, word


def test_the_grace_fits_into_the_time_that_systemd_leaves() -> None:
    stop = float(re.findall(r"TimeoutStopSec=(\d+)", DOC)[0])
    notice = float(re.findall(r"--notice-seconds (\d+)", DOC)[0])
    assert stop > notice + Settings().grace_seconds
