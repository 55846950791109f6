"""Frozen vectors: what they are, and that the cache on disk changes nothing."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from clausetag.data.corpora.five import FIVE, document_of
from clausetag.data.errors import RecipeError
from clausetag.eval.baselines import embedding
from clausetag.eval.baselines.embedding import embed

torch = pytest.importorskip("torch", reason="needs torch: pip install '.[train]'")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache folder of this test alone; vectors in full precision, wherever tests run."""
    monkeypatch.setenv("CLAUSETAG_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(embedding, "native_bf16", lambda: False)
    return tmp_path / "cache" / "embeddings"


@pytest.fixture(scope="module")
def texts() -> list[str]:
    """Blocks of the five policies, of all lengths."""
    documents = [document_of(policy) for policy in FIVE]
    return [document.text[block.start : block.end] for document in documents for block in document.blocks][:60]


def reference(folder: Path, text: str) -> Any:
    """The definition, written down plainly: one text, its special pieces too, mean, length 1."""
    from tokenizers import Tokenizer
    from transformers import BertModel

    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    words = tokenizer.encode(text, add_special_tokens=False).ids[:254]
    ids = [tokenizer.token_to_id("[CLS]"), *words, tokenizer.token_to_id("[SEP]")]
    with torch.inference_mode():
        mean = BertModel.from_pretrained(folder).eval()(torch.tensor([ids])).last_hidden_state[0].mean(dim=0).numpy()
    return mean / np.linalg.norm(mean)


def test_a_vector_is_the_mean_of_its_pieces_whatever_stands_beside_it(tiny_backbone: Path, texts: list[str]) -> None:
    vectors = embed(texts, str(tiny_backbone))
    for row in (0, 7, 30, 59):
        assert np.allclose(vectors[row], reference(tiny_backbone, texts[row]), atol=1e-5)


def test_long_texts_are_cut(tiny_backbone: Path) -> None:
    long = "We share your address with partners. " * 90
    vectors = embed([long, long + "Nobody reads this."], str(tiny_backbone))
    assert np.allclose(vectors[0], reference(tiny_backbone, long), atol=1e-5)
    assert np.allclose(vectors[0], vectors[1], atol=1e-6)


def test_rows_follow_the_texts_and_repeats_are_alike(tiny_backbone: Path, texts: list[str]) -> None:
    usual = embed(texts, str(tiny_backbone))
    turned = embed([*texts[::-1], texts[3], ""], str(tiny_backbone))
    assert np.allclose(turned[: len(texts)][::-1], usual, atol=1e-6)
    assert turned[-2].tolist() == turned[len(texts) - 1 - 3].tolist()
    assert np.isfinite(turned).all() and np.allclose(np.linalg.norm(turned, axis=1), 1.0, atol=1e-5)


def test_the_cache_answers_without_the_network(
    tiny_backbone: Path, texts: list[str], cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cold = embed(texts, str(tiny_backbone))
    assert [path.suffix for path in cache.iterdir()] == [".npz"]  # and no temporary file stays
    monkeypatch.setattr(embedding, "from_backbone", lambda *rest: pytest.fail("computed what is cached"))
    assert embed(texts, str(tiny_backbone)).tolist() == cold.tolist()
    assert embed(texts[::-1], str(tiny_backbone)).tolist() == cold[::-1].tolist()


def truncate(entry: Path) -> None:
    entry.write_bytes(entry.read_bytes()[:-500])


def flip(entry: Path) -> None:
    content = bytearray(entry.read_bytes())
    content[len(content) // 2] ^= 1
    entry.write_bytes(content)


def empty(entry: Path) -> None:
    entry.write_bytes(b"")


def other_array(entry: Path) -> None:
    np.savez(entry, vectors=np.zeros((2, 32), dtype=np.float32))


def other_name(entry: Path) -> None:
    np.savez(entry, something=np.zeros(3))


@pytest.mark.parametrize("damage", [truncate, flip, empty, other_array, other_name])
def test_a_damaged_entry_is_computed_anew(damage: Any, tiny_backbone: Path, texts: list[str], cache: Path) -> None:
    cold = embed(texts, str(tiny_backbone))
    (entry,) = cache.iterdir()
    sound = entry.read_bytes()
    damage(entry)
    assert embed(texts, str(tiny_backbone)).tolist() == cold.tolist()
    with np.load(entry) as stored:  # the entry is whole again
        assert len(stored["vectors"]) == len(set(texts))
    assert len(sound) == entry.stat().st_size


def test_other_weights_texts_or_precision_have_entries_of_their_own(
    tiny_backbone: Path, texts: list[str], cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from transformers import BertConfig, BertModel

    usual = embed(texts, str(tiny_backbone))
    changed = tmp_path / "changed"
    shutil.copytree(tiny_backbone, changed)
    torch.manual_seed(1)
    BertModel(BertConfig.from_pretrained(changed)).save_pretrained(changed)
    assert not np.allclose(embed(texts, str(changed)), usual, atol=0.01)
    embed(texts[:-1], str(tiny_backbone))
    assert len(list(cache.iterdir())) == 3
    monkeypatch.setattr(embedding, "native_bf16", lambda: True)
    rough = embed(texts, str(tiny_backbone))
    assert len(list(cache.iterdir())) == 4
    assert np.allclose(rough, usual, atol=0.02)


def test_a_cache_that_cannot_be_written_is_done_without(
    tiny_backbone: Path, texts: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = embed(texts, str(tiny_backbone))
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("CLAUSETAG_CACHE", str(tmp_path / "file"))
    assert embed(texts, str(tiny_backbone)).tolist() == usual.tolist()


def test_the_number_of_threads_is_put_back_and_changes_nothing(
    tiny_backbone: Path, texts: list[str], cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        results = []
        for cores in (1, 3):
            monkeypatch.setattr(embedding, "available_cores", lambda cores=cores: cores)
            results.append(embed(texts, str(tiny_backbone)).tolist())
            shutil.rmtree(cache)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
    assert results[0] == results[1]


def test_a_backbone_that_is_no_folder_or_does_not_load_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="or a folder"):
        embed(["Hello."], "someone/some-model")
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    with pytest.raises(RecipeError, match="backbone") as caught:
        embed(["Hello."], str(tmp_path))
    assert "\n" not in str(caught.value)
