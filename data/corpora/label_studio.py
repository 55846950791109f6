"""Write sentences as Label Studio tasks, and read its export back as labelled sentences.

A task is one sentence with its context: `data` has what is shown (policy, heading, the sentences before and after, the
text) and, under ``meta``, what the row is restored from; Label Studio does not change `data`. Labels are choices of the
control `CONTROL` in the configuration that `labelling_config` writes. The reader expects Label Studio's full "JSON"
export (not JSON-MIN); tested with version 1.23.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from clausetag.data.errors import DataError
from clausetag.data.jsonl import by_policy
from clausetag.data.labels import LABELS
from clausetag.data.records import Sentence, sentence_from_row

CONTROL = "labels"
"""Name of the control with the labels in the labelling configuration."""
TEXT = "text"
"""Name of the text that the labels belong to."""

_RESTORED = ("policy", "index", "passage", "start", "end", "heading")


@dataclass(frozen=True, slots=True)
class Imported:
    """The sentences of an export, by policy and in order; unlabelled ones are context."""

    sentences: tuple[Sentence, ...]
    notes: tuple[str, ...]
    """Messages for the user about missing sentences."""


def certainty(sentence: Sentence) -> float:
    """Probability (0 to 1) that all label decisions on a tagged sentence are right, if they are independent.

    The product over all labels of the score if the label is given, else of 1 - score.
    """
    product = 1.0
    for label, score in (sentence.scores or {}).items():
        product *= score if label in (sentence.labels or ()) else 1.0 - score
    return product


def make_tasks(
    tagged: Iterable[Sentence], model_version: str | None = None, *, uncertain_first: bool = False
) -> list[dict[str, Any]]:
    """One task per sentence, in order, or the least certain sentences first.

    With `model_version` the sentences' labels become predictions, which Label Studio preselects; the score of a
    prediction is its `certainty`.
    """
    tasks: list[dict[str, Any]] = []
    for group in by_policy(tagged).values():
        for number, sentence in enumerate(group):
            before = group[number - 1].text if number else ""
            after = group[number + 1].text if number + 1 < len(group) else ""
            meta = {key: getattr(sentence, key) for key in _RESTORED} | {"sentences": len(group)}
            task: dict[str, Any] = {
                "data": {
                    "policy": sentence.policy,
                    "heading": sentence.heading or "",
                    "previous": before,
                    "text": sentence.text,
                    "next": after,
                    "meta": meta,
                }
            }
            if model_version is not None:
                choices = {"choices": list(sentence.labels or ())}
                result = {"from_name": CONTROL, "to_name": TEXT, "type": "choices", "value": choices}
                score = round(certainty(sentence), 6)
                prediction = {"model_version": model_version, "score": score, "result": [result]}
                task["predictions"] = [prediction]
            tasks.append(task)
    if uncertain_first and model_version is not None:
        tasks.sort(key=lambda task: task["predictions"][0]["score"])  # stable: equal scores stay in order
    return tasks


def labelling_config(labels: Sequence[str] = LABELS) -> str:
    """Label Studio's labelling interface (XML): heading and context in grey, the sentence, a checkbox per label."""
    choices = "\n".join(f"    <Choice value={quoteattr(label)}/>" for label in labels)
    return f"""<View>
  <Style>.around {{ color: #767676; }} .sentence {{ font-size: 1.2em; margin: .5em 0; }}</Style>
  <View className="around">
    <Text name="policy" value="$policy" valueType="text"/>
    <Text name="heading" value="$heading" valueType="text"/>
    <Text name="previous" value="$previous" valueType="text"/>
  </View>
  <View className="sentence">
    <Text name="{escape(TEXT)}" value="$text" valueType="text"/>
  </View>
  <View className="around">
    <Text name="next" value="$next" valueType="text"/>
  </View>
  <Choices name="{escape(CONTROL)}" toName="{escape(TEXT)}" choice="multiple" showInline="false">
{choices}
  </Choices>
</View>
"""


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
    `votes` (the share of people who gave a label) and `labels` (given by more than half). A task without a finished
    annotation becomes an unlabelled row. Label Studio does not export tasks that nobody labelled; they are taken from
    `tasks`, the file that was imported into Label Studio, as context.

    Raises:
        DataError: a file cannot be read, or a task is wrong; the message names file, task and reason.
    """
    rows: dict[tuple[str, int], Sentence] = {}
    sizes: dict[str, int] = {}
    for source in (path, tasks):
        if source is None:
            continue
        name, seen = os.fspath(source), set[tuple[str, int]]()
        for number, task in enumerate(read_tasks(source), 1):
            try:
                sentence, size = _sentence(task, labels, annotated=source is path)
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
    if not any(sentence.labelled for sentence in rows.values()):
        raise DataError(f"{os.fspath(path)}: has no finished annotation")
    groups = by_policy(rows.values())
    gaps = [
        f"{policy}: {sizes[policy] - len(group):,} of its {sizes[policy]:,} sentences are missing; give the imported "
        "file with --tasks, so that the model sees each sentence in its place"
        for policy, group in groups.items()
        if len(group) < sizes[policy]
    ]
    ordered = tuple(sentence for group in groups.values() for sentence in group)
    return Imported(ordered, tuple(gaps))


def _task_name(task: Any, number: int) -> str:
    own = task.get("id") if isinstance(task, dict) else None
    return f"{own}" if isinstance(own, int | str) else f"number {number}"


def _sentence(task: Any, labels: tuple[str, ...], *, annotated: bool) -> tuple[Sentence, int]:
    """The sentence of one task, and the number of sentences in its policy.

    Raises:
        ValueError: the task was not written by `make_tasks`, or an annotation is wrong.
    """
    data = task.get("data") if isinstance(task, dict) else None
    if isinstance(task, dict) and data is None and "meta" in task:
        raise ValueError("this is JSON-MIN, which leaves out who labelled; export it from Label Studio as JSON")
    meta = data.get("meta") if isinstance(data, dict) else None
    if not isinstance(data, dict) or not isinstance(meta, dict):
        raise ValueError("has no data with meta; import only what `clausetag data export-label-studio` wrote")
    row = {key: meta[key] for key in _RESTORED if meta.get(key) is not None} | {"text": data.get("text")}
    sentence = sentence_from_row(row, labels)
    size = meta.get("sentences", 0)
    if not isinstance(size, int) or isinstance(size, bool):
        raise ValueError(f"'sentences' must be an integer, found {size!r}")
    if not annotated:
        return sentence, size
    given = _given(task.get("annotations"), labels)
    if not given:
        return sentence, size
    shares = {name: sum(name in chosen for chosen in given.values()) / len(given) for name in labels}
    agreed = tuple(name for name in labels if shares[name] > 0.5)
    if len(given) == 1:
        return replace(sentence, labels=agreed), size
    votes = {name: share for name, share in shares.items() if share}
    return replace(sentence, labels=agreed, votes=votes, extra={"annotators": given}), size


def _given(annotations: Any, labels: tuple[str, ...]) -> dict[str, list[str]]:
    """The labels of each person's last finished annotation, by id of the person; a skipped task has none."""
    if not isinstance(annotations, list) or not all(isinstance(one, dict) for one in annotations):
        raise ValueError("has no list of annotations; export it from Label Studio as JSON")
    finished = [one for one in annotations if not one.get("was_cancelled")]
    # The times are ISO 8601 in one zone, so they sort as text.
    finished.sort(key=lambda one: str(one.get("updated_at") or one.get("created_at") or ""))
    return {_person(one.get("completed_by")): _choices(one.get("result"), labels) for one in finished}


def _person(completed_by: Any) -> str:
    """The person's id, never a name or address, which do not belong in a data set."""
    return str(completed_by.get("id") if isinstance(completed_by, Mapping) else completed_by)


def _choices(result: Any, labels: tuple[str, ...]) -> list[str]:
    if not isinstance(result, list) or not all(isinstance(region, dict) for region in result):
        raise ValueError("an annotation has no list of results")
    regions = [region for region in result if region.get("from_name") == CONTROL]
    if result and not regions:
        raise ValueError(f"an annotation has no {CONTROL!r}; use the labelling configuration that was exported")
    chosen: set[str] = set()
    for region in regions:
        value = region.get("value")
        names = value.get("choices") if isinstance(value, dict) else None
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise ValueError(f"an annotation's {CONTROL!r} has no list of choices")
        unknown = next((name for name in names if name not in labels), None)
        if unknown is not None:
            raise ValueError(f"unknown label {unknown!r}; the labels are {', '.join(labels)}")
        chosen.update(names)
    return [name for name in labels if name in chosen]
