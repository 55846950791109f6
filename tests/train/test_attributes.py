"""Heads for attributes: trained on a small model, without changing its labels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from clausetag.cli import main
from clausetag.data.attributes import VALUES
from clausetag.data.corpora.five import read_five
from clausetag.data.errors import DataError
from clausetag.data.labels import FIRST_PARTY, SECURITY
from clausetag.data.records import Sentence
from clausetag.eval.metrics.values import majority_values, value_votes
from clausetag.model.onnx.attributes import HiddenStates, add_heads, default_layers
from clausetag.model.tagger import Tagger
from clausetag.model.tokenise import encode_sentences
from clausetag.train.attributes.command import fit_values
from clausetag.train.attributes.heads import AttributeHeads, Examples, Settings, train_heads

_PLACES = {value: place for place, value in enumerate(VALUES)}
_ARGUMENTS = [
    *("--set", "opp115=[]", "--set", "opp115_validation=[]"),
    *("--set", "policies=['000_sagenext','001_samanage','002_clicentrix','003_empxtrack']"),
    *("--set", "policies_validation=['004_vtiger']"),
]


@pytest.fixture(scope="module")
def with_heads(tiny_artifact: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("attributes") / "model"
    assert main(["attributes", "default", *_ARGUMENTS, "--model", str(tiny_artifact), "-o", str(folder)]) == 0
    return folder


def test_labels_and_scores_stay_the_same_and_attributes_come(tiny_artifact: Path, with_heads: Path) -> None:
    rows = [row for row in read_five() if row.policy == "001_samanage"]
    before = Tagger.load(tiny_artifact).tag_sentences(rows)
    tagger = Tagger.load(with_heads)
    after = tagger.tag_sentences(rows)
    assert [(row.labels, row.scores) for row in after] == [(row.labels, row.scores) for row in before]
    assert all(row.attributes is None for row in before) and all(row.attributes is not None for row in after)
    assert Tagger.load(with_heads, attributes=False).tag_sentences(rows) == before
    assert "004_vtiger" in tagger.trained_on.validation_policies
    for part in ("tokenizer.json", "tokenizer_config.json"):
        assert (with_heads / part).read_bytes() == (tiny_artifact / part).read_bytes()


def test_only_values_of_the_given_labels_are_stated(with_heads: Path) -> None:
    tagger = Tagger.load(with_heads)
    rows = [row for row in read_five() if row.policy == "002_clicentrix"]
    outputs = np.concatenate([np.full((len(rows), tagger.width - 132), 9.0), np.full((len(rows), 132), 9.0)], axis=1)
    found = tagger.label(rows, outputs.astype(np.float32), only=[SECURITY])
    assert {name for row in found for name in row.attributes or ()} == {"Security Measure"}
    assert set((found[0].attribute_scores or {})["Security Measure"]) == set(
        (found[0].attributes or {})["Security Measure"]
    )
    assert tagger.label(rows, outputs.astype(np.float32), attributes=False)[0].attributes is None


def test_the_exported_heads_compute_what_was_trained(tiny_artifact: Path, tmp_path: Path) -> None:
    source, target = tiny_artifact / "model.onnx", tmp_path / "model.onnx"
    torch.manual_seed(3)
    layers = default_layers(2)
    heads = AttributeHeads(32 * len(layers), 8).eval()
    for parameter in heads.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    tagger = Tagger.load(tiny_artifact)
    rows = [row for row in read_five() if row.policy == "000_sagenext"]
    encoded = encode_sentences(rows, tagger.tokenizer)
    hidden = HiddenStates(source, layers).of_sentences(encoded, tagger.artifact.window, tagger.tokenizer)
    sample = np.concatenate(hidden).astype(np.float32)
    add_heads(source, target, layers, heads.weights(), sample)
    add_heads(target, tmp_path / "again.onnx", layers, heads.weights(), sample)
    assert [output.name for output in onnx.load(tmp_path / "again.onnx").graph.output] == ["logits", "attributes"]
    from clausetag.model.runtime import Runtime

    runtime = Runtime(tmp_path / "again.onnx")
    found = runtime.split(runtime.outputs(encoded, tagger.artifact.window, tagger.tokenizer)[0])[1]
    for row, states in zip(found, hidden, strict=True):
        if len(states) > 80:  # read in parts
            continue
        pooling = torch.full((1, len(states)), 1 / len(states))
        expected = heads(torch.from_numpy(states).float(), pooling)[0].detach().numpy()
        assert np.abs(row - expected).mean() < 0.05  # 8 bits; the logits' standard deviation is about 2


def test_heads_learn_each_source_its_own_habit() -> None:
    rng = np.random.default_rng(0)
    hidden = [rng.normal(size=(5, 16)).astype(np.float16) for _ in range(200)]
    place = _PLACES["Purpose", "Marketing"]
    given = np.array([states[:, 0].mean() > 0 for states in hidden])

    def examples(source: str, positive: np.ndarray, allowed: bool = True) -> Examples:
        targets = np.zeros((200, len(VALUES)), np.float32)
        weights = np.zeros_like(targets)
        targets[:, place], weights[:, place] = positive, allowed
        return Examples(source, hidden, targets, weights)

    heads = train_heads([examples("guide", given), examples("opp115", ~given)], Settings(epochs=120, lr=2e-2, rank=8))
    pooling = torch.full((1, 5), 0.2)
    logits = np.array([heads(torch.from_numpy(s).float(), pooling)[0, :, place].detach().numpy() for s in hidden])
    assert ((logits[:, 1] > 0) == given).mean() > 0.9 and ((logits[:, 0] > 0) == ~given).mean() > 0.9
    with pytest.raises(DataError, match="no sentence to learn attributes from"):
        train_heads([examples("guide", given, allowed=False)], Settings(epochs=1))


def test_settings_are_fitted_to_the_rows_whose_labels_allow_the_value() -> None:
    rng = np.random.default_rng(1)
    gold = rng.random((300, len(VALUES))) < 0.3
    possible = np.zeros_like(gold)
    columns = [place for place, (name, _) in enumerate(VALUES) if name == "Security Measure"]
    possible[:200, columns] = True
    logits = np.where(gold, 1.0, -1.0) + rng.normal(scale=0.3, size=gold.shape) + 2.0
    logits[200:] = 50.0  # rows without the category must not count
    settings = fit_values(logits.astype(np.float32), gold & possible, possible)
    assert (settings.intercept[columns] < -1.0).all() and (settings.slope[columns] > 1.0).all()
    others = np.setdiff1d(np.arange(len(VALUES)), columns)
    assert (settings.thresholds[others] == 0.5).all() and (settings.slope[others] == 1.0).all()


def test_votes_are_shares_of_those_who_gave_the_category() -> None:
    given = {
        "annotators": {"a": [FIRST_PARTY], "b": [FIRST_PARTY], "c": [SECURITY]},
        "annotator_attributes": {"a": {"Purpose": ["Marketing"]}, "c": {"Security Measure": ["Generic"]}},
    }
    row = Sentence("p", 0, "We.", labels=(FIRST_PARTY,), votes={FIRST_PARTY: 2 / 3}, extra=given)
    shares, voters = value_votes([row])
    marketing, secure = _PLACES["Purpose", "Marketing"], _PLACES["Security Measure", "Generic"]
    assert (shares[0, marketing], voters[0, marketing]) == (0.5, 2)
    assert (shares[0, secure], voters[0, secure]) == (1.0, 1)
    gold, possible = majority_values([row])
    assert not gold.any()  # half is no majority, and the majority gave no Security
    assert possible[0, marketing] and not possible[0, secure]


def test_what_cannot_have_attributes_is_refused(
    tiny_artifact: Path, with_heads: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["attributes", "default", *_ARGUMENTS, "--model", str(tiny_artifact), "-o", str(with_heads)]) == 2
    assert "exists; give another -o" in capsys.readouterr().err
    own = [*_ARGUMENTS, "--set", "labels=['one']"]
    assert main(["attributes", "default", *own, "--model", str(tiny_artifact), "-o", str(tmp_path / "x")]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert not (tmp_path / "x").exists()
