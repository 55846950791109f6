"""What `import clausetag` offers, and that the import itself is cheap."""

from __future__ import annotations

import io
import subprocess
import sys
import tomllib
from collections import Counter
from pathlib import Path

import docx
import pytest

import clausetag
from clausetag.data.corpora.five import read_source
from clausetag.data.errors import ArtifactError, DocumentError

ROOT = Path(__file__).resolve().parent.parent
TEXT = "We collect your name.\n\nWe never sell it."


@pytest.fixture(autouse=True)
def default_model(tiny_artifact: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLAUSETAG_MODEL", str(tiny_artifact))


def rows(tagged: clausetag.Tagged) -> list[tuple[str, object, object]]:
    return [(sentence.text, sentence.labels, sentence.scores) for sentence in tagged]


def test_all_names_can_be_imported_and_no_others() -> None:
    for name in clausetag.__all__:
        assert getattr(clausetag, name) is not None
    assert issubclass(clausetag.Tagged, list) and isinstance(clausetag.load(), clausetag.Tagger)
    assert clausetag.Document("p", "t", ()).policy == "p" and clausetag.Sentence("p", 0, "t").index == 0
    with pytest.raises(AttributeError, match="module 'clausetag' has no attribute 'Taggger'"):
        clausetag.Taggger  # noqa: B018


def test_importing_it_loads_nothing_heavy() -> None:
    heavy = "{'numpy', 'onnxruntime', 'tokenizers', 'torch', 'argparse'} & set(sys.modules)"
    code = f"import sys, clausetag; clausetag.__version__; sys.exit(len({heavy}))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_text_path_and_bytes_give_the_same_answer(tmp_path: Path) -> None:
    source = read_source("004_vtiger")
    (tmp_path / "policy.txt").write_text(source, encoding="utf-8")
    tagged = clausetag.tag(source)
    assert rows(tagged) == rows(clausetag.load().tag(source)) and len(tagged) > 20
    assert (
        rows(tagged) == rows(clausetag.tag_path(tmp_path / "policy.txt")) == rows(clausetag.tag_bytes(source.encode()))
    )
    assert clausetag.tag_path(str(tmp_path / "policy.txt"))[0].policy == "policy"


def test_other_formats_are_recognised(tmp_path: Path) -> None:
    expected = rows(clausetag.tag(TEXT))
    document, word = docx.Document(), io.BytesIO()
    for line in TEXT.split("\n\n"):
        document.add_paragraph(line)
    document.save(word)
    page = "<html><body><p>We collect your name.</p><p>We never sell it.</p></body></html>"
    assert rows(clausetag.tag_bytes(word.getvalue())) == rows(clausetag.tag_bytes(page.encode())) == expected
    (tmp_path / "a.docx").write_bytes(word.getvalue())
    (tmp_path / "a.html").write_text(page, encoding="utf-8")
    assert rows(clausetag.tag_path(tmp_path / "a.docx")) == rows(clausetag.tag_path(tmp_path / "a.html")) == expected


def test_the_default_model_is_loaded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    clausetag.tag(TEXT)
    monkeypatch.setattr(clausetag.Tagger, "load", lambda model=None: pytest.fail("loaded again"))
    clausetag.tag_bytes(TEXT.encode())
    monkeypatch.undo()
    monkeypatch.setenv("CLAUSETAG_MODEL", "no such model")
    with pytest.raises(ArtifactError, match="no such folder"):
        clausetag.tag(TEXT)


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("a.txt", b"", "empty"),
        ("a.pdf", b"%PDF-1.4", "unreadable"),
        ("a.rtf", b"{\\rtf1}", "unsupported"),
        ("a.zip", b"PK\x03\x04", "unsupported"),
        ("a.jsonl", b'{"id": "a", "text": "We sell."}', "unsupported"),
    ],
)
def test_what_is_no_document_has_a_code(name: str, content: bytes, code: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DocumentError) as caught:
        clausetag.tag_path(tmp_path / name)
    assert caught.value.code == code
    if code in ("empty", "unreadable"):
        with pytest.raises(DocumentError, match=str(caught.value)[:20]):
            clausetag.tag_bytes(content)


def test_a_missing_file_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        clausetag.tag_path(tmp_path / "none.txt")


def test_the_licence_names_code_and_weights() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    code, weights = project["license"].split(" AND ")
    assert code == "MIT" and (ROOT / "LICENSE").read_text(encoding="utf-8").startswith("MIT License")
    terms = (ROOT / "LICENSES" / f"{weights}.txt").read_text(encoding="utf-8")
    assert "research, teaching, and scholarship purposes only" in terms
    assert {path.resolve() for name in project["license-files"] for path in ROOT.glob(name)} == {
        (ROOT / "LICENSE").resolve(),
        (ROOT / "LICENSES" / f"{weights}.txt").resolve(),
    }


def test_modules_and_folders_stay_small() -> None:
    """At most 300 lines in a module and 15 modules in a folder, so that each can be read at a sitting."""
    listed = subprocess.run(["git", "ls-files", "*.py"], cwd=ROOT, capture_output=True, text=True, check=False)
    names = [Path(name) for name in listed.stdout.splitlines() if (ROOT / name).exists()]
    if not names:
        pytest.skip("needs a git checkout, which tells the project's modules from others")
    modules = [name for name in names if name.parts[0] != "tests" and name.name != "__init__.py"]
    lengths = {str(name): len((ROOT / name).read_text(encoding="utf-8").splitlines()) for name in modules}
    assert {name: lines for name, lines in lengths.items() if lines > 300} == {}
    folders = Counter(str(name.parent) for name in modules)
    assert {name: number for name, number in folders.items() if number > 15} == {}
