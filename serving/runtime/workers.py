"""`clausetag serve --workers N`: several processes of the service on one port.

In one process, Python's global lock keeps HTTP, JSON and the writing of answers on one core. Each worker is a whole
service with its own model, readers and limits, and they accept connections from the same socket. A worker that dies is
replaced; signals are passed on, and each worker drains by itself.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import socket
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing import resource_tracker
from multiprocessing.connection import wait
from multiprocessing.context import SpawnProcess
from time import monotonic, sleep

from prometheus_client.multiprocess import mark_process_dead

from clausetag.model.runtime import available_cores
from clausetag.serving.observability.logs import configure_logging, log
from clausetag.serving.observability.metrics import MULTIPROCESS
from clausetag.serving.settings import Settings

Worker = Callable[[Settings, socket.socket], int]
"""Serves until SIGTERM; returns the exit code, 1 if the model could not be loaded."""
_POLL_SECONDS = 0.2
_PAUSE_SECONDS = 1.0
"""Pause before a process that died is replaced, so that one that always dies at once does not keep a core busy."""
_LAST_SECONDS = 10.0
"""Time after the grace period until the processes are killed."""


def run_workers(settings: Settings, listener: socket.socket, worker: Worker) -> int:
    """Run as many processes as the settings say until a signal; returns the exit code."""
    configure_logging()
    threads = settings.threads or max(1, available_cores() // settings.workers)
    settings = settings.model_copy(update={"threads": threads})
    with tempfile.TemporaryDirectory(prefix="clausetag-metrics-") as folder:
        os.environ[MULTIPROCESS] = folder
        try:
            return _Supervisor(settings, listener, worker, folder).run()
        finally:
            del os.environ[MULTIPROCESS]


class _Supervisor:
    def __init__(self, settings: Settings, listener: socket.socket, worker: Worker, folder: str) -> None:
        self._settings = settings
        self._arguments = (worker, settings, listener)
        self._folder = folder
        self._processes: list[SpawnProcess] = []
        self._signals: list[int] = []
        self._replaced = False

    def run(self) -> int:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda sig, _: self._signals.append(sig))
        for _ in range(self._settings.workers):
            self._start()
        code, passed_on, end = 0, 0, float("inf")
        while self._processes:
            wait([process.sentinel for process in self._processes], _POLL_SECONDS)
            if self._signals and not passed_on:
                end = monotonic() + self._settings.notice_seconds + self._settings.grace_seconds + _LAST_SECONDS
            while passed_on < min(len(self._signals), 2):  # the second one stops them at once
                passed_on += 1
                self._each(SpawnProcess.terminate)
            if monotonic() > end:
                self._each(SpawnProcess.kill)
            code = max(code, self._replace_the_dead())
        return code

    def _start(self) -> None:
        process = multiprocessing.get_context("spawn").Process(target=_run, args=self._arguments)
        with _interrupts_blocked():  # the process inherits that: Ctrl-C is for this one alone
            process.start()
        self._processes.append(process)

    def _each(self, act: Callable[[SpawnProcess], None]) -> None:
        for process in self._processes:
            act(process)

    def _replace_the_dead(self) -> int:
        """The exit code of processes that have ended: 1 if one ended that should not be started again."""
        code = 0
        for process in [each for each in self._processes if not each.is_alive()]:
            self._processes.remove(process)
            mark_process_dead(process.pid, self._folder)
            if process.exitcode == 0 or self._signals:
                code = max(code, int(process.exitcode not in (0, -signal.SIGTERM)))  # the latter before it was ready
            elif process.exitcode == 1 and not self._replaced:  # the model cannot be loaded
                self._signals.append(signal.SIGTERM)
                code = 1
            else:
                log("worker died", logging.ERROR, worker=process.pid, code=process.exitcode)
                self._replaced = True
                sleep(_PAUSE_SECONDS)
                self._start()
            process.close()
        return code


@contextmanager
def _interrupts_blocked() -> Iterator[None]:
    """SIGINT waits meanwhile. If it were ignored instead, a Ctrl-C in these milliseconds would be lost."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    resource_tracker.ensure_running()  # its start would end with SIGINT let through
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _run(worker: Worker, settings: Settings, listener: socket.socket) -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None

    def stop_with_parent() -> None:
        wait([parent.sentinel])
        with suppress(OSError):
            os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=stop_with_parent, daemon=True).start()
    raise SystemExit(worker(settings, listener))
