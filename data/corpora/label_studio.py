"""Sentences as Label Studio tasks; `label_studio_export` reads its export back.

A task is one sentence with its context: `data` has what is shown (policy, heading, the sentences before and after, the
text) and, under ``meta``, what the row is restored from; Label Studio does not change `data`. Labels are choices of the
control `CONTROL` in the configuration that `labelling_config` writes, and values of attributes are leaves of the
taxonomy `VALUES_CONTROL`. Tested with Label Studio 1.23.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any
from xml.sax.saxutils import quoteattr

from clausetag.data.attributes import ATTRIBUTES
from clausetag.data.jsonl import by_policy
from clausetag.data.labels import LABELS
from clausetag.data.records import Sentence

CONTROL = "labels"
"""Name of the control with the labels in the labelling configuration."""
VALUES_CONTROL = "attributes"
"""Name of the control with the attributes, which is there if the tagged sentences have them."""
TEXT = "text"
"""Name of the text that the labels belong to."""

RESTORED = ("policy", "index", "passage", "start", "end", "heading")
"""What a row is restored from, beside the text."""


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
            meta = {key: getattr(sentence, key) for key in RESTORED} | {"sentences": len(group)}
            if sentence.attributes is not None:
                meta["attributes"] = True
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
                score = round(certainty(sentence), 6)
                prediction = {"model_version": model_version, "score": score, "result": _regions(sentence)}
                task["predictions"] = [prediction]
            tasks.append(task)
    if uncertain_first and model_version is not None:
        tasks.sort(key=lambda task: task["predictions"][0]["score"])  # stable: equal scores stay in order
    return tasks


def _regions(sentence: Sentence) -> list[dict[str, Any]]:
    """What is preselected. Label Studio has no region for a control in which nothing is chosen."""
    values: dict[str, list[Any]] = {"choices": list(sentence.labels or ())}
    regions = [{"from_name": CONTROL, "to_name": TEXT, "type": "choices", "value": values}]
    if sentence.attributes:
        leaves = [[name, value] for name, found in sentence.attributes.items() for value in found]
        regions.append(
            {"from_name": VALUES_CONTROL, "to_name": TEXT, "type": "taxonomy", "value": {"taxonomy": leaves}}
        )
    return regions


def labelling_config(labels: Sequence[str] = LABELS, *, attributes: bool = False) -> str:
    """Label Studio's labelling interface (XML): heading and context in grey, the sentence, a checkbox per label.

    With `attributes` there is a tree of all attributes and their values below the labels.
    """
    choices = "\n".join(f"    <Choice value={quoteattr(label)}/>" for label in labels)
    taxonomy = "\n".join(
        f"    <Choice value={quoteattr(attribute.name)}>"
        + "".join(f"<Choice value={quoteattr(value)}/>" for value in attribute.values)
        + "</Choice>"
        for attribute in ATTRIBUTES
    )
    tree = f'''  <Taxonomy name="{VALUES_CONTROL}" toName="{TEXT}" leafsOnly="true" placeholder="Attributes">
{taxonomy}
  </Taxonomy>
'''
    return f"""<View>
  <Style>.around {{ color: #767676; }} .sentence {{ font-size: 1.2em; margin: .5em 0; }}</Style>
  <View className="around">
    <Text name="policy" value="$policy" valueType="text"/>
    <Text name="heading" value="$heading" valueType="text"/>
    <Text name="previous" value="$previous" valueType="text"/>
  </View>
  <View className="sentence">
    <Text name="{TEXT}" value="$text" valueType="text"/>
  </View>
  <View className="around">
    <Text name="next" value="$next" valueType="text"/>
  </View>
  <Choices name="{CONTROL}" toName="{TEXT}" choice="multiple" showInline="false">
{choices}
  </Choices>
{tree if attributes else ""}</View>
"""
