"""`clausetag data`: prepare corpora.

clausetag data opp115 OPP-115_v1_0.zip -o corpora/opp115
clausetag data strip labelled.jsonl -o labels.jsonl
clausetag data join labels.jsonl policies.jsonl.gz -o labelled.jsonl
clausetag data pool policies.jsonl.gz --held labelled.jsonl -o pool.jsonl
clausetag data import-label-studio export.json --tasks tasks.json -o labelled.jsonl

`clausetag data export-label-studio` tags, so it stands in `clausetag.predict.label_studio`.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path

from clausetag.data.corpora.bare_labels import join, read_bare, read_policies, strip
from clausetag.data.corpora.five import read_five
from clausetag.data.corpora.label_studio import read_export
from clausetag.data.corpora.opp115 import Corpus, find_opp115, read_opp115
from clausetag.data.corpora.pool import HeldOut, sample_pool
from clausetag.data.corpora.splits import policy_split
from clausetag.data.errors import DataError
from clausetag.data.jsonl import read_jsonl, write_jsonl, write_text
from clausetag.data.labels import LABELS, read_label_set


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `clausetag data`."""
    parser.epilog = "Further: clausetag data export-label-studio, which writes tasks for Label Studio."
    corpora = parser.add_subparsers(dest="corpus", metavar="CORPUS", required=True)
    opp115 = corpora.add_parser("opp115", help="OPP-115's annotations as labelled JSONL, one file a split")
    opp115.add_argument("source", metavar="DIR|ZIP|download", help="the corpus in its official layout, or `download`")
    opp115.add_argument(
        "-o", "--output", required=True, metavar="DIR", help="folder for train, validation, test and passages .jsonl"
    )
    opp115.add_argument(
        "--unmask", action="store_true", help="use the labels of the 701 held-back segments, where the corpus has them"
    )

    strip = corpora.add_parser("strip", help="labels without their texts, to be shared where the texts may not be")
    strip.add_argument("source", metavar="LABELLED", help="a labelled JSONL")
    strip.add_argument("-o", "--output", required=True, metavar="FILE", help="the labels, by hashes of the texts")
    join = corpora.add_parser("join", help="put labels without texts together with the texts again")
    join.add_argument("source", metavar="LABELS", help="what `clausetag data strip` wrote")
    join.add_argument("policies", metavar="POLICIES", help="JSONL of policies (id, text), may end in .gz")
    join.add_argument("-o", "--output", required=True, metavar="FILE", help="the labelled JSONL")
    pool = corpora.add_parser("pool", help="sentences of unlabelled policies, without those that are measured on")
    pool.add_argument("policies", metavar="POLICIES", help="JSONL of policies (id, text), may end in .gz")
    pool.add_argument(
        "--held",
        action="append",
        default=[],
        metavar="FILE",
        help="labelled JSONL whose validation and test rows may not be in it; repeat it for several. "
        "OPP-115 and the five policies are held always",
    )
    pool.add_argument(
        "--sentences", type=int, default=420_000, metavar="N", help="stop at so many sentences (default: %(default)s)"
    )
    pool.add_argument("--seed", type=int, default=1, help="draws the policies (default: %(default)s)")
    pool.add_argument("-o", "--output", required=True, metavar="FILE", help="the sentences, a JSONL")
    back = corpora.add_parser("import-label-studio", help="labelled JSONL from what was labelled in Label Studio")
    back.add_argument("source", metavar="EXPORT", help="Label Studio's export as JSON")
    back.add_argument(
        "--tasks",
        metavar="FILE",
        help="what export-label-studio wrote: sentences that nobody labelled come back from it, as context",
    )
    back.add_argument("--labels", metavar="RECIPE", help="recipe whose `labels` were given (default: the twelve)")
    back.add_argument("-o", "--output", required=True, metavar="FILE", help="the labelled JSONL")


def main(arguments: argparse.Namespace) -> int:
    """Run `clausetag data`; returns the exit code."""
    if arguments.corpus == "strip":
        policies = strip(read_jsonl(arguments.source), arguments.output)
        print(f"{policies} policies")
        return 0
    if arguments.corpus == "join":
        rows, notes = join(read_policies(arguments.policies), read_bare(arguments.source))
        if not rows:
            raise DataError(f"{arguments.policies}: has none of the policies that {arguments.source} has labels for")
        write_jsonl(arguments.output, rows)
        said = [f"{len({row['policy'] for row in rows})} policies, {len(rows):,} sentences"]
        print("\n".join([*said, *(f"note: {note}" for note in notes)]))
        return 0
    if arguments.corpus == "pool":
        return _pool(arguments)
    if arguments.corpus == "import-label-studio":
        return _import_label_studio(arguments)
    source = find_opp115(download=True) if arguments.source == "download" else Path(arguments.source)
    corpus = read_opp115(source, unmask=arguments.unmask)
    write_corpus(corpus, Path(arguments.output))
    return 0


def _import_label_studio(arguments: argparse.Namespace) -> int:
    labels = LABELS if arguments.labels is None else read_label_set(arguments.labels)
    found = read_export(arguments.source, arguments.tasks, labels)
    Path(arguments.output).parent.mkdir(parents=True, exist_ok=True)
    write_jsonl(arguments.output, (sentence.row() for sentence in found.sentences))
    policies = len({sentence.policy for sentence in found.sentences})
    labelled = sum(sentence.labelled for sentence in found.sentences)
    said = [f"{policies} policies, {len(found.sentences):,} sentences, {labelled:,} labelled"]
    print("\n".join([*said, *(f"note: {note}" for note in found.notes)]))
    return 0


def _pool(arguments: argparse.Namespace) -> int:
    if arguments.sentences < 1:
        raise DataError(f"--sentences {arguments.sentences}: give at least 1")
    texts = [sentence.text for sentence in read_five()]
    for path in arguments.held:
        rows = [row for row in read_jsonl(path) if row.extra.get("split") in ("validation", "test")]
        if not rows:
            raise DataError(f"{path}: no row's split is validation or test, so there is nothing to hold out")
        texts += [row.text for row in rows]
    policies = list(read_policies(arguments.policies))
    if not policies:
        raise DataError(f"{arguments.policies}: holds no policy")
    # Last, since it may be downloaded: nothing that was given is wrong.
    texts += [sentence.text for sentence in read_opp115(find_opp115(download=True)).sentences]
    pool = sample_pool(policies, HeldOut(texts), arguments.sentences, arguments.seed)
    if not pool.sentences:
        raise DataError(f"{arguments.policies}: no policy in it can be used ({_counted(pool.left_out)})")
    Path(arguments.output).parent.mkdir(parents=True, exist_ok=True)
    write_jsonl(arguments.output, (sentence.row() for sentence in pool.sentences))
    print(f"{pool.policies:,} policies, {len(pool.sentences):,} sentences; left out: {_counted(pool.left_out)}")
    return 0


def _counted(left_out: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {what}" for what, count in sorted(left_out.items()) if count) or "nothing"


def write_corpus(corpus: Corpus, folder: Path) -> None:
    """Write sentences by split, passages, and the extracted text of each policy that the offsets index.

    Raises:
        DataError: the folder cannot be written.
    """
    said: list[str] = []  # printed at the end: a reader that stops listening must not stop the writing
    try:
        (folder / "texts").mkdir(parents=True, exist_ok=True)
        for name, policies in policy_split().items():
            rows = [sentence.row() for sentence in corpus.sentences if sentence.policy in set(policies)]
            write_jsonl(folder / f"{name}.jsonl", rows)
            said.append(f"{name}: {len(rows):,} sentences, {sum('labels' in row for row in rows):,} labelled")
        passages = [
            {"policy": p.policy, "index": p.segment, "passage": p.segment, "text": p.text}
            | ({} if p.labels is None or p.votes is None else {"labels": list(p.labels), "votes": dict(p.votes)})
            for p in corpus.passages
        ]
        write_jsonl(folder / "passages.jsonl", passages)
        said.append(f"passages: {len(passages):,}, {sum('labels' in row for row in passages):,} labelled")
        for policy, text in corpus.texts().items():
            write_text(folder / "texts" / f"{policy}.txt", text)
    except OSError as error:
        raise DataError(f"{folder}: {error.strerror or error}") from None
    print("\n".join([*said, *(f"note: {note}" for note in corpus.notes)]))
