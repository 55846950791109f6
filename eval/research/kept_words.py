"""Measure what reading a table of Markdown or plain texts loses.

    python -m clausetag.eval.research.kept_words policies.jsonl.gz

counts the words of three and more letters in each text, without the addresses of links and the tags, and prints how
many are not in what is extracted of it, with the policies that lose any and the words.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from pathlib import Path

from clausetag.data.documents.rows import PolicyRow
from clausetag.data.documents.sniff import extract_text
from clausetag.data.documents.tables import table_rows

_UNSEEN = re.compile(r"!\[[^\[\]]*+\]\([^()]*+\)|(?<=\])\([^\s()]*+(?:\s++\"[^\"]*+\")?\)|<[^<>]{1,300}+>")
_WORD = re.compile(r"[^\W\d_]{3,}")
_NUMBER = re.compile(r"[ivxIVX]+")


def words(text: str) -> Counter[str]:
    """The words that are compared: without numbers, which are list markers too."""
    found = _WORD.findall(text.replace("\u00ad", ""))
    return Counter(word for word in found if not _NUMBER.fullmatch(word))


def main(path: str) -> None:
    """Print the counts."""
    total = policies = lost = 0
    for _, row in table_rows(Path(path)):
        if not isinstance(row, PolicyRow):
            continue
        wanted = words(_UNSEEN.sub(" ", row.content))
        missing = wanted - words(extract_text(row.id, row.content).text)
        policies, total, lost = policies + 1, total + wanted.total(), lost + missing.total()
        if missing:
            print(f"{row.id}: {missing.total():,} of {wanted.total():,}: {' '.join(list(missing)[:12])}")
    print(f"{lost:,} of {total:,} words lost in {policies:,} policies")


if __name__ == "__main__":
    main(sys.argv[1])
