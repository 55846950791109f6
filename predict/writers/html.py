"""HTML to disk as documents come: one page for all policies, or one page a policy and an index over them.

What belongs to a page that is written last waits in files beside it, so memory does not grow with the policies.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import IO

from clausetag.data.labels import LABELS
from clausetag.data.records import Document, FailedInput, Sentence
from clausetag.predict.pages.index import Totals, failed_part, policy_parts, render_index
from clausetag.predict.pages.policy import MultiPolicyPage, render_policy
from clausetag.predict.pages.rendering import read_parts
from clausetag.predict.pages.summary import summarise
from clausetag.predict.writers.sink import PAGES, Sink, index_name, open_text

PAGE_POLICIES = 2_500
"""Documents on one page of the index: about 2.5 MB, which a browser still sorts and filters quickly."""
_PARTS = ("policies", "flagged", "failed")


class OnePageSink(Sink):
    """All policies on one page. It is written at the end, since its legend counts all sentences."""

    def __init__(self, path: Path, quality: str | None, labels: tuple[str, ...] = LABELS) -> None:
        self._path = path
        self._page = MultiPolicyPage(quality, labels)
        self._waiting = path.with_name(".sections")
        self._sections = open_text(self._waiting)

    def add(self, document: Document, sentences: Sequence[Sentence], name: str) -> None:
        self._sections.write(self._page.section(document, sentences))

    def fail(self, failed: FailedInput) -> None:
        self._sections.write(self._page.section(failed, ()))

    def finish(self) -> None:
        self._sections.close()
        with open_text(self._path) as page:
            page.writelines(self._page.render(read_parts(self._waiting)))
        self._waiting.unlink()

    def close(self) -> None:
        self._sections.close()


class SiteSink(Sink):
    """`html/<name>.html` for each policy and `index.html` over all; a long index goes on in `index-2.html`, …"""

    def __init__(self, folder: Path, quality: str | None, labels: tuple[str, ...] = LABELS) -> None:
        self._folder = folder
        self._quality = quality
        self._labels = labels
        self._totals = Totals(stating=dict.fromkeys(labels, 0))
        self._waiting = folder / ".index"
        self._waiting.mkdir()
        self._files = ExitStack()
        self._shown: list[dict[str, int]] = []
        """For each page of the index, the number of its parts."""
        self._parts: dict[str, IO[str]] = {}
        self._begin_page()

    def add(self, document: Document, sentences: Sequence[Sentence], name: str) -> None:
        self._begin_page_if_full()
        summary = summarise(document, sentences, self._labels)
        page = f"{PAGES}/{name}.html"
        path = self._folder / page
        path.parent.mkdir(parents=True, exist_ok=True)
        index = "../" * page.count("/") + index_name(len(self._shown))
        with open_text(path) as stream:
            stream.writelines(render_policy(document, sentences, summary, index, self._quality))
        self._totals.add(summary)
        self._write(policy_parts(summary, page))

    def fail(self, failed: FailedInput) -> None:
        self._begin_page_if_full()
        self._totals.failed += 1
        self._write(failed_part(failed))

    def finish(self) -> None:
        self._files.close()
        files = [index_name(number) for number in range(1, len(self._shown) + 1)]
        for number, shown in enumerate(self._shown, 1):
            parts = {name: read_parts(self._part(name, number)) for name in _PARTS}
            with open_text(self._folder / files[number - 1]) as page:
                page.writelines(render_index(self._totals, number, files, shown, parts, self._quality))
        shutil.rmtree(self._waiting)

    def close(self) -> None:
        self._files.close()

    def _part(self, name: str, number: int) -> Path:
        return self._waiting / f"{name}-{number}"

    def _write(self, parts: Mapping[str, str]) -> None:
        for name, text in parts.items():
            self._parts[name].write(text)
            self._shown[-1][name] += 1

    def _begin_page_if_full(self) -> None:
        if self._shown[-1]["policies"] + self._shown[-1]["failed"] >= PAGE_POLICIES:
            self._begin_page()

    def _begin_page(self) -> None:
        self._files.close()
        self._shown.append(dict.fromkeys(_PARTS, 0))
        self._parts = {
            name: self._files.enter_context(open_text(self._part(name, len(self._shown)))) for name in _PARTS
        }
