"""How often a shipped model's 8-bit graph and the float weights rebuilt from it decide the same.

python -m scripts.rebuilt          # the five policies and OPP-115's test policies (OPP115_DIR), standard and fast
"""

from __future__ import annotations

import torch

from clausetag.data.corpora.five import read_five
from clausetag.data.corpora.opp115 import find_opp115, read_opp115
from clausetag.data.corpora.splits import policy_split
from clausetag.model.decision import calibrate, decide
from clausetag.model.network import SentenceTagger, predict_logits
from clausetag.model.runtime import Runtime
from clausetag.model.tagger import Tagger
from clausetag.model.tokenise import encode_sentences


def main() -> None:
    """Measure and print."""
    torch.set_num_threads(1)
    test = set(policy_split()["test"])
    rows = [*read_five(), *(row for row in read_opp115(find_opp115()).sentences if row.policy in test)]
    for name in ("standard", "fast"):
        tagger = Tagger.load(name)
        artifact, tokenizer = tagger.artifact, tagger.tokenizer
        encoded = encode_sentences(rows, tokenizer)
        network = SentenceTagger.from_pretrained(name)
        both = (
            predict_logits(network, encoded, artifact.window, tokenizer, bf16=False)[0],
            Runtime(artifact.folder / "model.onnx").logits(encoded, max_tokens=artifact.window, tokenizer=tokenizer)[0],
        )
        for head, own in artifact.settings.items():
            column = artifact.heads.index(own.output)
            scores = [calibrate(logits[:, column], own.slope, own.intercept) for logits in both]
            one, two = (decide(values, own.thresholds, own.min_labels) for values in scores)
            difference = abs(scores[0] - scores[1])
            print(
                f"{name}, head {head}: {len(rows):,} sentences, {(one == two).mean():.2%} of decisions agree; "
                f"scores differ by {difference.mean():.4f} on average, {difference.max():.3f} at most"
            )


if __name__ == "__main__":
    main()
