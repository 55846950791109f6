"""The command as a user runs it, on small models and bad input."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from markupsafe import escape

from clausetag.cli import SUBCOMMANDS, main
from clausetag.data.corpora.five import FIVE, read_five, read_source
from clausetag.data.documents.sniff import extract_text
from clausetag.data.errors import EXTRAS
from clausetag.data.labels import LABELS

POLICY = read_source("004_vtiger")


@pytest.fixture(autouse=True)
def model(tiny_artifact: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLAUSETAG_MODEL", str(tiny_artifact))


@pytest.fixture
def inputs(tmp_path: Path) -> Path:
    folder = tmp_path / "in"
    folder.mkdir()
    for policy in FIVE:
        (folder / f"{policy}.txt").write_text(read_source(policy), encoding="utf-8")
    return folder


def rows(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_a_folder_gives_rows_in_order_with_exact_offsets(inputs: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert main(["predict", str(inputs), "-o", str(out)]) == 0
    found = rows(out / "predictions.jsonl")
    assert [(row["policy"], row["index"]) for row in found] == [(s.policy, s.index) for s in read_five()]
    texts = {policy: (out / "texts" / f"{policy}.txt").read_text(encoding="utf-8") for policy in FIVE}
    for row in found:
        assert texts[str(row["policy"])][row["start"] : row["end"]] == row["text"]  # type: ignore[misc]
        assert list(row["scores"]) == list(LABELS)  # type: ignore[call-overload]
        assert set(row["labels"]) <= set(LABELS)  # type: ignore[call-overload]


def test_every_door_gives_the_same_answer(inputs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import clausetag

    main(["predict", str(inputs / "004_vtiger.txt"), "-o", str(tmp_path / "a.jsonl")])
    stdin = io.TextIOWrapper(io.BytesIO(POLICY.encode()), encoding="utf-8")
    monkeypatch.setattr(sys, "stdin", stdin)
    main(["predict", "-", "-o", str(tmp_path / "b.jsonl")])
    path = tmp_path / "policies.jsonl"
    path.write_text(json.dumps({"id": "v", "text": POLICY}) + "\n", encoding="utf-8")
    main(["predict", str(path), "-o", str(tmp_path / "c.jsonl")])
    answers = [[(r["text"], r["labels"], r["scores"]) for r in rows(tmp_path / f"{name}.jsonl")] for name in "abc"]
    python = [(s.text, list(s.labels or ()), dict(s.scores or {})) for s in clausetag.load().tag(POLICY)]
    assert answers[0] == answers[1] == answers[2] == python


def test_bad_inputs_are_named_and_the_others_done(
    inputs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (inputs / "empty.txt").write_bytes(b"")
    (inputs / "binary.txt").write_bytes(bytes(range(256)) * 50)
    (inputs / "scan.pdf").write_bytes(b"%PDF-1.4")
    out = tmp_path / "out.jsonl"
    assert main(["predict", str(inputs), str(tmp_path / "missing.txt"), "-o", str(out)]) == 1
    found = rows(out)
    errors = {row["policy"]: row["error"]["code"] for row in found if "error" in row}  # type: ignore[index]
    assert sorted(errors.values()) == ["binary", "empty", "missing", "unreadable"]
    assert len(found) == len(read_five()) + 4
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("clausetag: ")]
    for name in ("empty.txt", "binary.txt", "scan.pdf", "missing.txt"):
        assert sum(name in line for line in lines) == 1


def test_other_languages_and_other_texts_are_tagged_and_flagged(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    german = "Wir erheben Ihren Namen und Ihre Anschrift, wenn Sie ein Konto anlegen, und geben sie nicht weiter. " * 5
    (tmp_path / "de.txt").write_text(german, encoding="utf-8")
    out = tmp_path / "out.jsonl"
    assert main(["predict", str(tmp_path / "de.txt"), "-o", str(out)]) == 0
    assert all(row["flags"] == ["not_english"] and "labels" in row for row in rows(out))
    assert "warning: de: this does not look like English" in capsys.readouterr().err
    assert main(["predict", str(tmp_path / "de.txt"), "-o", str(out), "--strict"]) == 1
    assert rows(out) == [
        {
            "policy": "de",
            "error": {"code": "not_english", "message": "de: this does not look like English; the labels mean little"},
        }
    ]


def test_table_csv_and_html(inputs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["predict", str(inputs / "000_sagenext.txt")]) == 0
    assert "000_sagenext: 35 sentences" in capsys.readouterr().out
    assert main(["predict", str(inputs), "-o", str(tmp_path / "out"), "--format", "csv,html"]) == 0
    with (tmp_path / "out" / "predictions.csv").open(encoding="utf-8", newline="") as stream:
        table = list(csv.DictReader(stream))
    assert len(table) == len(read_five()) and float(table[0]["Data Security"]) >= 0
    page = "".join(path.read_text(encoding="utf-8") for path in (tmp_path / "out" / "html").glob("*.html"))
    assert all(escape(s.text.split()[0]) in page for s in read_five())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["predict", "x.txt", "--model", "nosuch"], "no such folder"),
        (["predict", "x.txt", "--format", "csv"], "--format needs -o"),
        (["predict", "x.txt", "-o", "d", "--format", "xml"], "use one or more of jsonl, csv, parquet, html"),
        (["predict", "x.txt", "--head", "nobody"], "no head 'nobody'"),
        (["predict", "x.txt", "--threads", "0"], "use 1 to 1024"),
        (["train", "nosuch.toml", "-o", "d"], "No such file"),
        (["train", "quick", "--set", "speed=3", "-o", "d"], "unknown key 'speed'"),
        (["eval", "nosuch.jsonl"], "nosuch.jsonl"),
        (["data", "opp115", "nosuch", "-o", "d"], "nosuch"),
        (["export", "nosuch", "-o", "d"], "no such folder"),
        (["serve", "--port", "x"], "valid integer"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_2(
    arguments: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    err = capsys.readouterr().err
    assert message in err and err.startswith("clausetag: ") and err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_help_needs_no_heavy_import() -> None:
    heavy = "{'numpy', 'onnxruntime', 'torch'} & set(sys.modules)"
    code = f"import sys; from clausetag.cli import build_parser; build_parser().format_help(); sys.exit(len({heavy}))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_text_needs_no_parser_of_pages_nor_a_model_of_languages(tmp_path: Path) -> None:
    heavy = "{'clausetag.data.documents.html.reader', 'jinja2', 'py3langid', 'urllib.request', 'torch'}"
    policy, out = tmp_path / "policy.txt", tmp_path / "out.jsonl"
    policy.write_text(POLICY, encoding="utf-8")
    code = (
        f"import sys; from clausetag.cli import main; code = main(['predict', {str(policy)!r}, '-o', {str(out)!r}])\n"
        f"found = {heavy} & set(sys.modules); sys.exit(f'imported {{found}}' if found else code)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_an_interrupted_run_leaves_the_old_output(
    inputs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from clausetag.model.tagger import Tagger

    out = tmp_path / "out.jsonl"
    out.write_text("old\n", encoding="utf-8")

    def stop(self: Tagger, document: object, **_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Tagger, "tag_document", stop)
    assert main(["predict", str(inputs), "-o", str(out)]) == 130
    assert out.read_text(encoding="utf-8") == "old\n"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in", "out.jsonl"]


def test_a_large_text_is_simply_done(tmp_path: Path) -> None:
    big = tmp_path / "big.txt"
    big.write_text((extract_text("x", POLICY).text + "\n\n") * 90, encoding="utf-8")
    assert big.stat().st_size > 1_000_000
    assert main(["predict", str(big), "-o", str(tmp_path / "out.jsonl")]) == 0
    assert len(rows(tmp_path / "out.jsonl")) >= 90 * 100


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"flags": 5}, "'flags' must be a list"),
        ({"heading": ["a"]}, "'heading' must be a string"),
        ({"text": "\ud800 a"}, "lone surrogate"),
        ({"annotators": 3}, "'annotators' must map"),
        ({"annotators": {"1": ["Foo"]}}, "unknown label 'Foo'"),
    ],
)
def test_a_bad_labelled_row_is_one_line_with_file_and_line(
    row: dict[str, object], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps({"policy": "p", "index": 0, "text": "We sell.", "labels": [], **row}) + "\n", "utf-8")
    assert main(["eval", str(path)]) == 2
    err = capsys.readouterr().err
    assert f"{path}, line 1: " in err and message in err and err.count("\n") == 1


@pytest.mark.parametrize("line", ["[" * 100_000, '{"index": ' + "9" * 5000 + "}"])
def test_json_that_python_refuses_is_one_line(line: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(line + "\n", encoding="utf-8")
    assert main(["eval", str(path)]) == 2
    assert "line 1: not JSON" in capsys.readouterr().err


def test_every_id_leads_to_its_text(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ids = ["a", "A", "..", "x/../y", "q?"]
    lines = [
        json.dumps({"id": name, "text": f"We keep the data of {number}."}) for number, name in enumerate([*ids, "a"])
    ]
    (tmp_path / "in.jsonl").write_text("\n".join(lines), encoding="utf-8")
    assert main(["predict", str(tmp_path / "in.jsonl"), "-o", str(tmp_path / "out")]) == 0
    assert "the id 'a' is taken already; this policy is 'a-2'" in capsys.readouterr().err
    index = json.loads((tmp_path / "out" / "texts" / "index.json").read_text(encoding="utf-8"))
    assert list(index) == [*ids, "a-2"]
    for number, name in enumerate(index):
        path = (tmp_path / "out" / "texts" / index[name]).resolve()
        assert path.is_relative_to(tmp_path / "out" / "texts")
        assert path.read_text(encoding="utf-8") == f"We keep the data of {number}."


@pytest.mark.parametrize("output", ["out.xlsx", ""])
def test_an_output_that_cannot_be_meant_is_refused(output: str, inputs: Path, tmp_path: Path) -> None:
    assert main(["predict", str(inputs), "-o", str(tmp_path / output) if output else ""]) == 2
    assert [p.name for p in tmp_path.iterdir()] == ["in"]


def test_deeply_nested_html_loses_no_sentence(tmp_path: Path) -> None:
    page = "<p>" + "".join(f"<font><p>Sentence {n} says that we collect data." for n in range(3000))
    (tmp_path / "deep.html").write_text(page, encoding="utf-8")
    assert main(["predict", str(tmp_path / "deep.html"), "-o", str(tmp_path / "out.jsonl")]) == 0
    assert len(rows(tmp_path / "out.jsonl")) == 3000


def test_help_lists_the_commands_below_commands(capsys: pytest.CaptureFixture[str]) -> None:
    for words in ((), ("eval",), ("data",)):
        with pytest.raises(SystemExit, match="0"):
            main([*words, "--help"])
        found = capsys.readouterr().out
        for parent, name in SUBCOMMANDS:
            assert (f"clausetag {parent} {name}" in found) is (not words or words[0] == parent)


@pytest.mark.parametrize(("extra", "module"), [(extra, modules[0]) for extra, modules in EXTRAS.items()])
def test_a_missing_package_names_its_extra(
    extra: str, module: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def missing(_: object) -> int:
        raise ModuleNotFoundError(f"No module named {module!r}", name=f"{module}.part")

    monkeypatch.setattr("clausetag.data.command.main", missing)
    assert main(["data", "strip", "x.jsonl", "-o", "y.jsonl"]) == 2
    err = capsys.readouterr().err
    assert err == f"clausetag: this command needs {module}; run pip install '.[{extra}]' in clausetag's folder\n"


def test_a_terminal_that_cannot_show_a_character_shows_a_question_mark(monkeypatch: pytest.MonkeyPatch) -> None:
    def show(_: object) -> int:
        print("Größe – 中")
        return 0

    monkeypatch.setattr("clausetag.data.command.main", show)
    stdout = io.TextIOWrapper(io.BytesIO(), encoding="latin-1")
    monkeypatch.setattr(sys, "stdout", stdout)
    assert main(["data", "strip", "x.jsonl", "-o", "y.jsonl"]) == 0
    assert stdout.buffer.getvalue().decode("latin-1") == "Größe ? ?\n"  # type: ignore[attr-defined]


def test_threads_that_wait_sleep(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    monkeypatch.setattr("clausetag.data.command.main", lambda _: print(end="") or 0)
    assert main(["data", "strip", "x.jsonl", "-o", "y.jsonl"]) == 0
    assert os.environ["OMP_WAIT_POLICY"] == "PASSIVE"
    monkeypatch.setenv("OMP_WAIT_POLICY", "ACTIVE")
    assert main(["data", "strip", "x.jsonl", "-o", "y.jsonl"]) == 0
    assert os.environ["OMP_WAIT_POLICY"] == "ACTIVE"


@pytest.mark.parametrize(
    "arguments",
    [
        ("serve", "--api-key", "secret"),
        ("predict", "-", "--run", "x"),
        ("eval", "policies", "--spl", "test"),
        ("eval", "compare", "a", "b", "--draw", "5"),
        ("data", "opp115", "x", "-o", "y", "--unm"),
    ],
)
def test_options_are_not_abbreviated(arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    """`--api-key KEY` would be taken for `--api-key-file KEY`, and a script would break when an option is added."""
    with pytest.raises(SystemExit, match="2"):
        main(arguments)
    assert "unrecognized arguments" in capsys.readouterr().err
