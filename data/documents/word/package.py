"""The parts of a Word file, which is a zip of XML files that refer to each other (ECMA-376, part 2).

Read with zipfile and lxml: python-docx refuses files with macros and those in the strict form of the standard. Macros
are parts that nothing here opens.
"""

from __future__ import annotations

import io
import posixpath
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from lxml import etree

from clausetag.data.errors import DocumentError

_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_STRICT = {
    b"http://purl.oclc.org/ooxml/wordprocessingml/main": b"http://schemas.openxmlformats.org/wordprocessingml/2006/main",
    b"http://purl.oclc.org/ooxml/officeDocument/relationships": (
        b"http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    ),
}
"""The namespaces of the strict form, and the usual ones in their place."""


@dataclass(frozen=True, slots=True)
class WordLimits:
    """What a Word file may contain; beyond that it gives an error with the code "too_large"."""

    unpacked: int = 200_000_000
    """Bytes of all parts, pictures included."""
    xml: int = 30_000_000
    """Unpacked bytes of the parts that are parsed; their trees need ten times as much memory."""
    parts: int = 10_000


WORD_LIMITS = WordLimits()


@dataclass(frozen=True, slots=True)
class Relation:
    """What a part refers to by an id."""

    kind: str
    """The last word of its type: "styles", "hyperlink", "aFChunk"."""
    target: str
    """The name of another part, or an address if it is `external`."""
    external: bool


class Package:
    """The parts of a Word file by their names."""

    def __init__(self, content: bytes, limits: WordLimits = WORD_LIMITS) -> None:
        """Refuse other files, and decompression bombs, by the sizes in the zip's directory.

        Raises:
            DocumentError: code "unreadable", "encrypted", "unsupported" (the older .doc, RTF) or "too_large".
        """
        if content.startswith(_OLE):
            if "EncryptedPackage".encode("utf-16-le") in content:
                raise DocumentError("encrypted", "the Word file is encrypted; save it without a password")
            raise DocumentError("unsupported", "the .doc of Word 97 to 2003 is not supported; save it as .docx or PDF")
        if content.startswith(b"{\\rtf"):
            raise DocumentError("unsupported", "RTF is not supported; save it as .docx or PDF")
        try:
            self._zip = zipfile.ZipFile(io.BytesIO(content))
        except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError):
            raise DocumentError("unreadable", "not a Word file, or a broken one") from None
        parts = self._zip.infolist()
        if any(part.flag_bits & 1 for part in parts):
            raise DocumentError("encrypted", "the Word file is encrypted; save it without a password")
        # Python's reader stops at the declared size, so a false one does no harm.
        unpacked = sum(part.file_size for part in parts)
        xml = sum(part.file_size for part in parts if part.filename.lower().endswith((".xml", ".rels")))
        if len(parts) > limits.parts or xml > limits.xml or unpacked > limits.unpacked:
            raise DocumentError("too_large", "the Word file is too large when unpacked")
        self._names = {part.filename.lower(): part.filename for part in parts}

    @property
    def main(self) -> str:
        """The name of the part with the text. Raises StopIteration if there is none."""
        return next(self.related("", "officeDocument"))

    def content(self, name: str) -> bytes:
        """The bytes of a part. Raises KeyError if there is no such part."""
        return self._zip.read(self._names[name.lower()])

    def xml(self, name: str) -> Any:
        """The root element of a part, with the usual namespaces."""
        content = self.content(name)
        for strict, usual in _STRICT.items():
            content = content.replace(strict, usual)
        parser = etree.XMLParser(resolve_entities=False, no_network=True, remove_comments=True, remove_pis=True)
        return etree.fromstring(content, parser)

    def relations(self, name: str) -> dict[str, Relation]:
        """What a part (or the package, "") refers to, by the ids in its text."""
        folder, base = posixpath.split(name)
        place = posixpath.join(folder, "_rels", f"{base}.rels")
        if place.lower() not in self._names:
            return {}
        relations: dict[str, Relation] = {}
        for element in self.xml(place):
            target = element.get("Target") or ""
            external = element.get("TargetMode") == "External"
            if not external:
                target = posixpath.normpath(posixpath.join("/", folder, target)).lstrip("/")
            kind = (element.get("Type") or "").rpartition("/")[2]
            relations[element.get("Id") or ""] = Relation(kind, target, external)
        return relations

    def related(self, name: str, kind: str) -> Iterator[str]:
        """The names of the parts of one kind that a part refers to."""
        for relation in self.relations(name).values():
            if relation.kind == kind and not relation.external:
                yield relation.target
