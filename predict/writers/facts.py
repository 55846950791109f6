"""A sink for fact sheets: `facts.jsonl`, a row a policy, and `facts.jsonld`, the same in W3C's vocabulary."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from clausetag.data.jsonl import dump_row
from clausetag.data.records import Document, FailedInput, Sentence
from clausetag.predict.facts.build import fact_sheet
from clausetag.predict.facts.dpv import document as jsonld
from clausetag.predict.facts.dpv import policy_node
from clausetag.predict.writers.sink import Sink, error_row, open_text

FACTS = ("facts.jsonl", "facts.jsonld")


class FactsSink(Sink):
    """Both files, as documents come. Of a run whose model has no attributes neither is left."""

    def __init__(self, folder: Path) -> None:
        self._paths = [folder / name for name in FACTS]
        self._files = ExitStack()
        self._rows, self._graph = (self._files.enter_context(open_text(path)) for path in self._paths)
        before, self._after = json.dumps(jsonld([]), indent=0).rsplit("]", 1)
        self._separator = before + "\n"
        self._found = False

    def add(self, document: Document, sentences: Sequence[Sentence], name: str) -> None:
        sheet = fact_sheet(document.policy, sentences)
        if sheet is None:
            return
        self._found = True
        self._rows.write(dump_row(sheet.row()) + "\n")
        self._graph.write(self._separator + dump_row(policy_node(sheet)))
        self._separator = ",\n"

    def fail(self, failed: FailedInput) -> None:
        self._rows.write(dump_row(error_row(failed)) + "\n")

    def finish(self) -> None:
        self._graph.write(("" if self._found else self._separator) + "\n]" + self._after + "\n")
        self.close()
        if not self._found:
            for path in self._paths:
                path.unlink()

    def close(self) -> None:
        self._files.close()
