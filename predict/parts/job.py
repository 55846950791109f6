"""The work on each part (up to 128 policies) of a run on many machines: skip it if it is done, otherwise tag it.

The same `Job` is sent to every worker. It does not depend on Ray, which only decides where each part is tagged.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from clausetag.data.documents.inputs import ReadDocument
from clausetag.data.documents.rows import COLUMNS, Columns
from clausetag.data.records import FailedInput
from clausetag.predict.batch import PREDICTIONS, BatchTagger, flatten, to_parquet
from clausetag.predict.options import DOCUMENT_SECONDS, isolated_reader
from clausetag.predict.parts.folder import DOCUMENTS, RECORDS, PartFolder
from clausetag.predict.parts.inputs import Found, Item, Part, read_parts
from clausetag.predict.pipeline import TaggedSource
from clausetag.predict.run_summary import Tally
from clausetag.version import __version__

_PART_ATTEMPTS = 2
"""How often a part may be started before each of its policies is counted too. Until then, a lost machine is the
likely reason that a part did not finish; after that, a policy that kills its worker."""
_POLICY_ATTEMPTS = 2
"""How often a policy may be started without being finished; after that, it counts as failed."""


class Attempts:
    """Counts how often parts and policies were started and not finished.

    With Ray this is one actor on the machine where the command runs, so the counts outlive workers.
    """

    def __init__(self) -> None:
        self._begun: Counter[str] = Counter()

    def begin(self, name: str) -> int:
        """Count one more attempt and return the number of them."""
        self._begun[name] += 1
        return self._begun[name]

    def finish(self, name: str) -> None:
        """Forget the attempts."""
        del self._begun[name]


@dataclass(frozen=True)
class Job:
    """What is done to all parts of a run. It can be pickled."""

    found: Sequence[Found]
    """The inputs."""
    size: int
    """Largest number of policies in a part."""
    tagger: BatchTagger
    folder: PartFolder
    done: Mapping[str, str]
    """The keys of the parts that are complete already, by name."""
    began: str
    """When this session of the run started, as `run.json` has it."""
    clock: float
    """The same, in seconds since 1970."""
    columns: Columns = COLUMNS
    """The columns of tables."""
    document_seconds: float = DOCUMENT_SECONDS
    """The time to read a document."""

    def read(self) -> Iterator[Part]:
        """The parts that are to be tagged, in order.

        Raises:
            OSError: the machine's fault, such as too many open files.
        """
        for part in read_parts(self.found, self.size, self.columns):
            if self.done.get(part.name) != self.key(part):
                if part.name in self.done:
                    self.folder.forget(part.name)
                yield part

    def key(self, part: Part) -> str:
        """A hash of everything that the part's files depend on: version, model, options and inputs."""
        tagger = self.tagger
        settings = f"{__version__} {tagger.hash} {tagger.head} {tagger.strict} {tagger.attributes} {part.digest}"
        return sha256(settings.encode()).hexdigest()

    def tag(self, part: Part, begin: Callable[[str], int], finish: Callable[[str], None]) -> dict[str, Any]:
        """The part's `name`, and the content of its files by folder.

        `begin` and `finish` are methods of an `Attempts` that outlives this process.

        Raises:
            ArtifactError: the model cannot be loaded, or is another one than the run's.
            OSError: the machine's fault, such as a full disk.
        """
        with isolated_reader(self.document_seconds) as isolated:
            results = list(self._tagged(part, begin, finish, isolated.read))
        table = self.tagger.table(results)
        tally = Tally(labels=dict.fromkeys(self.tagger.tagger.labels, 0))
        for result in results:
            tally.add(*result)
        record = {
            "key": self.key(part),
            "last": part.last,
            "began": self.began,
            "seconds": round(time.time() - self.clock, 1),
            "counts": tally.rows(),
            "notes": self.tagger.take_notes(),
        }
        return {
            "name": part.name,
            PREDICTIONS: to_parquet(flatten(table)),
            DOCUMENTS: to_parquet(table.drop_columns([PREDICTIONS])),
            RECORDS: json.dumps(record).encode(),
        }

    def _tagged(
        self, part: Part, begin: Callable[[str], int], finish: Callable[[str], None], read: ReadDocument
    ) -> Iterator[TaggedSource]:
        watched = begin(part.name) > _PART_ATTEMPTS
        for number, item in enumerate(part.items):
            name = f"{part.name} {number}"
            if isinstance(item, Item) and item.note:
                self.tagger.pipeline.note(item.note)
            if not isinstance(item, Item):
                yield self.tagger.pipeline.tag(item)
            elif watched and begin(name) > _POLICY_ATTEMPTS:
                reason = f"could not be tagged ({_POLICY_ATTEMPTS} workers died of it, or ran out of memory)"
                yield self.tagger.pipeline.tag(FailedInput(item.policy, "failed", f"{item.shown}: {reason}"))
            else:
                yield self.tagger.pipeline.tag(item.extract(read))
                if watched:
                    finish(name)


def merged(records: Iterable[Mapping[str, Any]], sessions: Mapping[str, float]) -> tuple[Tally, dict[str, float]]:
    """The counts of all parts, and the seconds of each session by its start; `sessions` has this one's."""
    first, *rest = records
    tally = Tally(labels=dict.fromkeys(first["counts"]["labels"], 0))
    seconds = dict(sessions)
    for record in (first, *rest):
        counts = record["counts"]
        tally.documents += counts["documents"]["total"]
        tally.flagged += counts["documents"]["flagged"]
        tally.words += counts["words"]["kept"]
        tally.set_aside.update(counts["words"]["set_aside"])
        tally.sentences += counts["sentences"]
        tally.unlabelled += counts["unlabelled"]
        for label, number in counts["labels"].items():
            tally.labels[label] += number
        tally.failures.update(counts["failures"])
        tally.flags.update(counts["flags"])
        seconds[record["began"]] = max(record["seconds"], seconds.get(record["began"], 0.0))
    return tally, seconds
