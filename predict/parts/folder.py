"""The output of a run on many machines: parts gather in a hidden folder and get their places at the end.

Of each part the folder holds the rows, the documents and, written last, a record. A part that has a record is complete,
so that a run can be resumed without the rest.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any
from uuid import uuid4

from clausetag.data.durable import replace_file, sync_folder
from clausetag.predict.batch import PREDICTIONS
from clausetag.predict.parts.inputs import error_text, is_uri, open_store, part_name
from clausetag.predict.run_folder import OutputError, RunFolder
from clausetag.predict.writers.writer import RUN_JSON

DOCUMENTS, RECORDS = "documents", "records"
DATASETS = (PREDICTIONS, DOCUMENTS)
"""Subfolders of an output: rows of sentences, and rows of documents with their texts. A part has a file in each."""
_PART = re.compile(r"part-\d+(-\d+)?\.parquet")
_REQUESTS = 32
"""Files that are read, moved or removed at once: in an object store each takes a request or two."""


@dataclass(frozen=True)
class PartFolder:
    """An output folder on a drive or in an object store. It can be pickled."""

    store: Any
    """The `fsspec.AbstractFileSystem` that has it."""
    path: str
    shown: str
    """As given."""

    @classmethod
    def open(cls, target: str) -> PartFolder:
        """The folder of a path or URI; it need not exist.

        Raises:
            DataError: the object store is not known or cannot be reached, or the folder has files of others.
        """
        folder = cls(*open_store(target), target)
        with folder.errors():
            for name in DATASETS:
                place = f"{folder.path}/{name}"
                if folder.store.isfile(place) or not all(map(_PART.fullmatch, folder.names(name))):
                    raise OutputError(f"{place}: has files that no run wrote; move it away or give another -o")
        return folder

    @property
    def on_drive(self) -> bool:
        """Whether it is on a drive, where files must be written to the disk; object stores do that by themselves."""
        protocol = self.store.protocol
        return not {"file", "local"}.isdisjoint([protocol] if isinstance(protocol, str) else protocol)

    @property
    def work(self) -> str:
        """Where the parts gather."""
        return f"{self.path}/.clausetag/parts"

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Keep a second run out, and remove what is no longer needed. Object stores have no locks.

        Raises:
            DataError: another run is writing the folder, or it cannot be written.
        """
        with ExitStack() as stack:
            run = None if is_uri(self.shown) else stack.enter_context(RunFolder(Path(self.shown), is_file=False))
            try:
                yield
            finally:
                with suppress(OSError):  # what stays is hidden and does no harm
                    if not self.names(f".clausetag/parts/{RECORDS}"):
                        self.store.rm(f"{self.path}/.clausetag", recursive=True) if run is None else run.remove()

    def names(self, folder: str) -> set[str]:
        """Names of what is in a subfolder; none if there is no such folder. Raises OSError."""
        try:
            return {PurePosixPath(path).name for path in self.store.ls(f"{self.path}/{folder}", detail=False)}
        except FileNotFoundError:
            return set()

    def write(self, path: str, content: bytes) -> None:
        """Write a file, which appears whole or not at all, also after a power cut. Raises OSError."""
        temporary = f"{path}.{uuid4().hex}"
        self.store.pipe_file(temporary, content)
        if self.on_drive:
            replace_file(Path(temporary), Path(path))
        else:
            self.store.mv(temporary, path)

    def write_part(self, files: Mapping[str, Any]) -> None:
        """Write a part, the record last; `files` has its `name`, and the content for each folder. Raises OSError."""
        for folder in (*DATASETS, RECORDS):
            self.write(f"{self.work}/{folder}/{files['name']}", files[folder])

    def records(self) -> dict[str, dict[str, Any]]:
        """The records of the complete parts, by name. Raises OSError."""
        names = sorted(filter(_PART.fullmatch, self.names(f".clausetag/parts/{RECORDS}")))
        with ThreadPoolExecutor(_REQUESTS) as pool:
            contents = pool.map(lambda name: self.store.cat_file(f"{self.work}/{RECORDS}/{name}"), names)
            return {name: json.loads(content) for name, content in zip(names, contents, strict=True)}

    def complete(self) -> dict[str, dict[str, Any]]:
        """The records of all parts of a finished run, in order.

        Raises:
            OutputError: a part is missing.
        """
        records = self.records()
        names: list[str] = []
        while not names or not records[names[-1]]["last"]:
            names.append(part_name(len(names)))
            if names[-1] not in records:
                raise OutputError(
                    f"{self.shown}: Ray lost a part of the inputs; the same command with --resume continues"
                )
        return {name: records[name] for name in names}

    def forget(self, name: str) -> None:
        """Take a part for incomplete. Raises OSError."""
        self.store.rm_file(f"{self.work}/{RECORDS}/{name}")

    def prepare(self) -> None:
        """Make the folders of the parts."""
        for folder in (*DATASETS, RECORDS):
            self.store.makedirs(f"{self.work}/{folder}", exist_ok=True)

    def clear(self) -> None:
        """Remove the parts. Raises OSError."""
        with suppress(FileNotFoundError):
            self.store.rm(self.work, recursive=True)

    def commit(self, names: set[str], summary: str) -> None:
        """Give these parts their places and write the run's summary; parts of an earlier run are removed.

        `RUN_JSON` is removed first and written last, so its presence says that the output is complete. If this is
        interrupted, the run can be resumed.

        Raises:
            OSError: the folder cannot be written.
        """
        done = f"{self.path}/{RUN_JSON}"
        if self.store.exists(done):
            self.store.rm_file(done)
            if self.on_drive:
                sync_folder(Path(self.path))
        with ThreadPoolExecutor(_REQUESTS) as pool:
            for folder in DATASETS:
                source, target = f"{self.work}/{folder}", f"{self.path}/{folder}"
                self.store.makedirs(target, exist_ok=True)
                stale = [f"{target}/{name}" for name in self.names(folder) - names]
                moved = sorted(names & self.names(f".clausetag/parts/{folder}"))
                list(pool.map(self.store.rm_file, stale))
                sources, targets = ([f"{place}/{name}" for name in moved] for place in (source, target))
                list(pool.map(self.store.mv, sources, targets))
                if self.on_drive:
                    sync_folder(Path(target))
        self.write(done, summary.encode())
        self.clear()

    @contextmanager
    def errors(self) -> Iterator[None]:
        """Turn an error of the store into one line.

        Raises:
            OutputError: the block raised OSError.
        """
        try:
            yield
        except OSError as error:
            raise OutputError(f"{self.shown}: cannot be written ({error_text(error)})") from None
