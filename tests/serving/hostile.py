"""What a reader process runs in tests in place of `prepare`: some texts hang or crash it, as a parser's fault would."""

from __future__ import annotations

import ctypes
import time
from pathlib import Path

from clausetag.serving.runtime.prepare import ModelFiles, PolicySource, SentenceList, TextLimits, prepare

PATCH = """
import clausetag.serving.runtime.service as service
from tests.serving.hostile import hostile
service.prepare = hostile
"""
"""Code that makes a service use it."""
HANG, SPIN, CRASH, FILL, FAIL, GROW = "hang", "spin", "crash", "fill", "fail", "grow"


def hostile(model: ModelFiles, source: PolicySource | SentenceList, limits: TextLimits) -> bytes:
    """`prepare`, but for texts that are one of the words above (and then may have a file that is made first)."""
    word, _, path = str(getattr(source, "content", "")).partition(" ")
    if word in (HANG, SPIN, CRASH, FILL, FAIL, GROW) and path:
        Path(path).touch()
    if word == HANG:
        time.sleep(600)
    if word == SPIN:
        sum(1 for _ in iter(int, 1))
    if word == CRASH:
        ctypes.string_at(0)
    if word == FILL:
        return b"a" * 10**10
    if word == GROW:
        held: list[bytes] = []
        while True:
            held.append(b"a" * 10_000_000)
    if word == FAIL:
        raise ValueError("the text of a policy")
    return prepare(model, source, limits)
