"""HTML to disk as documents come: one page for all, or one page a policy and an index over them.

Pieces wait in files beside the pages, so that memory does not grow with the number of policies.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import IO

from clausetag.data.labels import LABELS
from clausetag.data.records import Document, FailedInput, Sentence
from clausetag.predict.pages.index import (
    LIST_FOOT,
    Totals,
    failed_item,
    flagged_item,
    index_frame,
    list_head,
    policy_row,
    turn_links,
)
from clausetag.predict.pages.policy import OnePage, render_policy
from clausetag.predict.pages.summary import summarise
from clausetag.predict.writers.sink import Sink

PAGES = "html"
"""Subfolder of an output folder for the policies' pages."""

INDEX = "index.html"
PAGE_POLICIES = 2_500
"""Documents on one page of the index: some 2.5 MB, which a browser still sorts and filters quickly."""


def index_name(number: int) -> str:
    """File name of the index's page `number`, from 1."""
    return INDEX if number == 1 else f"index-{number}.html"


class OnePageSink(Sink):
    """All policies on one page, put together at the end, since its legend counts them all."""

    def __init__(self, path: Path, figures: str | None, labels: tuple[str, ...] = LABELS) -> None:
        self._path = path
        self._page = OnePage(figures, labels)
        self._waiting = path.with_name(".sections")
        self._sections = _open(self._waiting)

    def add(self, document: Document, sentences: Sequence[Sentence], name: str) -> None:
        self._sections.write(self._page.section(document, sentences))

    def fail(self, failed: FailedInput) -> None:
        self._sections.write(self._page.section(failed, ()))

    def finish(self) -> None:
        self._sections.close()
        before, after = self._page.frame()
        with _open(self._path) as page:
            page.write(before)
            _append(page, self._waiting)
            page.write(after)
        self._waiting.unlink()

    def close(self) -> None:
        self._sections.close()


class SiteSink(Sink):
    """`html/<name>.html` for each policy and `index.html` over all, further pages of which are `index-2.html`, …"""

    def __init__(self, folder: Path, figures: str | None, labels: tuple[str, ...] = LABELS) -> None:
        self._folder = folder
        self._figures = figures
        self._labels = labels
        self._totals = Totals(stating=dict.fromkeys(labels, 0))
        self._waiting = folder / ".index"
        self._waiting.mkdir()
        self._stack = ExitStack()
        self._shown: list[dict[str, int]] = []
        self._parts: dict[str, IO[str]] = {}
        self._turn()

    def add(self, document: Document, sentences: Sequence[Sentence], name: str) -> None:
        self._turn_if_full()
        numbers = summarise(document, sentences, self._labels)
        page = f"{PAGES}/{name}.html"
        path = self._folder / page
        path.parent.mkdir(parents=True, exist_ok=True)
        index = "../" * page.count("/") + index_name(len(self._shown))
        with _open(path) as stream:
            stream.write(render_policy(document, sentences, numbers, index, self._figures))
        self._totals.add(numbers)
        self._part("policies", policy_row(numbers, page))
        if numbers.flags:
            self._part("flagged", flagged_item(numbers, page))

    def fail(self, failed: FailedInput) -> None:
        self._turn_if_full()
        self._totals.failed += 1
        self._part("failed", failed_item(failed))

    def finish(self) -> None:
        self._stack.close()
        pages = len(self._shown)
        for number, shown in enumerate(self._shown, 1):
            turn = turn_links(number, pages, "Index", index_name(number - 1), index_name(number + 1))
            before, middle, after = index_frame(self._totals, turn, shown, self._figures)
            with _open(self._folder / index_name(number)) as page:
                page.write(before)
                _append(page, self._waiting / f"policies-{number}")
                page.write(middle)
                for name in ("flagged", "failed"):
                    if shown[name]:
                        page.write(list_head(name, shown[name]))
                        _append(page, self._waiting / f"{name}-{number}")
                        page.write(LIST_FOOT)
                page.write(after)
        shutil.rmtree(self._waiting)

    def close(self) -> None:
        self._stack.close()

    def _part(self, name: str, text: str) -> None:
        self._parts[name].write(text)
        self._shown[-1][name] += 1

    def _turn_if_full(self) -> None:
        if self._shown[-1]["policies"] + self._shown[-1]["failed"] >= PAGE_POLICIES:
            self._turn()

    def _turn(self) -> None:
        self._stack.close()
        self._shown.append({"policies": 0, "flagged": 0, "failed": 0})
        number = len(self._shown)
        self._parts = {
            name: self._stack.enter_context(_open(self._waiting / f"{name}-{number}")) for name in self._shown[-1]
        }


def _open(path: Path) -> IO[str]:
    # A file's name in an error row may hold bytes that are no text.
    return path.open("w", encoding="utf-8", errors="replace", newline="\n")


def _append(page: IO[str], path: Path) -> None:
    with path.open(encoding="utf-8", newline="") as piece:
        shutil.copyfileobj(piece, page)
