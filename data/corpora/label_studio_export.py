"""Labelled sentences from Label Studio's full "JSON" export (not JSON-MIN), tested with version 1.23."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from clausetag.data.attributes import VALUES, Value, grouped, possible_values
from clausetag.data.corpora.label_studio import CONTROL, RESTORED, VALUES_CONTROL
from clausetag.data.errors import DataError
from clausetag.data.jsonl import by_policy
from clausetag.data.labels import LABELS
from clausetag.data.records import Sentence, sentence_from_row


@dataclass(frozen=True, slots=True)
class Imported:
    """The sentences of an export, by policy and in order; unlabelled ones are context."""

    sentences: tuple[Sentence, ...]
    notes: tuple[str, ...]
    """Messages for the user about missing sentences, and about values that had to be left out."""


@dataclass(frozen=True, slots=True)
class _Given:
    """What one person gave a sentence."""

    labels: list[str]
    values: frozenset[Value]
    stray: int
    """Values that were left out, since none of the labels can have them."""


def read_tasks(path: str | os.PathLike[str]) -> list[Any]:
    """Read the tasks of a Label Studio JSON file.

    Raises:
        DataError: it cannot be read, is not JSON, or is not a list of tasks.
    """
    name = os.fspath(path)
    try:
        with open(path, encoding="utf-8-sig") as stream:
            tasks = json.load(stream)
    except OSError as error:
        raise DataError(f"{name}: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise DataError(f"{name}: not UTF-8; export it again as JSON") from None
    except (ValueError, RecursionError) as error:
        reason = getattr(error, "msg", None) or "a number is too long, or brackets nest too deeply"
        raise DataError(f"{name}: not JSON ({reason}); export it from Label Studio as JSON") from None
    if not isinstance(tasks, list):
        raise DataError(f"{name}: expected a list of tasks; export it from Label Studio as JSON")
    return tasks


def read_export(
    path: str | os.PathLike[str],
    tasks: str | os.PathLike[str] | None = None,
    labels: tuple[str, ...] = LABELS,
) -> Imported:
    """Read the labelled sentences of an export, by policy and in order.

    If one person annotated a task several times, the last annotation counts. Annotations of several people become
    `votes` (the share of people who gave a label), and `labels` and `attributes` (given by more than half). A task
    without a finished annotation becomes an unlabelled row. Label Studio does not export tasks that nobody labelled;
    they are taken from `tasks`, the file that was imported into Label Studio, as context.

    Raises:
        DataError: a file cannot be read, or a task is wrong; the message names file, task and reason.
    """
    rows: dict[tuple[str, int], Sentence] = {}
    sizes: dict[str, int] = {}
    strays = 0
    for source in (path, tasks):
        if source is None:
            continue
        name, seen = os.fspath(source), set[tuple[str, int]]()
        for number, task in enumerate(read_tasks(source), 1):
            try:
                sentence, size, stray = _sentence(task, labels, annotated=source is path)
                key = (sentence.policy, sentence.index)
                if key in seen:
                    raise ValueError(f"sentence {sentence.index} of policy {sentence.policy!r} occurs twice")
                if key in rows and rows[key].text != sentence.text:
                    raise ValueError(f"its text differs from that in {os.fspath(path)}")
            except ValueError as error:
                raise DataError(f"{name}, task {_task_name(task, number)}: {error}") from None
            seen.add(key)
            rows.setdefault(key, sentence)
            sizes[sentence.policy] = max(size, sizes.get(sentence.policy, 0))
            strays += stray
    if not any(sentence.labelled for sentence in rows.values()):
        raise DataError(f"{os.fspath(path)}: has no finished annotation")
    groups = by_policy(rows.values())
    gaps = [
        f"{policy}: {sizes[policy] - len(group):,} of its {sizes[policy]:,} sentences are missing; give the imported "
        "file with --tasks, so that the model sees each sentence in its place"
        for policy, group in groups.items()
        if len(group) < sizes[policy]
    ]
    if strays:
        gaps.append(f"values of attributes whose category the annotator did not give are left out: {strays:,}")
    ordered = tuple(sentence for group in groups.values() for sentence in group)
    if not any(sentence.attributes for sentence in ordered):  # labelled without the tree of attributes
        ordered = tuple(replace(sentence, attributes=None) for sentence in ordered)
    return Imported(ordered, tuple(gaps))


def _task_name(task: Any, number: int) -> str:
    own = task.get("id") if isinstance(task, dict) else None
    return f"{own}" if isinstance(own, int | str) else f"number {number}"


def _sentence(task: Any, labels: tuple[str, ...], *, annotated: bool) -> tuple[Sentence, int, int]:
    """The sentence of one task, the number of sentences in its policy, and of values that were left out.

    Raises:
        ValueError: the task was not written by `make_tasks`, or an annotation is wrong.
    """
    data = task.get("data") if isinstance(task, dict) else None
    if isinstance(task, dict) and data is None and "meta" in task:
        raise ValueError("this is JSON-MIN, which leaves out who labelled; export it from Label Studio as JSON")
    meta = data.get("meta") if isinstance(data, dict) else None
    if not isinstance(data, dict) or not isinstance(meta, dict):
        raise ValueError("has no data with meta; import only what `clausetag data export-label-studio` wrote")
    row = {key: meta[key] for key in RESTORED if meta.get(key) is not None} | {"text": data.get("text")}
    sentence = sentence_from_row(row, labels)
    size = meta.get("sentences", 0)
    if not isinstance(size, int) or isinstance(size, bool):
        raise ValueError(f"'sentences' must be an integer, found {size!r}")
    given = _given(task.get("annotations"), labels) if annotated else {}
    if not given:
        return sentence, size, 0
    shares = {name: sum(name in one.labels for one in given.values()) / len(given) for name in labels}
    agreed = tuple(name for name in labels if shares[name] > 0.5)
    sentence = replace(sentence, labels=agreed)
    if meta.get("attributes"):
        common = (
            value for value in _possible(agreed) if 2 * sum(value in g.values for g in given.values()) > len(given)
        )
        sentence = replace(sentence, attributes=grouped(common))
    if len(given) > 1:
        votes = {name: share for name, share in shares.items() if share}
        annotators = {person: one.labels for person, one in given.items()}
        sentence = replace(sentence, votes=votes, extra={"annotators": annotators})
    return sentence, size, sum(one.stray for one in given.values())


def _given(annotations: Any, labels: tuple[str, ...]) -> dict[str, _Given]:
    """Each person's last finished annotation, by id of the person; a skipped task has none."""
    if not isinstance(annotations, list) or not all(isinstance(one, dict) for one in annotations):
        raise ValueError("has no list of annotations; export it from Label Studio as JSON")
    finished = [one for one in annotations if not one.get("was_cancelled")]
    # The times are ISO 8601 in one zone, so they sort as text.
    finished.sort(key=lambda one: str(one.get("updated_at") or one.get("created_at") or ""))
    found: dict[str, _Given] = {}
    for one in finished:
        chosen, values = _chosen(one.get("result"), labels)
        possible = values.intersection(_possible(chosen))
        found[_person(one.get("completed_by"))] = _Given(chosen, possible, len(values) - len(possible))
    return found


def _possible(labels: Sequence[str]) -> list[Value]:
    return [value for value, possible in zip(VALUES, possible_values(labels), strict=True) if possible]


def _person(completed_by: Any) -> str:
    """The person's id, never a name or address, which do not belong in a data set."""
    return str(completed_by.get("id") if isinstance(completed_by, Mapping) else completed_by)


def _chosen(result: Any, labels: tuple[str, ...]) -> tuple[list[str], frozenset[Value]]:
    """The labels and values of one annotation."""
    if not isinstance(result, list) or not all(isinstance(region, dict) for region in result):
        raise ValueError("an annotation has no list of results")
    if result and not any(region.get("from_name") in (CONTROL, VALUES_CONTROL) for region in result):
        raise ValueError(f"an annotation has no {CONTROL!r}; use the labelling configuration that was exported")
    chosen: set[str] = set()
    values: set[Value] = set()
    for region in result:
        value = region.get("value")
        if region.get("from_name") == CONTROL:
            names = value.get("choices") if isinstance(value, dict) else None
            if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
                raise ValueError(f"an annotation's {CONTROL!r} has no list of choices")
            unknown = next((name for name in names if name not in labels), None)
            if unknown is not None:
                raise ValueError(f"unknown label {unknown!r}; the labels are {', '.join(labels)}")
            chosen.update(names)
        elif region.get("from_name") == VALUES_CONTROL:
            leaves = value.get("taxonomy") if isinstance(value, dict) else None
            if not isinstance(leaves, list) or not all(
                isinstance(leaf, list) and len(leaf) == 2 and all(isinstance(name, str) for name in leaf)
                for leaf in leaves
            ):
                raise ValueError(f"an annotation's {VALUES_CONTROL!r} has no list of attributes with a value")
            values.update((name, leaf) for name, leaf in leaves)
    grouped(values)  # refuses unknown ones
    return [name for name in labels if name in chosen], frozenset(values)
