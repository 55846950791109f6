"""PDF and Word files are read in a process of their own, one a file.

Their parsers are large and partly C++, and the files come from strangers: a crash, an endless loop or a bomb ends that
process, and the service answers the others. Run as a module it is that process: bytes on stdin, JSON on stdout.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from contextlib import suppress
from dataclasses import asdict

from clausetag.data.documents.sniff import document_from_bytes
from clausetag.data.errors import DocumentError
from clausetag.data.records import Block, Document
from clausetag.serving.settings import Settings

_AT_ONCE = 2


class Reader:
    """Starts the processes, two at once."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._places = asyncio.Semaphore(_AT_ONCE)

    async def read(self, policy: str, content: bytes, suffix: str) -> Document:
        """The document in these bytes. Cancelling kills the process.

        Raises:
            DocumentError: it cannot be read; code "unreadable" also if its process died or took too long.
        """
        async with self._places:
            out = await self._run(policy, content, suffix)
        try:
            answer = json.loads(out)
        except ValueError:
            raise DocumentError("unreadable", "the file could not be read: its reader broke down") from None
        if "code" in answer:
            raise DocumentError(answer["code"], answer["message"])
        blocks = tuple(Block(**block) for block in answer["blocks"])
        return Document(answer["policy"], answer["text"], blocks, answer["notice"], tuple(answer["flags"]))

    async def _run(self, policy: str, content: bytes, suffix: str) -> bytes:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "clausetag.serving.runtime.reader",
            policy,
            suffix,
            str(int(self._settings.reader_bytes)),
            str(max(1, round(self._settings.reader_seconds))),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,  # what a parser prints may quote the file
            start_new_session=True,  # Ctrl-C in the terminal is for the service, which finishes what it has begun
        )
        try:
            async with asyncio.timeout(self._settings.reader_seconds):
                out, _ = await process.communicate(content)
                return out
        except TimeoutError:
            seconds = self._settings.reader_seconds
            raise DocumentError("unreadable", f"reading the file took more than {seconds:g} seconds") from None
        finally:
            if process.returncode != 0:  # it runs still, or it died and may have left one of its own behind
                with suppress(ProcessLookupError):
                    _kill(process)
                await process.wait()


def _kill(process: asyncio.subprocess.Process) -> None:
    """End the process and those that it started: the PDF reader runs pdfium in one of its own."""
    if hasattr(os, "killpg"):
        os.killpg(process.pid, signal.SIGKILL)  # it leads a session, so its id is the group's
    else:
        process.kill()


def main(policy: str, suffix: str, memory: str, seconds: str) -> None:
    """Read stdin, write the document or why there is none to stdout."""
    try:
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (int(memory), int(memory)))
        resource.setrlimit(resource.RLIMIT_CPU, (int(seconds), int(seconds)))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    except ImportError:  # Windows has no such limits; the time is watched from outside
        pass
    try:
        answer = asdict(document_from_bytes(policy, sys.stdin.buffer.read(), suffix))
    except DocumentError as error:
        answer = {"code": error.code, "message": str(error)}
    except MemoryError:
        answer = {"code": "too_large", "message": "reading the file takes too much memory"}
    sys.stdout.write(json.dumps(answer))  # ASCII, so that no locale can break it


if __name__ == "__main__":
    main(*sys.argv[1:])
