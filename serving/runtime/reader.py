"""Reads PDF and Word files in processes of their own, one for each file.

Their parsers are large, partly C++, and get files from strangers. A crash, an endless loop or a decompression bomb ends
such a process, not the service. Run as a module, this is that process: bytes on stdin, JSON on stdout.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict

from clausetag.data.documents.sniff import document_from_bytes
from clausetag.data.errors import DocumentError
from clausetag.data.records import Document, block_from_row

_COMMAND = (sys.executable, "-m", "clausetag.serving.runtime.reader")


class ProcessReader:
    """Reads files in killable processes, at most `processes` at once, each limited in time and memory."""

    def __init__(
        self, *, seconds: float, memory_bytes: int, processes: int = 2, command: Sequence[str] = _COMMAND
    ) -> None:
        self._seconds = seconds
        self._memory_bytes = memory_bytes
        self._slots = asyncio.Semaphore(processes)
        self._command = command

    async def read(self, policy: str, content: bytes, suffix: str) -> Document:
        """Extract the document in these bytes. Cancelling kills the process.

        Raises:
            DocumentError: it cannot be read; code "unreadable" also if the process died or took too long.
        """
        async with self._slots:
            output = await self._run(policy, content, suffix)
        try:
            answer = json.loads(output)
        except ValueError:
            raise DocumentError("unreadable", "the file could not be read: its reader broke down") from None
        if "code" in answer:
            raise DocumentError(answer["code"], answer["message"])
        blocks = tuple(map(block_from_row, answer["blocks"]))
        return Document(answer["policy"], answer["text"], blocks, answer["notice"], tuple(answer["flags"]))

    async def _run(self, policy: str, content: bytes, suffix: str) -> bytes:
        process = await asyncio.create_subprocess_exec(
            *self._command,
            policy,
            suffix,
            str(self._memory_bytes),
            str(max(1, round(self._seconds))),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,  # parsers' messages may quote the file
            start_new_session=True,  # so that Ctrl-C in a terminal reaches only the service, which then drains
        )
        try:
            async with asyncio.timeout(self._seconds):
                output, _ = await process.communicate(content)
                return output
        except TimeoutError:
            message = f"reading the file took more than {self._seconds:g} seconds"
            raise DocumentError("unreadable", message) from None
        finally:
            if process.returncode != 0:  # it still runs, or it died and may have left a child behind
                with suppress(ProcessLookupError):
                    _kill(process)
                await process.wait()


def _kill(process: asyncio.subprocess.Process) -> None:
    """Kill the process and its children: the PDF reader runs pdfium in a process of its own."""
    if hasattr(os, "killpg"):
        os.killpg(process.pid, signal.SIGKILL)  # it leads a session, so its id is also its group's
    else:  # Windows has no process groups; the child ends when its pipe to the process closes
        process.kill()


def main(policy: str, suffix: str, memory: str, seconds: str) -> None:
    """Read stdin; write the document, or why it cannot be read, to stdout."""
    with suppress(ImportError):  # Windows has no such limits; the service still limits the time
        import resource

        for kind, limit in ((resource.RLIMIT_AS, memory), (resource.RLIMIT_CPU, seconds), (resource.RLIMIT_CORE, 0)):
            with suppress(ValueError, OSError):  # macOS refuses to limit memory; a lower limit may exist already
                resource.setrlimit(kind, (int(limit), int(limit)))
    try:
        answer = asdict(document_from_bytes(policy, sys.stdin.buffer.read(), suffix))
    except DocumentError as error:
        answer = {"code": error.code, "message": str(error)}
    except MemoryError:
        answer = {"code": "too_large", "message": "reading the file takes too much memory"}
    sys.stdout.write(json.dumps(answer))  # ASCII, whatever the locale


if __name__ == "__main__":
    main(*sys.argv[1:])
