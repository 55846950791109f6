"""The output of a run on many machines: parts gather in a work folder and get their names at the end, all at once."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from types import TracebackType
from uuid import uuid4

from clausetag.data.jsonl import write_text
from clausetag.predict.ray.storage import Place, reason
from clausetag.predict.run_folder import OutputError, RunFolder
from clausetag.predict.writers.writer import RUN_JSON

PREDICTIONS, DOCUMENTS = "predictions", "documents"
DATASETS = (PREDICTIONS, DOCUMENTS)
"""Subfolders of an output: rows of sentences, and rows of documents with their texts. Their parts are named alike."""
_PART = re.compile(r"part-\d+-\d+\.parquet")
_MOVES = 32
"""Files moved at once in an object store, where each move is a request or two."""


class OutputFolder:
    """Use it in a ``with`` block, which removes the work folder at its end.

    On a file system the output is locked against a second run, and a failed or killed run leaves what was there before.
    An object store knows no locks and no renaming of folders: there the parts are moved one by one, and `RUN_JSON`,
    which is removed first and written last, says that they are complete.

    Raises, when the block is entered:
        DataError: the folder cannot be made, or another run is writing it.
    """

    def __init__(self, target: str) -> None:
        self._given = target
        self.place = Place.of(target)
        self.work = self.place
        """Where the parts gather, in subfolders named as `DATASETS`."""
        self._stack = ExitStack()

    def __enter__(self) -> OutputFolder:
        with ExitStack() as stack, self._writing():
            self._check()
            if self.place.uri:
                self.work = self.place / f".clausetag-{uuid4().hex}"
                stack.callback(self._remove_work)
            else:
                folder = stack.enter_context(RunFolder(Path(self._given), is_file=False))
                stack.callback(folder.remove)
                folder.clear()
                self.work = Place(str(folder.path.absolute())) / "parts"
            for name in DATASETS:
                self.work.filesystem.create_dir((self.work / name).path, recursive=True)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def commit(self, parts: Iterable[str], summary: str) -> None:
        """Give these parts their place, and write the run's summary behind them; parts of an earlier run are gone then.

        Raises:
            OutputError: a part is missing, or the folder cannot be written.
        """
        wanted = set(parts)
        with self._writing():
            for folder in (self.work / name for name in DATASETS):
                there = set(folder.names())
                if missing := sorted(wanted - there):
                    raise OutputError(f"{self._given}: {folder.name}/{missing[0]} is lost; nothing was written")
                for stray in there - wanted:  # what a worker that was killed had half copied
                    folder.filesystem.delete_file((folder / stray).path)
            (self._move if self.place.uri else self._rename)(sorted(wanted), summary)

    def _check(self) -> None:
        """Refuse to replace what no run wrote."""
        for folder in (self.place / name for name in DATASETS):
            foreign = [name for name in folder.names() if not _PART.fullmatch(name)]
            if foreign or (not self.place.uri and os.path.lexists(folder.path) and not os.path.isdir(folder.path)):
                raise OutputError(f"{folder}: would be replaced, but is no run's; move it away or give another -o")

    def _rename(self, _: list[str], summary: str) -> None:
        target, work = Path(self.place.path), Path(self.work.path)
        (target / RUN_JSON).unlink(missing_ok=True)
        for name in DATASETS:
            place, old = target / name, work / f"old-{name}"
            if place.exists():
                place.rename(old)
            try:
                (work / name).rename(place)
            except OSError:
                with suppress(OSError):
                    old.rename(place)
                raise
        write_text(target / RUN_JSON, summary)

    def _move(self, parts: list[str], summary: str) -> None:
        store = self.place.filesystem
        done = self.place / RUN_JSON
        with suppress(FileNotFoundError):
            store.delete_file(done.path)
        pairs: list[tuple[str, str]] = []
        for name in DATASETS:
            place = self.place / name
            store.create_dir(place.path, recursive=True)
            for old in place.names():
                store.delete_file((place / old).path)
            pairs += [((self.work / name / part).path, (place / part).path) for part in parts]
        with ThreadPoolExecutor(_MOVES) as pool:
            list(pool.map(lambda pair: store.move(*pair), pairs))
        with store.open_output_stream(done.path, compression=None) as stream:
            stream.write(summary.encode())

    def _remove_work(self) -> None:
        with suppress(OSError):  # what stays is hidden and does no harm
            self.work.filesystem.delete_dir(self.work.path)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise OutputError(f"{self._given}: cannot be written ({reason(error)})") from None
