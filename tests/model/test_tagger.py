from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from clausetag.data.corpora.five import document_of, read_five
from clausetag.data.errors import ArtifactError
from clausetag.data.jsonl import by_policy
from clausetag.data.labels import LABELS
from clausetag.data.records import Sentence
from clausetag.data.segment import segment
from clausetag.model.decision import calibrate
from clausetag.model.network import SentenceTagger, predict_logits
from clausetag.model.tagger import Tagger
from clausetag.model.tokenise import encode_sentences, inference_windows


@pytest.fixture(scope="module")
def tagger(tiny_artifact: Path) -> Tagger:
    return Tagger.load(tiny_artifact)


def test_onnx_and_torch_give_the_same_logits_in_the_same_places(tagger: Tagger, tiny_artifact: Path) -> None:
    """8 bits cost a little; a swapped unit, head or label would cost a lot."""
    sentences = read_five()
    model = SentenceTagger.from_pretrained(tiny_artifact).eval()
    encoded = encode_sentences(sentences, tagger.tokenizer)
    window = tagger.artifact.window
    expected, expected_passages = predict_logits(model, encoded, window, tagger.tokenizer, bf16=False)
    found, found_passages = tagger.logits(encoded)
    assert found.shape == (len(sentences), 3, len(LABELS))
    assert np.abs(found - expected).max() < 0.15
    assert np.abs(found_passages - expected_passages).max() < 0.15
    assert expected.std() > 0.5


def test_results_do_not_depend_on_what_is_beside(tagger: Tagger) -> None:
    groups = by_policy(read_five())
    together = tagger.score(read_five())
    alone = np.concatenate([tagger.score(group) for group in groups.values()])
    np.testing.assert_array_equal(alone, together)
    reverse = np.concatenate([tagger.score(group) for group in reversed(list(groups.values()))])
    sizes = [len(group) for group in groups.values()]
    parts = np.split(reverse, np.cumsum(sizes[::-1])[:-1])[::-1]
    np.testing.assert_array_equal(np.concatenate(parts), together)


def test_the_order_of_rows_changes_nothing(tagger: Tagger) -> None:
    rows = by_policy(read_five())["003_empxtrack"]
    order = np.random.default_rng(0).permutation(len(rows))
    np.testing.assert_array_equal(tagger.score([rows[i] for i in order]), tagger.score(rows)[order])


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_threads_change_nothing(tagger: Tagger, tiny_artifact: Path, threads: int) -> None:
    sentences = read_five()
    np.testing.assert_array_equal(Tagger.load(tiny_artifact, threads=threads).score(sentences), tagger.score(sentences))


def test_it_learnt_something(tagger: Tagger) -> None:
    """On a policy held out of its training a tiny random encoder still beats chance by words alone."""
    gold = by_policy(read_five())["004_vtiger"]
    scores = tagger.score(gold)
    label = LABELS.index("First Party Collection/Use")
    positive = np.array(["First Party Collection/Use" in (s.labels or ()) for s in gold])
    better = (scores[positive, label][:, None] > scores[~positive, label][None, :]).mean()
    assert better > 0.6


def test_scores_are_calibrated_logits_of_the_chosen_head(tagger: Tagger) -> None:
    sentences = by_policy(read_five())["003_empxtrack"]
    logits, _ = tagger.logits(encode_sentences(sentences, tagger.tokenizer))
    settings = tagger.head("guide")
    expected = calibrate(logits[:, tagger.artifact.heads.index("guide")], settings.slope, settings.intercept)
    np.testing.assert_allclose(tagger.score(sentences, head="guide"), expected)


def test_tags_follow_thresholds_label_by_label(tagger: Tagger) -> None:
    document = document_of("000_sagenext")
    tagged = tagger.tag_document(document)
    thresholds = dict(zip(LABELS, tagger.thresholds(), strict=True))
    assert [s.text for s in tagged] == [s.text for s in segment(document)]
    for sentence in tagged:
        assert sentence.scores is not None and set(sentence.scores) == set(LABELS)
        assert sentence.labels
        above = {label for label in LABELS if sentence.scores[label] >= thresholds[label] + 1e-4}
        assert above <= set(sentence.labels)
        assert len(sentence.labels) == 1 or all(sentence.scores[n] >= thresholds[n] - 1e-4 for n in sentence.labels)


def test_passages_are_scored_by_their_own_head_and_need_it(tagger: Tagger) -> None:
    with pytest.raises(ArtifactError, match="no head 'passage'; it has guide"):
        tagger.score_passages(read_five())


def test_empty_input(tagger: Tagger) -> None:
    assert tagger.score([]).shape == (0, len(LABELS))
    assert tagger.tag_sentences([]) == []


def test_a_sentence_longer_than_the_window_is_tagged(tagger: Tagger) -> None:
    long = "We collect your name " + "and your address " * 1000 + "."
    tagged = tagger.tag(long)
    assert len(tagged) == 1 and tagged[0].labels


LISTED = ", ".join(f"schedule {number} of the agreement" for number in range(1, 90))
LONG = f"The words used here have the meaning that is given in the terms, such as {LISTED}"


@pytest.mark.parametrize("name", ["standard", "fast"])
@pytest.mark.parametrize(
    ("label", "tail"),
    [
        ("Do Not Track", ", and our website does not respond to the Do Not Track signals of your browser."),
        ("Data Retention", ", and we keep your personal information for seven years after you close your account."),
        ("Data Security", ", and your personal information is encrypted with SSL and stored behind a firewall."),
        ("Policy Change", ", and we may change this privacy policy at any time and will notify you by e-mail."),
    ],
)
def test_the_tail_of_a_sentence_longer_than_a_window_counts(name: str, label: str, tail: str) -> None:
    """The shipped models read it in parts; before, what didn't fit into the window was lost silently."""
    shipped = Tagger.load(name)
    without, tailed = shipped.tag_sentences([Sentence("a", 0, f"{LONG}."), Sentence("b", 0, LONG + tail)])
    assert len(shipped.tokenizer.encode([LONG])[0]) > shipped.artifact.window
    assert label in (tailed.labels or ()) and label not in (without.labels or ())


def test_a_part_with_the_larger_logit_decides(tagger: Tagger) -> None:
    encoded = encode_sentences([Sentence("a", 0, LONG)], tagger.tokenizer)
    windows = inference_windows(encoded, tagger.artifact.window, tagger.tokenizer)
    parts = np.concatenate(tagger.run([replace(window, passages=()) for window in windows]))
    assert len(parts) > 2
    np.testing.assert_array_equal(tagger.logits(encoded)[0].ravel(), parts.max(axis=0))


def test_import_of_the_tagger_needs_no_torch() -> None:
    import subprocess
    import sys

    code = "import sys, clausetag.model.tagger, clausetag.cli, onnxruntime; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_bf16_and_float_agree(tiny_artifact: Path, tagger: Tagger) -> None:
    model = SentenceTagger.from_pretrained(tiny_artifact).eval()
    encoded = encode_sentences(by_policy(read_five())["003_empxtrack"], tagger.tokenizer)
    with torch.no_grad():
        low, _ = predict_logits(model, encoded, 96, tagger.tokenizer, bf16=True)
        full, _ = predict_logits(model, encoded, 96, tagger.tokenizer, bf16=False)
    assert np.abs(low - full).max() < 0.3
