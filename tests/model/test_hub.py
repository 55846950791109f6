"""Models in the hub's form: the libraries' own calls load them offline, and the card's metadata is valid."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from huggingface_hub import ModelCard

from clausetag.cli import main
from clausetag.data.errors import ClausetagError
from clausetag.data.labels import LABELS
from clausetag.data.records import Sentence
from clausetag.model.artifact import load_artifact
from clausetag.model.hub import push_to_hub
from clausetag.model.network import SentenceTagger
from clausetag.model.tagger import Tagger


@pytest.mark.parametrize("first", ["import clausetag", "from transformers import AutoModel"])
def test_the_auto_classes_know_a_model_after_the_import(first: str, tiny_artifact: Path) -> None:
    program = (
        f"{first}\n"
        "import sys, clausetag\n"
        "loaded = 'torch' in sys.modules\n"
        "from transformers import AutoConfig, AutoModel, AutoModelForSequenceClassification, AutoTokenizer\n"
        "config = AutoConfig.from_pretrained(sys.argv[1])\n"
        "model = AutoModel.from_pretrained(sys.argv[1])\n"
        "again = AutoModelForSequenceClassification.from_pretrained(sys.argv[1])\n"
        "tokenizer = AutoTokenizer.from_pretrained(sys.argv[1])\n"
        "texts = tokenizer(['We keep it.', 'No.'], padding=True, return_tensors='pt')\n"
        "print(loaded, type(config).__name__, config.id2label[0], type(model).__name__, again(**texts).logits.shape[1])"
    )
    done = subprocess.run([sys.executable, "-c", program, str(tiny_artifact)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    loaded = "True" if "transformers" in first else "False"
    assert done.stdout.strip().startswith(f"{loaded} SentenceTaggerConfig {LABELS[0]} SentenceTagger {len(LABELS)}")


def test_importing_the_package_loads_no_library() -> None:
    program = "import sys, clausetag; print({'torch', 'transformers', 'numpy'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True).stdout == "set()\n"


def test_a_whole_text_gets_the_scores_of_a_sentence(tiny_artifact: Path) -> None:
    """With ids and mask alone, padded beside a longer text: what the tagger gives the text as one sentence."""
    from transformers import AutoTokenizer

    model = SentenceTagger.from_pretrained(str(tiny_artifact))
    texts = ["We never sell your e-mail address", "Ask us"]
    with torch.no_grad():
        inputs = AutoTokenizer.from_pretrained(str(tiny_artifact))(texts, padding=True, return_tensors="pt")
        inputs.pop("token_type_ids", None)
        scores = torch.sigmoid(model(**inputs).logits)
    expected = Tagger.load(tiny_artifact).score([Sentence(str(n), 0, text) for n, text in enumerate(texts)])
    torch.testing.assert_close(scores.double(), torch.from_numpy(expected), atol=0.02, rtol=0)


def test_a_shipped_model_loads_by_its_name_and_in_a_pipeline() -> None:
    from transformers import pipeline

    model = SentenceTagger.from_pretrained("fast")
    assert (model.config.num_labels, model.config.label2id[LABELS[3]], model.training) == (12, 3, False)
    tag = pipeline("text-classification", model=model, tokenizer=str(load_artifact("fast").folder), top_k=1)
    assert tag("We keep your data for thirty days after you close your account.")[0][0]["label"] == "Data Retention"


def test_the_card_carries_the_hubs_metadata(tiny_artifact: Path) -> None:
    text = (tiny_artifact / "README.md").read_text(encoding="utf-8")
    data = ModelCard(text).data
    assert (data.license, data.pipeline_tag) == ("other", "text-classification")
    assert data.to_dict()["widget"][0]["text"]
    assert "{{" not in text and "{%" not in text and "\n\n\n" not in text


def test_metrics_of_the_model_itself_are_in_the_index() -> None:
    from clausetag.model.card import render_card

    card = ModelCard(render_card(json.loads((load_artifact("standard").folder / "config.json").read_text())))
    found = [(one.dataset_name, one.metric_name, round(one.metric_value, 3)) for one in card.data.eval_results or ()]
    assert ("opp115 test", "macro F1", 0.668) in found and ("opp115 test", "micro F1", 0.727) in found
    assert not any("policies" in name for name, _, _ in found)  # measured on another model


class Hub:
    """In place of huggingface_hub.HfApi: notes what would be uploaded."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, dict[str, Any]]] = []

    def create_repo(self, repository: str, **arguments: Any) -> str:
        self.calls.append((repository, arguments))
        return f"https://hub/{repository}"

    def upload_folder(self, **arguments: Any) -> None:
        self.calls.append(("upload", arguments))


def test_a_model_is_uploaded_with_its_files_alone(tiny_artifact: Path) -> None:
    hub = Hub()
    assert push_to_hub(load_artifact(tiny_artifact), "me/mine", hub) == "https://hub/me/mine"
    (_, created), (_, uploaded) = hub.calls
    assert created == {"private": True, "exist_ok": True}
    sent = {path.name for path in tiny_artifact.iterdir()} & set(uploaded["allow_patterns"])
    assert {"README.md", "config.json", "manifest.json", "model.onnx", "tokenizer_config.json"} <= sent
    assert not {"run.json", "curves.png"} & sent


def test_an_upload_that_fails_is_one_clear_line(
    tiny_artifact: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refused(*_: Any, **__: Any) -> str:
        raise OSError("401 Client Error\nRepository Not Found")

    hub = Hub()
    monkeypatch.setattr(hub, "create_repo", refused)
    with pytest.raises(ClausetagError, match=r"^me/mine: the upload failed \(401 Client Error\)$"):
        push_to_hub(load_artifact(tiny_artifact), "me/mine", hub)
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    assert main(["export", str(tiny_artifact), "-o", str(tmp_path / "m"), "--push-to-hub", "me/mine"]) == 2
    error = capsys.readouterr().err
    assert "the upload failed" in error and error.count("\n") == 1
