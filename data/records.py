"""Documents, blocks and sentences: the frozen records that all modules exchange, and their JSONL form."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, NamedTuple

from clausetag.data.attributes import Values, check_value_scores, read_values
from clausetag.data.labels import LABELS, check_labels
from clausetag.data.text import SURROGATE

BlockKind = Literal["heading", "paragraph", "list_item", "table_cell", "table_row"]


class Link(NamedTuple):
    """A link on the text from `start` to `end`; it is never fetched."""

    start: int
    end: int
    href: str
    """An http, https, mailto or tel address, or one relative to the page, as the document has it."""


OUTSIDE = -1
"""See `Block.level`."""


@dataclass(frozen=True, slots=True)
class Block:
    """Text that contains whole sentences: `start` and `end` are character offsets in the document's text."""

    start: int
    end: int
    kind: BlockKind = "paragraph"
    links: tuple[Link, ...] = ()
    """In order and apart from each other; their offsets, too, are in the document's text."""
    lead_in: str | None = None
    """What its text completes, where the document says so: of a table's cell or row, the headings of its columns."""
    level: int = 0
    """Of a list item, the number of lists that it is in; 0 if unknown; `OUTSIDE` if it goes on with a list that began
    before the text above."""


def block_from_row(row: Mapping[str, Any]) -> Block:
    """A block from its fields as JSON has them, in which tuples are lists."""
    return Block(**{**row, "links": tuple(Link(*link) for link in row["links"])})


@dataclass(frozen=True, slots=True)
class Document:
    """One policy after extraction: its plain text, the blocks of the text in order, and flags (`not_english`, …)."""

    policy: str
    text: str
    blocks: tuple[Block, ...]
    notice: str | None = None
    """The notice of a web archive at the top of the file, which is not part of `text`."""
    flags: tuple[str, ...] = ()
    set_aside: Mapping[str, int] = field(default_factory=dict)
    """Words that speak of data and are not in `text`, by where they stand on the page: "hidden", "footer", …"""


@dataclass(frozen=True, slots=True)
class FailedInput:
    """An input, member of an archive or row of a table that is no readable document; `message` says why."""

    policy: str
    code: str
    """missing, unreadable, empty, binary, encoding, unsupported, encrypted, too_large, bad_row, failed (an
    error in the program), or a code of the PDF and Word readers."""
    message: str


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence of a policy, labelled, predicted or neither.

    `start` and `end` are character offsets in the extracted text (None if the corpus has none), `passage` is the
    0-based index of its block or corpus segment, `labels` is None if it is unlabelled, `votes` maps a label to the
    share of annotators (0 to 1) who gave it, `scores` are calibrated probabilities, `attributes` the values of each
    attribute that its labels can have (None if nobody looked for any).
    """

    policy: str
    index: int
    text: str
    passage: int | None = None
    start: int | None = None
    end: int | None = None
    heading: str | None = None
    labels: tuple[str, ...] | None = None
    votes: Mapping[str, float] | None = None
    scores: Mapping[str, float] | None = None
    attributes: Values | None = None
    attribute_scores: Mapping[str, Mapping[str, float]] | None = None
    """Calibrated probabilities of the values in `attributes`."""
    flags: tuple[str, ...] = ()
    lead_in: str | None = None
    """The sentence that a list item completes, or the headings of the columns of a table's cell or row."""
    links: tuple[Link, ...] = ()
    """The links on its text; their offsets are in the extracted text, as `start` and `end` are."""
    extra: Mapping[str, Any] = field(default_factory=dict)
    """Further keys of the row, unchanged (`split`, `passes`, …)."""

    @property
    def labelled(self) -> bool:
        """Whether the sentence has labels or votes; otherwise it is context, not a negative example."""
        return self.labels is not None or self.votes is not None

    def with_prediction(
        self, labels: Iterable[str], scores: Mapping[str, float] | None, flags: tuple[str, ...] = ()
    ) -> Sentence:
        """A copy with predicted `labels` and `scores` in place of the gold labels, votes and attributes."""
        return replace(
            self,
            labels=tuple(labels),
            scores=scores,
            votes=None,
            attributes=None,
            attribute_scores=None,
            flags=flags or self.flags,
        )

    def row(self) -> dict[str, Any]:
        """The JSON object of this sentence, with keys in the documented order.

        None is left out, and so are empty `links` and `flags`.
        """
        row: dict[str, Any] = {}
        for key in _KEYS:
            value = getattr(self, key)
            if key == "links":
                value = [link._asdict() for link in self.links]
            if value is not None and (key not in _LEFT_OUT_IF_EMPTY or value):
                row[key] = _plain(value)
        return {**row, **self.extra}


_KEYS = (
    *("policy", "index", "passage", "start", "end", "text", "heading", "lead_in", "links"),
    *("labels", "votes", "scores", "attributes", "attribute_scores", "flags"),
)
_LEFT_OUT_IF_EMPTY = ("links", "flags")


def _plain(value: Any) -> Any:
    """The value with lists in place of tuples, also inside mappings."""
    if isinstance(value, Mapping):
        return {key: _plain(member) for key, member in value.items()}
    return list(value) if isinstance(value, tuple) else value


def sentence_from_row(row: Any, labels: tuple[str, ...] = LABELS) -> Sentence:
    """Read one JSON object as a `Sentence`.

    Raises:
        ValueError: a needed key is missing, a value has the wrong type, or a label is not one of `labels`.
    """
    if not isinstance(row, dict):
        raise ValueError(f"expected a JSON object, found {type(row).__name__}")
    for key, kind in (("policy", str), ("index", int), ("text", str)):
        if key not in row:
            raise ValueError(f"the key {key!r} is missing")
        _check_type(key, row[key], kind)
    for key, kind in (("passage", int), ("start", int), ("end", int), ("heading", str), ("lead_in", str)):
        if row.get(key) is not None:
            _check_type(key, row[key], kind)
    if not row["text"].strip():
        raise ValueError("'text' is empty")
    start, end = row.get("start"), row.get("end")
    if (start is None) != (end is None):
        raise ValueError("'start' and 'end' must be given together")
    if start is not None and (start < 0 or end - start != len(row["text"])):
        raise ValueError(
            f"offsets {start} to {end} do not match a text of {len(row['text'])} characters "
            "(the text is extracted[start:end])"
        )
    for key in ("policy", "text", "heading", "lead_in"):
        if SURROGATE.search(row.get(key) or ""):
            raise ValueError(f"{key!r} holds a lone surrogate, which is no character")
    for key in ("flags", "labels"):
        names = row.get(key)
        if names is not None and not (isinstance(names, list) and all(isinstance(name, str) for name in names)):
            raise ValueError(f"{key!r} must be a list of strings, found {names!r}")
    gold = row.get("labels")
    check_labels(gold or (), labels)
    _check_annotators(row.get("annotators"), labels)
    for key in ("votes", "scores"):
        _check_shares(key, row.get(key), labels)
    values = {key: row[key] for key in _KEYS if row.get(key) is not None}
    if "attributes" in values:
        values["attributes"] = read_values(row["attributes"], LABELS if gold is None else gold)
    if "attribute_scores" in values:
        check_value_scores(row["attribute_scores"])
    if gold is not None:
        values["labels"] = tuple(name for name in labels if name in gold)
    extra = {key: value for key, value in row.items() if key not in _KEYS}
    values["links"] = _links(row.get("links"))
    return Sentence(**{**values, "flags": tuple(row.get("flags") or ()), "extra": extra})


def _links(given: Any) -> tuple[Link, ...]:
    try:
        links = tuple(Link(**link) for link in given or ())
    except TypeError:
        raise ValueError(f"'links' must be a list of objects with start, end and href, found {given!r}") from None
    for link in links:
        for key, kind in (("start", int), ("end", int), ("href", str)):
            _check_type(key, getattr(link, key), kind)
    return links


def _check_type(key: str, value: Any, kind: type) -> None:
    if not isinstance(value, kind) or isinstance(value, bool):
        raise ValueError(f"{key!r} must be {'a string' if kind is str else 'an integer'}, found {value!r}")


def _check_shares(key: str, shares: Any, labels: tuple[str, ...]) -> None:
    if shares is None:
        return
    if not isinstance(shares, dict):
        raise ValueError(f"{key!r} must map labels to numbers, found {shares!r}")
    for name, share in shares.items():
        if name not in labels:
            raise ValueError(f"unknown label {name!r} in {key!r}")
        if not isinstance(share, int | float) or isinstance(share, bool) or not 0.0 <= share <= 1.0:
            raise ValueError(f"{key!r} of {name!r} must be a number from 0 to 1, found {share!r}")


def _check_annotators(annotators: Any, labels: tuple[str, ...]) -> None:
    if annotators is None:
        return
    if not isinstance(annotators, dict) or not all(isinstance(names, list) for names in annotators.values()):
        raise ValueError("'annotators' must map each annotator to a list of labels")
    for names in annotators.values():
        for name in names:
            if name not in labels:
                raise ValueError(f"unknown label {name!r} in 'annotators'")
