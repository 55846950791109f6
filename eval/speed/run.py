"""One run of `clausetag bench`: its texts, its measurements in their order, and what is made of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from clausetag.data.errors import ClausetagError, MissingExtraError, RecipeError, install_command
from clausetag.data.records import Sentence
from clausetag.data.segment import segment
from clausetag.eval.speed.figures import Amount, Round, Row, make_row, network_macs, ratios
from clausetag.eval.speed.machine import load_average, machine
from clausetag.eval.speed.process import JobError, run_job
from clausetag.eval.speed.runs import Texts, cold_start, end_to_end, growth
from clausetag.eval.speed.settings import Say, Settings
from clausetag.eval.speed.subjects import BERT_32, MINILM_32, OURS, THREADS, Subject, alternatives, missing, ours
from clausetag.eval.speed.subjects import f1_of_model as card_f1
from clausetag.eval.speed.texts import five_policies, nearest, sample_policies, subset, words, write_documents
from clausetag.model.artifact import Artifact
from clausetag.model.backbone import MINILM, backbone_path
from clausetag.model.tokenise import SubwordTokenizer, encode_sentences
from clausetag.model.windows import pack
from clausetag.predict.run_summary import now

_MOST = max(THREADS)

Measured = list[tuple[Subject, list[Round]]]
Skipped = list[dict[str, str]]


def run(settings: Settings, scratch: Path, say: Say) -> tuple[list[Row], dict[str, Any]]:
    """Measure everything; returns the rows and the object of bench_about.json.

    Raises:
        ClausetagError: texts are missing, or one of our own models cannot be measured.
    """
    started, load, here = now(), load_average(), machine()
    say("reading the texts")
    texts = read_texts(settings, scratch)
    skipped: Skipped = []
    peaks = _peaks(settings, here["usable_cores"], scratch, say, skipped)
    measured = _rounds(settings, texts, scratch, say, skipped)
    try:
        further = {
            "cold_start": cold_start(settings, texts, scratch, say),
            "end_to_end": end_to_end(settings, texts, scratch, say, _MOST),
            "growth_tier": settings.artifacts[0].folder.name,
            "growth": growth(settings, texts, scratch, say, _MOST),
        }
    except JobError as error:
        raise ClausetagError(str(error)) from None
    rows, rates = _rows(settings, texts, measured, peaks)
    tiers = [artifact.folder.name for artifact in settings.artifacts]
    one = texts.documents[texts.latency]
    say.done()
    return rows, {
        "quick": settings.amounts.policies is not None,
        "started": started,
        "finished": now(),
        "load_average": [load, load_average()],
        "machine": here,
        "models": {artifact.folder.name: artifact.hash for artifact in settings.artifacts},
        "texts": {
            "policies": len(texts.documents),
            "sentences": len(texts.sentences),
            "words": sum(map(words, texts.documents)),
            "word_pieces": _word_pieces(_pieces(settings.artifacts[0]), texts.sentences),
            "latency": {"policy": one.policy, "words": words(one)},
        },
        "rounds": settings.amounts.rounds,
        "threads": _MOST,
        "ratios": [found.to_dict() for found in ratios(rates, tiers, _MOST)],
        "int8_peak_size": settings.amounts.peak_size,
        "int8_peak_gmac_per_s": {str(threads): round(peak, 1) for threads, peak in peaks.items()},
        **further,
        "skipped": skipped,
    }


def read_texts(settings: Settings, scratch: Path) -> Texts:
    """The five policies and the sample, extracted, segmented, and written for the other processes.

    Raises:
        DataError: the sample cannot be read.
    """
    documents = five_policies()
    if settings.policies is not None:
        taken = {document.policy for document in documents}
        sample = sample_policies(settings.policies, settings.sample)
        documents += [replace(d, policy=f"{d.policy} (sample)") if d.policy in taken else d for d in sample]
    if settings.amounts.policies is not None:
        documents = sorted(documents, key=words)[: settings.amounts.policies]
    path = scratch / "texts.jsonl"
    write_documents(path, documents)
    return Texts(documents, list(map(segment, documents)), nearest(documents), path)


def _peaks(settings: Settings, cores: int, scratch: Path, say: Say, skipped: Skipped) -> dict[int, float]:
    """10^9 multiply-adds a second of 8-bit integers, by number of threads."""
    found: dict[int, float] = {}
    for threads in sorted({*THREADS, cores}):
        say("measuring the machine's int8 peak", f"threads: {threads}")
        job = {"size": settings.amounts.peak_size, "repeats": settings.amounts.peak_repeats}
        try:
            found[threads] = run_job("peak", job, threads, scratch)["gmac_per_s"]
        except JobError as error:
            reason = str(MissingExtraError("it", "onnx")) if "No module named 'onnx'" in str(error) else str(error)
            _skip("the machine's int8 peak", reason, say, skipped)
            break
    return found


def subjects(settings: Settings, say: Say, skipped: Skipped) -> list[Subject]:
    """The rows that can be measured here; the others are noted in `skipped`."""
    backbone = settings.backbone
    if backbone is None:
        try:
            backbone = backbone_path(MINILM)
        except (MissingExtraError, RecipeError):
            backbone = ""
    found = [subject for artifact in settings.artifacts for subject in ours(artifact.folder)]
    for subject in alternatives(backbone, settings.random_config):
        if lacking := missing(subject):
            _skip(subject.name, f"needs {', '.join(lacking)}; run {install_command(lacking[0])}", say, skipped)
        else:
            found.append(subject)
    share, most = settings.amounts.share, settings.amounts.latencies
    return [
        replace(
            subject,
            sentences=None if subject.sentences is None else max(4, round(share * subject.sentences)),
            latencies=subject.latencies if most is None else min(most, subject.latencies),
        )
        for subject in found
    ]


def _rounds(settings: Settings, texts: Texts, scratch: Path, say: Say, skipped: Skipped) -> Measured:
    """Every row once a round, in turn; a row that fails is left out, unless it is ours."""
    measured: Measured = [(subject, []) for subject in subjects(settings, say, skipped)]
    for number in range(1, settings.amounts.rounds + 1):
        for entry in list(measured):
            subject, rounds = entry
            say(f"round {number} of {settings.amounts.rounds}", subject.key)
            job = {"subject": asdict(subject), "texts": str(texts.path), "latency": texts.latency}
            try:
                one = run_job("row", job, subject.threads, scratch)
            except JobError as error:
                if subject.kind == OURS:
                    raise ClausetagError(f"{subject.name}: {error}") from None
                _skip(subject.name, str(error), say, skipped)
                measured.remove(entry)
                continue
            rounds.append(Round(one["seconds"], tuple(one["latencies"]), one["peak_mb"]))
    return measured


def _rows(
    settings: Settings, texts: Texts, measured: Measured, peaks: Mapping[int, float]
) -> tuple[list[Row], dict[tuple[str, int], list[float]]]:
    """The rows, and of each, by name and threads, its sentences a second in each round."""
    artifacts = {artifact.folder.name: artifact for artifact in settings.artifacts}
    # One vocabulary counts for all rows: MiniLM's, which our models have.
    pieces = _pieces(settings.artifacts[0])
    amounts: list[Amount] = []
    rates: dict[tuple[str, int], list[float]] = {}
    for subject, rounds in measured:
        tagged = texts.sentences
        if subject.sentences is not None:
            tagged = subset(tagged, subject.sentences)
        amounts.append(Amount(len(tagged), _word_pieces(pieces, tagged)))
        rates[subject.name, subject.threads] = [len(tagged) / one.seconds for one in rounds]
    references = {name: rates.get((name, _MOST), []) for name in (MINILM_32, BERT_32)}
    a_policy = len(texts.sentences) / len(texts.policies)
    rows: list[Row] = []
    for (subject, rounds), amount in zip(measured, amounts, strict=True):
        artifact = artifacts.get(subject.tier or "")
        macs = None if artifact is None else _macs(artifact, texts)
        f1 = settings.f1.get(subject.kind) if artifact is None else card_f1(artifact.config)
        rows.append(make_row(subject, rounds, amount, a_policy, references, macs, peaks, f1))
    return rows, rates


def _pieces(artifact: Artifact) -> SubwordTokenizer:
    return SubwordTokenizer.of(Tokenizer.from_file(str(artifact.folder / "tokenizer.json")))


def _word_pieces(pieces: SubwordTokenizer, sentences: Sequence[Sentence]) -> int:
    return sum(map(len, pieces.encode([sentence.text for sentence in sentences])))


def _macs(artifact: Artifact, texts: Texts) -> float | None:
    """What the network computes for all texts: windows hold headings and separators too."""
    pieces = _pieces(artifact)
    windows = [
        len(window.ids)
        for policy in texts.policies
        for encoded in encode_sentences(policy, pieces, context=artifact.context).policies
        for window in pack(encoded, artifact.window, pieces.cls_id, pieces.sep_id)
    ]
    return network_macs(artifact.config["encoder_config"], windows)


def _skip(name: str, reason: str, say: Say, skipped: Skipped) -> None:
    skipped.append({"name": name, "reason": reason})
    say.note(f"skipped: {name}: {reason}")
