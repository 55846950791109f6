"""Measure the HTML reader: how much of a policy it keeps, and how much else.

    python -m clausetag.eval.extraction tests/data/pages [--pages] [--sentences PAGE]
    python -m clausetag.eval.extraction HTML_DIR SANITIZED_DIR

The first compares pages with what their readers see: each `.html` has a `.txt` beside it. The second compares crawled
pages with the texts that OPP-115's annotators read (the corpus's `sanitized_policies`). A page and a text belong
together if their names have the same number before the first "_". Pages with another version of the policy, judged by
the words of their source, are not part of the means. `--pages` adds a row for each page; `--sentences` prints the lost
and the extra sentences of one page. trafilatura, resiliparse and jusText are measured too if they are installed, as
they are with `clausetag[dev]`.

A word counts as found if it is part of four consecutive words that are also in the other text; a sentence counts as
found if half of its words do.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from html import escape, unescape
from importlib.metadata import version
from pathlib import Path
from statistics import mean, median

from clausetag.data.documents.decode import decode
from clausetag.data.documents.html.bare import without_scripts
from clausetag.data.documents.html.reader import html_blocks
from clausetag.data.documents.structure.markers import strip_markers
from clausetag.data.errors import ClausetagError, DataError
from clausetag.data.segment import sentence_spans

RUN = 4
"""Number of consecutive words that must be in the other text."""
SAME_VERSION = 0.85
"""Share of the reference's words from which a page has the same version of the policy."""

Extractor = Callable[[str], list[str]]
"""A function from an HTML page to its blocks of text."""

_TAG = re.compile(r"<[^<>]*+>")
_BREAK = re.compile(r"(?:<br[^<>]*+>\s*+){2,}|\|\|\|", re.IGNORECASE)
_BLOCK_TAG = re.compile(r"</?(?:p|div|li|td|h\d|br)\b[^<>]*+>", re.IGNORECASE)
_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class PageResult:
    """The result of one extractor on one page."""

    page: str
    same_version: bool
    kept: float
    """Share of the reference's words that were extracted, 0 to 1."""
    extra: float
    """Share of the extracted words that the reference does not have, 0 to 1."""
    sentences: int
    """Number of sentences of the reference."""
    lost: tuple[str, ...]
    """Sentences of the reference that were not extracted."""
    more: tuple[str, ...]
    """Extracted sentences that are not in the reference: boilerplate, or parts of the policy that it lacks."""


def words(text: str) -> list[str]:
    """The words of a text in lower case, without punctuation."""
    return _WORD.findall(text.lower())


def covered(text: Sequence[str], by: Sequence[str]) -> list[bool]:
    """For each word of `text`, whether it is part of `RUN` consecutive words (or all words, if fewer) that `by` has."""
    size = min(RUN, len(text))
    runs = {tuple(by[at : at + size]) for at in range(len(by) - size + 1)}
    found = [False] * len(text)
    for at in range(len(text) - size + 1):
        if tuple(text[at : at + size]) in runs:
            found[at : at + size] = [True] * size
    return found


def share_covered(text: Sequence[str], by: Sequence[str]) -> float:
    """Share of the words of `text` that are `covered`, 0 to 1; 0 if there are none."""
    return sum(covered(text, by)) / max(1, len(text))


def without_tags(html: str) -> str:
    """Everything between the tags, including scripts."""
    return unescape(_TAG.sub(" ", html))


def reference_blocks(sanitized: str) -> list[str]:
    """The paragraphs of a sanitized policy, which are separated by marks of segments or double line breaks."""
    parts = (" ".join(without_tags(part).split()) for part in _BREAK.split(sanitized))
    return [part for part in parts if part]


def sentences(blocks: Iterable[str]) -> list[str]:
    """The sentences of all blocks."""
    return [block[start:end] for block in blocks for start, end in sentence_spans(block)]


def measure_page(page: str, html: str, sanitized: str, extract: Extractor = lambda html: own(html)) -> PageResult:
    """Compare the text extracted from a page with its reference."""
    # Not every extractor keeps list markers.
    reference, extracted = (
        [strip_markers(b)[0] for b in blocks] for blocks in (reference_blocks(sanitized), extract(html))
    )
    wanted, found = words(" ".join(reference)), words(" ".join(extracted))
    return PageResult(
        page=page,
        same_version=share_covered(wanted, words(without_tags(html))) >= SAME_VERSION,
        kept=share_covered(wanted, found),
        extra=1 - share_covered(found, wanted) if found else 0.0,
        sentences=len(sentences(reference)),
        lost=_not_in(sentences(reference), found),
        more=_not_in(sentences(extracted), wanted),
    )


def _not_in(texts: Iterable[str], other: Sequence[str]) -> tuple[str, ...]:
    """The sentences that have less than half of their words `covered` by the other text."""
    joined = f" {' '.join(other)} "
    return tuple(
        text
        for text in texts
        if (mine := words(text)) and f" {' '.join(mine)} " not in joined and share_covered(mine, other) < 0.5
    )


def own(html: str) -> list[str]:
    """This project's reader."""
    return [block.text for block in html_blocks(html)]


def whole_page(html: str) -> list[str]:
    """All text of a page except scripts and styles; a baseline without any selection."""
    return [
        " ".join(line.split())
        for line in without_tags(_BLOCK_TAG.sub("\n", without_scripts(html))).splitlines()
        if line.strip()
    ]


def extractors() -> dict[str, Extractor]:
    """The extractors to compare, by name; other packages only if they are installed."""
    found: dict[str, Extractor] = {"clausetag": own}
    with suppress(ImportError):
        import trafilatura

        read: Callable[..., str | None] = trafilatura.extract

        def reader(**options: bool) -> Extractor:
            return lambda html: (read(html, include_tables=True, **options) or "").splitlines()

        name = f"trafilatura {trafilatura.__version__}"
        found[name] = reader()
        found[f"{name}, favouring recall"] = reader(favor_recall=True)
        found[f"{name}, favouring precision"] = reader(favor_precision=True)
    with suppress(ImportError):
        from resiliparse.extract.html2text import extract_plain_text

        found[f"resiliparse {version('resiliparse')}"] = lambda html: extract_plain_text(
            html, main_content=True, list_bullets=False
        ).splitlines()
    with suppress(ImportError):
        import justext

        stop_words = justext.get_stoplist("English")
        found[f"jusText {version('justext')}"] = lambda html: [
            part.text
            for part in justext.justext(html.encode(), stop_words, encoding="utf-8")
            if not part.is_boilerplate
        ]
    found["whole page"] = whole_page
    return found


def pages_with_reference(html_dir: Path, sanitized_dir: Path) -> list[tuple[str, str, str]]:
    """(name, page, sanitized policy) of every page that has a reference.

    Raises:
        DataError: there is none.
    """
    references = {path.name.split("_")[0]: path for path in sorted(sanitized_dir.glob("*.html"))}
    pairs = [
        (page.stem, decode(page.read_bytes()), references[page.name.split("_")[0]].read_text("utf-8", "replace"))
        for page in sorted(html_dir.glob("*.html"))
        if page.name.split("_")[0] in references
    ]
    if not pairs:
        raise DataError(f"{html_dir}: no page whose number has a text in {sanitized_dir}")
    return pairs


def pages_with_text(folder: Path) -> list[tuple[str, str, str]]:
    """(name, page, text in the form of a sanitized policy) of every page that has a text beside it.

    Raises:
        DataError: there is none.
    """
    pairs = [
        (page.stem, page.read_text("utf-8"), "|||".join(map(escape, text.read_text("utf-8").splitlines())))
        for page in sorted(folder.glob("*.html"))
        if (text := page.with_suffix(".txt")).is_file()
    ]
    if not pairs:
        raise DataError(f"{folder}: no .html file with a .txt file beside it")
    return pairs


def table(results: dict[str, list[PageResult]]) -> str:
    """One row of Markdown for each extractor, over the pages that hold the reference's version."""
    rows = [
        "| extractor | kept, mean | worst page | extra, mean | extra, median | sentences lost | sentences more |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, pages in results.items():
        same = [page for page in pages if page.same_version]
        kept, extra = [page.kept for page in same], [page.extra for page in same]
        total = sum(page.sentences for page in same)
        lost, more = sum(len(page.lost) for page in same), sum(len(page.more) for page in same)
        rows.append(
            f"| {name} | {mean(kept):.3f} | {min(kept):.3f} | {mean(extra):.3f} | {median(extra):.3f} "
            f"| {lost:,} of {total:,} | {more:,} |"
        )
    return "\n".join(rows)


def page_table(pages: Iterable[PageResult]) -> str:
    """One row of Markdown for each page."""
    rows = ["| page | sentences | lost | more | kept | extra |", "|---|---|---|---|---|---|"]
    for page in pages:
        other = "" if page.same_version else " (another version)"
        counts = f"{page.sentences} | {len(page.lost)} | {len(page.more)}"
        rows.append(f"| {page.page}{other} | {counts} | {page.kept:.3f} | {page.extra:.3f} |")
    return "\n".join(rows)


def main(argv: Sequence[str] | None = None) -> int:
    """The command; returns its exit code."""
    parser = argparse.ArgumentParser(prog="python -m clausetag.eval.extraction", description=__doc__.splitlines()[0])
    parser.add_argument(
        "html_dir", type=Path, help="pages: <name>.html with <name>.txt, or as crawled, <number>_….html"
    )
    parser.add_argument("sanitized_dir", type=Path, nargs="?", help="OPP-115's sanitized_policies")
    parser.add_argument("--pages", action="store_true", help="print a row for each page too")
    parser.add_argument("--sentences", metavar="PAGE", help="print the lost and the extra sentences of this page")
    given = parser.parse_args(argv)
    try:
        if given.sanitized_dir is None:
            pairs = pages_with_text(given.html_dir)
        else:
            pairs = pages_with_reference(given.html_dir, given.sanitized_dir)
        if given.sentences is not None:
            pairs = [pair for pair in pairs if pair[0] == given.sentences]
            if not pairs:
                raise DataError(f"{given.sentences}: no such page with a reference in {given.html_dir}")
            result = measure_page(*pairs[0])
            print("\n".join([*(f"- {text}" for text in result.lost), *(f"+ {text}" for text in result.more)]))
            return 0
        results = {name: [measure_page(*pair, extract) for pair in pairs] for name, extract in extractors().items()}
        if given.sanitized_dir is None:
            results = {name: [replace(page, same_version=True) for page in pages] for name, pages in results.items()}
    except (ClausetagError, OSError) as error:
        print(f"clausetag: {error}", file=sys.stderr)
        return 2
    same = sum(page.same_version for page in results["clausetag"])
    print(f"{same} of {len(pairs)} pages hold the version of the reference; the figures are of these.\n")
    print(table(results))
    if given.pages:
        print(f"\n{page_table(results['clausetag'])}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
