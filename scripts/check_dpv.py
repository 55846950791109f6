"""Whether every term that fact sheets use is in the published Data Privacy Vocabulary.

python scripts/check_dpv.py dpv.jsonld pd.jsonld  # any files of DPV 2 that have whole IRIs: JSON-LD, N-Triples, JSON
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from clausetag.predict.facts import dpv

_CONTEXT = {prefix: base for prefix, base in dpv.mapping()["context"].items() if "w3id.org/dpv" in base}


def main(names: list[str]) -> int:
    """Print the terms that none of the files has; returns 1 if there are any."""
    published = {
        iri
        for name in names
        for iri in re.findall(r"https://w3id\.org/dpv(?:/\w+)*#\w+", Path(name).read_text(encoding="utf-8"))
    }
    folder = Path(dpv.__file__).parent
    text = "".join((folder / name).read_text(encoding="utf-8") for name in ("dpv.json", "dpv.py"))
    used = sorted(set(re.findall(rf"\"((?:{'|'.join(_CONTEXT)}):\w+)\"", text)))
    missing = [term for term in used if _CONTEXT[term.split(":")[0]] + term.split(":")[1] not in published]
    for term in missing:
        print(f"{term} is not in {', '.join(names)}")
    print(f"{len(used)} terms, {len(missing)} of them unknown")
    return bool(missing)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
