"""`clausetag data`: prepare corpora.

clausetag data opp115 OPP-115_v1_0.zip -o corpora/opp115
clausetag data strip labelled.jsonl -o labels.jsonl
clausetag data join labels.jsonl policies.jsonl.gz -o labelled.jsonl
clausetag data pool policies.jsonl.gz --held labelled.jsonl -o pool.jsonl
clausetag data import-label-studio export.json --tasks tasks.json -o labelled.jsonl

`clausetag data export-label-studio` needs a model and is therefore in `clausetag.predict.label_studio`.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from itertools import chain
from pathlib import Path

from clausetag.data.corpora.bare_labels import join, read_bare, strip
from clausetag.data.corpora.five import read_five
from clausetag.data.corpora.label_studio_export import read_export
from clausetag.data.corpora.opp115 import Corpus, find_opp115, read_opp115
from clausetag.data.corpora.pool import HeldOut, sample_pool
from clausetag.data.corpora.splits import policy_split
from clausetag.data.documents.tables import row_word, table_rows
from clausetag.data.errors import DataError, DocumentError
from clausetag.data.jsonl import read_jsonl, write_jsonl, write_text
from clausetag.data.labels import LABELS, read_label_set
from clausetag.data.text import SURROGATE


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `clausetag data`."""
    corpora = parser.add_subparsers(dest="corpus", metavar="CORPUS", required=True)

    def add(
        name: str, summary: str, output: str = "the labelled JSONL", metavar: str = "FILE"
    ) -> argparse.ArgumentParser:
        sub = corpora.add_parser(name, help=summary, allow_abbrev=False)
        sub.add_argument("-o", "--output", required=True, metavar=metavar, help=output)
        return sub

    files = "folder for train.jsonl, validation.jsonl, test.jsonl and passages.jsonl"
    opp115 = add("opp115", "write OPP-115's annotations as labelled JSONL, one file per split", files, "DIR")
    opp115.add_argument("source", metavar="DIR|ZIP|download", help="the corpus in its official layout, or `download`")
    opp115.add_argument(
        "--unmask", action="store_true", help="use the labels of the 701 held-back segments, where the corpus has them"
    )
    bare = add("strip", "write labels without texts, to share them where the texts may not be shared", "the labels")
    bare.add_argument("source", metavar="LABELLED", help="a labelled JSONL")
    joined = add("join", "put labels without texts back together with the texts")
    joined.add_argument("source", metavar="LABELS", help="the output of `clausetag data strip`")
    pool = add("pool", "sample sentences of unlabelled policies, without any that are used in evaluations", "a JSONL")
    policies = "policies: JSONL (may end in .gz), CSV or Parquet"
    joined.add_argument("policies", metavar="POLICIES", nargs="+", help=policies)
    pool.add_argument("policies", metavar="POLICIES", help=policies)
    pool.add_argument(
        "--held",
        action="append",
        default=[],
        metavar="FILE",
        help="labelled JSONL whose validation and test rows are left out of the pool; may be repeated. "
        "OPP-115 and the five policies are always left out",
    )
    pool.add_argument(
        "--sentences", type=int, default=420_000, metavar="N", help="stop at this many sentences (default: %(default)s)"
    )
    pool.add_argument("--seed", type=int, default=1, help="seed of the random order of policies (default: %(default)s)")
    back = add("import-label-studio", "read sentences labelled in Label Studio as labelled JSONL")
    back.add_argument("source", metavar="EXPORT", help="Label Studio's export as JSON")
    back.add_argument(
        "--tasks",
        metavar="FILE",
        help="the output of export-label-studio; sentences that nobody labelled are taken from it, as context",
    )
    back.add_argument("--labels", metavar="RECIPE", help="recipe whose `labels` were used (default: the twelve)")


def main(arguments: argparse.Namespace) -> int:
    """Run `clausetag data`; returns the exit code."""
    output = Path(arguments.output)
    if arguments.corpus == "strip":
        print(f"{strip(read_jsonl(arguments.source), output)} policies")
    elif arguments.corpus == "join":
        _join(arguments, output)
    elif arguments.corpus == "pool":
        _pool(arguments, output)
    elif arguments.corpus == "import-label-studio":
        _import_label_studio(arguments, output)
    else:
        source = find_opp115(download=True) if arguments.source == "download" else Path(arguments.source)
        write_corpus(read_opp115(source, unmask=arguments.unmask), output)
    return 0


def _join(arguments: argparse.Namespace, output: Path) -> None:
    texts = chain.from_iterable(map(policy_texts, arguments.policies))
    rows, notes = join(texts, read_bare(arguments.source))
    if not rows:
        raise DataError(
            f"{', '.join(arguments.policies)}: has none of the policies that {arguments.source} has labels for"
        )
    write_jsonl(output, rows)
    _report(f"{len({row['policy'] for row in rows})} policies, {len(rows):,} sentences", notes)


def _import_label_studio(arguments: argparse.Namespace, output: Path) -> None:
    labels = LABELS if arguments.labels is None else read_label_set(arguments.labels)
    found = read_export(arguments.source, arguments.tasks, labels)
    output.parent.mkdir(parents=True, exist_ok=True)
    write_jsonl(output, (sentence.row() for sentence in found.sentences))
    policies = len({sentence.policy for sentence in found.sentences})
    labelled = sum(sentence.labelled for sentence in found.sentences)
    _report(f"{policies} policies, {len(found.sentences):,} sentences, {labelled:,} labelled", found.notes)


def _pool(arguments: argparse.Namespace, output: Path) -> None:
    if arguments.sentences < 1:
        raise DataError(f"--sentences {arguments.sentences}: give at least 1")
    texts = [sentence.text for sentence in read_five()]
    for path in arguments.held:
        rows = [row for row in read_jsonl(path) if row.extra.get("split") in ("validation", "test")]
        if not rows:
            raise DataError(f"{path}: no row has the split validation or test, so there is nothing to hold out")
        texts += [row.text for row in rows]
    policies = list(policy_texts(arguments.policies))
    if not policies:
        raise DataError(f"{arguments.policies}: holds no policy")
    # Last, since it may be a download, which would be wasted if another input is wrong.
    texts += [sentence.text for sentence in read_opp115(find_opp115(download=True)).sentences]
    pool = sample_pool(policies, HeldOut(texts), arguments.sentences, arguments.seed)
    if not pool.sentences:
        raise DataError(f"{arguments.policies}: no policy in it can be used ({_counted(pool.left_out)})")
    output.parent.mkdir(parents=True, exist_ok=True)
    write_jsonl(output, (sentence.row() for sentence in pool.sentences))
    print(f"{pool.policies:,} policies, {len(pool.sentences):,} sentences; left out: {_counted(pool.left_out)}")


def policy_texts(path: str) -> Iterator[tuple[str, str]]:
    """Ids and texts of a table of policies.

    Raises:
        DataError: the table cannot be read, or a row has no usable id or text.
    """
    try:
        for number, row in table_rows(Path(path)):
            place = f"{path}, {row_word(path)} {number}"
            if isinstance(row, DocumentError):
                raise DataError(f"{place}: {row}")
            if row.is_html:
                raise DataError(f"{place}: expected a policy with 'id' and 'text', found 'html'")
            if SURROGATE.search(row.id):
                raise DataError(f"{place}: the id {row.id!r} holds a lone surrogate, which is no character; change it")
            yield row.id, row.content
    except (DocumentError, OSError) as error:
        raise DataError(f"{path}: {getattr(error, 'strerror', None) or error}") from None


def _counted(left_out: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {what}" for what, count in sorted(left_out.items()) if count) or "nothing"


def write_corpus(corpus: Corpus, folder: Path) -> None:
    """Write the sentences of each split, the passages, and each policy's extracted text, which the offsets index.

    Raises:
        DataError: the folder cannot be written.
    """
    summary: list[str] = []  # printed at the end, so that a closed pipe does not stop the writing
    try:
        (folder / "texts").mkdir(parents=True, exist_ok=True)
        for name, policies in policy_split().items():
            rows = [sentence.row() for sentence in corpus.sentences if sentence.policy in policies]
            write_jsonl(folder / f"{name}.jsonl", rows)
            summary.append(f"{name}: {len(rows):,} sentences, {sum('labels' in row for row in rows):,} labelled")
        passages = [
            {"policy": p.policy, "index": p.segment, "passage": p.segment, "text": p.text}
            | ({} if p.labels is None or p.votes is None else {"labels": list(p.labels), "votes": dict(p.votes)})
            for p in corpus.passages
        ]
        write_jsonl(folder / "passages.jsonl", passages)
        summary.append(f"passages: {len(passages):,}, {sum('labels' in row for row in passages):,} labelled")
        for policy, text in corpus.texts().items():
            write_text(folder / "texts" / f"{policy}.txt", text)
    except OSError as error:
        raise DataError(f"{folder}: {error.strerror or error}") from None
    _report("\n".join(summary), corpus.notes)


def _report(summary: str, notes: tuple[str, ...] | list[str]) -> None:
    print("\n".join([summary, *(f"note: {note}" for note in notes)]))
