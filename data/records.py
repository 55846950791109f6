"""Documents, blocks and sentences: the frozen records that cross every boundary, and their JSONL form."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from clausetag.data.labels import LABELS
from clausetag.data.text import SURROGATE

BlockKind = Literal["heading", "paragraph", "list_item", "table_cell"]


@dataclass(frozen=True, slots=True)
class Block:
    """A run of text that no sentence crosses: `start` and `end` are character offsets into the document's text."""

    start: int
    end: int
    kind: BlockKind = "paragraph"


@dataclass(frozen=True, slots=True)
class Document:
    """One policy after extraction: its plain text, the blocks that cover it in order, and what was noticed."""

    policy: str
    text: str
    blocks: tuple[Block, ...]
    notice: str | None = None
    """An archive's notice found on top of the file; it is metadata, not part of `text`."""
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FailedInput:
    """An input, a member of an archive or a row of a table that gave no document. `message` names it and says why."""

    policy: str
    code: str
    """missing, unreadable, empty, binary, encoding, unsupported, encrypted, too_large, bad_row, failed (a fault of the
    program), or what the readers of PDF and Word say."""
    message: str


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence of a policy, labelled, predicted or neither.

    `start` and `end` are character offsets into the extracted text (None where a corpus has none), `passage` is the
    0-based index of the block or corpus segment that the sentence stands in, `labels` None means unlabelled,
    `votes` maps a label to the share of annotators (0 to 1) who gave it, `scores` are calibrated probabilities.
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
    flags: tuple[str, ...] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)
    """Other keys of the row, kept as they were (`split`, `passes`, …)."""

    @property
    def labelled(self) -> bool:
        """Whether the row carries labels or votes; a row with neither is context, never a negative example."""
        return self.labels is not None or self.votes is not None

    def with_prediction(
        self, labels: Iterable[str], scores: Mapping[str, float] | None, flags: tuple[str, ...] = ()
    ) -> Sentence:
        """A copy that carries predicted `labels` and `scores` in place of gold ones."""
        return replace(self, labels=tuple(labels), scores=scores, votes=None, flags=flags or self.flags)

    def row(self) -> dict[str, Any]:
        """The JSON object of this sentence, keys in the order of the documented format, absent fields left out."""
        row: dict[str, Any] = {"policy": self.policy, "index": self.index}
        for key in ("passage", "start", "end"):
            value = getattr(self, key)
            if value is not None:
                row[key] = value
        row["text"] = self.text
        if self.heading is not None:
            row["heading"] = self.heading
        if self.labels is not None:
            row["labels"] = list(self.labels)
        if self.votes is not None:
            row["votes"] = dict(self.votes)
        if self.scores is not None:
            row["scores"] = dict(self.scores)
        if self.flags:
            row["flags"] = list(self.flags)
        row.update(self.extra)
        return row


_KNOWN_KEYS = frozenset(
    {"policy", "index", "passage", "start", "end", "text", "heading", "labels", "votes", "scores", "flags"}
)


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
        if not isinstance(row[key], kind) or isinstance(row[key], bool):
            raise ValueError(f"{key!r} must be {'a string' if kind is str else 'an integer'}, found {row[key]!r}")
    if not row["text"].strip():
        raise ValueError("'text' is empty")
    for key in ("passage", "start", "end"):
        if row.get(key) is not None and (not isinstance(row[key], int) or isinstance(row[key], bool)):
            raise ValueError(f"{key!r} must be an integer, found {row[key]!r}")
    start, end = row.get("start"), row.get("end")
    if (start is None) != (end is None):
        raise ValueError("'start' and 'end' go together")
    if start is not None and (start < 0 or end - start != len(row["text"])):
        raise ValueError(
            f"offsets {start} to {end} don't fit a text of {len(row['text'])} characters (text is extracted[start:end])"
        )
    if row.get("heading") is not None and not isinstance(row["heading"], str):
        raise ValueError(f"'heading' must be a string, found {row['heading']!r}")
    for key in ("policy", "text", "heading"):
        if SURROGATE.search(row.get(key) or ""):
            raise ValueError(f"{key!r} holds a lone surrogate, which is no character")
    flags = row.get("flags")
    if flags is not None and not (isinstance(flags, list) and all(isinstance(flag, str) for flag in flags)):
        raise ValueError(f"'flags' must be a list of strings, found {flags!r}")
    _check_annotators(row.get("annotators"), labels)
    gold = row.get("labels")
    if gold is not None:
        if not isinstance(gold, list) or not all(isinstance(name, str) for name in gold):
            raise ValueError(f"'labels' must be a list of strings, found {gold!r}")
        unknown = [name for name in gold if name not in labels]
        if unknown:
            raise ValueError(f"unknown label {unknown[0]!r}; the labels are {', '.join(labels)}")
    for key in ("votes", "scores"):
        shares = row.get(key)
        if shares is None:
            continue
        if not isinstance(shares, dict):
            raise ValueError(f"{key!r} must map labels to numbers, found {shares!r}")
        for name, share in shares.items():
            if name not in labels:
                raise ValueError(f"unknown label {name!r} in {key!r}")
            if not isinstance(share, int | float) or isinstance(share, bool) or not 0.0 <= share <= 1.0:
                raise ValueError(f"{key!r} of {name!r} must be a number from 0 to 1, found {share!r}")
    return Sentence(
        policy=row["policy"],
        index=row["index"],
        text=row["text"],
        passage=row.get("passage"),
        start=row.get("start"),
        end=row.get("end"),
        heading=row.get("heading"),
        labels=None if gold is None else tuple(name for name in labels if name in gold),
        votes=row.get("votes"),
        scores=row.get("scores"),
        flags=tuple(row.get("flags") or ()),
        extra={key: value for key, value in row.items() if key not in _KNOWN_KEYS},
    )


def _check_annotators(annotators: Any, labels: tuple[str, ...]) -> None:
    if annotators is None:
        return
    if not isinstance(annotators, dict) or not all(isinstance(names, list) for names in annotators.values()):
        raise ValueError("'annotators' must map each annotator to a list of labels")
    for names in annotators.values():
        for name in names:
            if name not in labels:
                raise ValueError(f"unknown label {name!r} in 'annotators'")
