"""How many fields of fact sheets the annotation has as well, with and without what is asked of their certainty.

python -m clausetag.eval.research.fact_fields modern.jsonl --split validation

A field is a kind of data with a purpose, a recipient, a value of a topic, or a denial. It agrees if the sheet of the
annotated sentences has it too. Fields that only speak of something are not counted.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace

from clausetag.data.corpora.attribute_labels import with_attributes
from clausetag.data.corpora.five import read_five
from clausetag.data.jsonl import by_policy, read_jsonl
from clausetag.data.records import Sentence
from clausetag.model.tagger import Tagger
from clausetag.predict.facts.build import fact_sheet


def fields(sentences: Sequence[Sentence]) -> Iterator[tuple[str, tuple[object, ...], bool]]:
    """The kind of each field of a policy's sheet, what it is, and whether it is stated, not only spoken of."""
    sheet = fact_sheet("", sentences)
    if sheet is None:
        return
    for name, party in sheet.parties.items():
        for key, fact in party.cells.items():
            yield name, key, fact.mode != "unsaid"
        for value, fact in party.recipients.items():
            yield "recipients", (value,), fact.mode != "unsaid"
        for saying in party.denials:
            yield "denials", (name, saying.sentence), True
    for name, topic in sheet.topics.items():
        for value in topic.found:
            yield "topics", (name, value), value in topic.stated


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", help="labelled JSONL whose texts have annotated attributes, or `policies`")
    parser.add_argument("--split")
    parser.add_argument("--model")
    arguments = parser.parse_args()
    rows = read_five() if arguments.data == "policies" else read_jsonl(arguments.data)
    read = with_attributes([row for row in rows if not arguments.split or row.extra.get("split") == arguments.split])
    gold = {name: group for name, group in by_policy(read).items() if any(one.attributes for one in group)}
    tagger = Tagger.load(arguments.model)
    given, sure, agree, agree_sure = (Counter[str]() for _ in range(4))
    for group in gold.values():
        tagged = tagger.tag_sentences(group)
        known = {(kind, key) for kind, key, _ in fields(group)}
        stated = {(kind, key) for kind, key, says in fields(tagged) if says}
        for kind, key, _ in fields([replace(one, scores=None, attribute_scores=None) for one in tagged]):
            given[kind] += 1
            agree[kind] += (kind, key) in known
        for kind, key in stated:
            sure[kind] += 1
            agree_sure[kind] += (kind, key) in known
    print(f"{len(gold)} policies\n{'':14} {'all':>5} {'agree':>6} {'certain':>8} {'agree':>6}")
    for kind in given:
        shares = agree[kind] / given[kind], agree_sure[kind] / max(1, sure[kind])
        print(f"{kind:14} {given[kind]:5} {shares[0]:6.2f} {sure[kind]:8} {shares[1]:6.2f}")


if __name__ == "__main__":
    main()
