"""Rows of tables of policies: which columns they have, and what is wrong with one that is no policy."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from clausetag.data.documents.decode import decode
from clausetag.data.documents.formats import LIMITS, Limits
from clausetag.data.errors import DocumentError


@dataclass(frozen=True, slots=True)
class Columns:
    """The names of the columns of a table of policies."""

    id: str = "id"
    text: str | None = "text"
    """None if the table's texts are not to be read."""
    html: str | None = "html"

    @classmethod
    def named(cls, id: str | None, text: str | None, html: str | None) -> Columns:
        """The columns that a user has named; a table whose user named only one of `text` and `html` has only that."""
        usual = cls()
        if text is None and html is None:
            text, html = usual.text, usual.html
        return cls(id or usual.id, text, html)

    @property
    def contents(self) -> tuple[str, ...]:
        """The columns that can hold a policy."""
        return tuple(name for name in (self.text, self.html) if name is not None)

    @property
    def names(self) -> tuple[str, ...]:
        """All columns."""
        return (self.id, *self.contents)

    def missing(self, found: Iterable[Any]) -> str | None:
        """What a table with the columns `found` lacks, in one line; None if it has what is needed."""
        names = list(map(str, found))
        if self.id in names and any(name in names for name in self.contents):
            return None
        there = ", ".join(names)[:120] or "nothing"
        wanted = f"{self.id}, and {' or '.join(self.contents)}"
        return f"it needs the columns {wanted}; found {there} (--id-column, --text-column, --html-column name others)"


COLUMNS = Columns()


@dataclass(frozen=True, slots=True)
class PolicyRow:
    """One policy of a table."""

    id: str
    content: str
    is_html: bool


def check_row(row: Mapping[str, Any], limits: Limits = LIMITS, columns: Columns = COLUMNS) -> PolicyRow | DocumentError:
    """A row, in which None stands for an absent value, as a policy; or what is wrong with it."""
    if (missing := columns.missing(row)) is not None:
        return DocumentError("bad_row", missing)
    name = row[columns.id]
    if not isinstance(name, str | int) or isinstance(name, bool) or name == "":
        shown = repr(name) if name is None or isinstance(name, bool | float | str) else type(name).__name__
        return DocumentError("bad_row", f"{columns.id!r} must be a string or an integer, found {shown}")
    there = [key for key in columns.contents if row.get(key) is not None]
    # In a table with both columns, one of the two is often empty.
    given = [key for key in there if row[key] and not str(row[key]).isspace()] or there[:1]
    if len(given) != 1:
        wanted = " or ".join(map(repr, columns.contents))
        found = "both; --text-column or --html-column alone chooses one" if given else "neither"
        return DocumentError("bad_row", f"expected either {wanted}, found {found}")
    content = row[given[0]]
    if isinstance(content, bytes):  # from Parquet
        try:
            content = decode(content)
        except DocumentError as error:
            return error
    if not isinstance(content, str):
        return DocumentError("bad_row", f"{given[0]!r} must be a string, found {type(content).__name__}")
    if len(content) > limits.document:
        return limits.document_too_large(f"'{given[0]}'")
    return PolicyRow(str(name), content, given[0] == columns.html)
