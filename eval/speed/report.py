"""The tables of `clausetag bench`, for the terminal and for bench.md."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from textwrap import wrap
from typing import Any

from clausetag.eval.report.tables import MISSING, markdown_table, number, terminal_table
from clausetag.eval.speed.figures import Row

_WIDTH = 140
"""Columns of a terminal that notes are wrapped to; the widest table has about as many."""


@dataclass(frozen=True, slots=True)
class Table:
    """A table and what to know of it."""

    title: str
    header: list[str]
    rows: list[list[str]]
    note: str = ""


def tables(rows: Sequence[Row], about: Mapping[str, Any]) -> list[Table]:
    """Everything that was measured; `about` is the object of bench_about.json."""
    return [
        _throughput(rows, about),
        _ratios(about),
        _start(about),
        _end_to_end(about),
        _growth(about),
        _peak(rows, about),
    ]


def terminal(rows: Sequence[Row], about: Mapping[str, Any]) -> str:
    """For the terminal."""
    lines = [*_facts(about), ""]
    for table in tables(rows, about):
        if table.rows:
            lines += [table.title, "", *terminal_table(table.header, table.rows)]
            lines += [*wrap(table.note, _WIDTH), ""]
    return "\n".join(lines + _skipped(about)).rstrip()


def markdown(rows: Sequence[Row], about: Mapping[str, Any], picture: str) -> str:
    """bench.md; `picture` is the name of the plot's file."""
    lines = ["# Speed", "", *(f"- {fact}" for fact in _facts(about)), ""]
    lines += [f"![F1 against sentences a second]({picture})", ""]
    for table in tables(rows, about):
        if table.rows:
            lines += [f"## {table.title}", "", *markdown_table(table.header, table.rows), ""]
            lines += [table.note, ""] if table.note else []
    notes = dict.fromkeys(f"{row.name}: {row.note}" for row in rows if row.note)
    lines += [f"- {note}" for note in notes] + [""] * bool(notes)
    return "\n".join(lines + [f"- {line}" for line in _skipped(about)]).rstrip() + "\n"


def _facts(about: Mapping[str, Any]) -> list[str]:
    machine, texts = about["machine"], about["texts"]
    load = " to ".join(number(value, 1) for value in about["load_average"])
    own = f"{texts['policies']:,} policies, {texts['sentences']:,} sentences, {texts['word_pieces']:,} word pieces"
    return [
        f"{machine['cpu']}, {machine['usable_cores']} of {machine['cores']} cores usable"
        f" ({', '.join(machine['flags']) or 'no vector flags known'}), {machine['system']}; load average {load}",
        f"{own}; {about['rounds']} round{'' if about['rounds'] == 1 else 's'}, rows in turn, "
        "each in a process of its own; medians, with the least and the most in brackets",
        *(["A quick try: these figures say nothing about speed"] if about["quick"] else []),
    ]


def _throughput(rows: Sequence[Row], about: Mapping[str, Any]) -> Table:
    latency = about["texts"]["latency"]
    header = [
        "",
        "threads",
        "sentences/s",
        "pieces/s",
        "policies/s",
        "peak MB",
        "p50 ms",
        "p99 ms",
        "x MiniLM",
        "x BERT",
    ]
    cells = [
        [
            row.name,
            str(row.threads),
            f"{_figure(row.sentences_per_s)} {_spread(row.sentences_per_s_spread)}",
            _figure(row.word_pieces_per_s),
            _figure(row.policies_per_s),
            f"{row.peak_mb:,.0f}",
            _figure(row.latency_ms_p50),
            _figure(row.latency_ms_p99),
            _figure(row.ratio_minilm_pipeline),
            _figure(row.ratio_bert_base_pipeline),
        ]
        for row in rows
    ]
    fewer = [f"{row.name}: {row.sentences:,}" for row in rows if row.sentences < about["texts"]["sentences"]]
    note = (
        f"p50 and p99: from the text of {latency['policy']} ({latency['words']:,} words) to its labels, "
        f"{min(row.latency_repeats for row in rows):,} to {max(row.latency_repeats for row in rows):,} times. "
        "x: sentences/s against the pipelines of batch size 32."
    )
    return Table(
        "Throughput", header, cells, note + (f" Sentences a round where not all: {'; '.join(fewer)}." if fewer else "")
    )


def _ratios(about: Mapping[str, Any]) -> Table:
    cells = [
        [
            one["name"],
            f"{_figure(one['value'])} {_spread(one['spread'])}",
            MISSING if one["target"] is None else f"{one['target']:g}",
            {None: "", True: "met", False: "missed"}[one["met"]],
        ]
        for one in about["ratios"]
    ]
    return Table(f"Ratios on {about['threads']} threads", ["", "times", "target", ""], cells)


def _start(about: Mapping[str, Any]) -> Table:
    start = about["cold_start"]
    cells = [
        [f"clausetag predict, one policy, {tier}", _seconds(seconds)] for tier, seconds in start["predict_s"].items()
    ]
    cells.append(["import clausetag", _seconds(start["import_s"])])
    return Table("Start of a new process", ["", "seconds"], cells, "Files are in the system's cache.")


def _end_to_end(about: Mapping[str, Any]) -> Table:
    found = about["end_to_end"]
    if not found:
        return Table("", [], [])
    stages = list(found[0]["stages"])
    cells = []
    for one in found:
        total = sum(one["stages"].values())
        shares = [f"{100 * one['stages'][name] / total:.1f} %" for name in stages]
        cells.append([one["tier"], f"{100 * one['share']:.0f} %", _figure(one["sentences_per_s"]), *shares])
    note = (
        f"{found[0]['pages']:,} pages ({found[0]['source']}). Share: HTML files to a JSONL file against the model's "
        "own rate on the same sentences. The rest: where the time goes, stage after stage in one process."
    )
    return Table(f"End to end, {about['threads']} threads", ["", "share", "sentences/s", *stages], cells, note)


def _growth(about: Mapping[str, Any]) -> Table:
    cells = [
        [
            f"{one['policies']:,}",
            _figure(one["seconds"]),
            _figure(1000 * one["seconds_per_policy"]),
            _figure(1000 * one["seconds_per_1000_words"]),
            f"{one['peak_mb']:,.0f}",
        ]
        for one in about["growth"]
    ]
    header = ["policies", "seconds", "ms a policy", "ms per 1,000 words", "peak MB"]
    return Table(f"From few policies to many, {about['growth_tier']}", header, cells, "Table to JSONL, model loaded.")


def _peak(rows: Sequence[Row], about: Mapping[str, Any]) -> Table:
    peaks = about["int8_peak_gmac_per_s"]
    cells = [
        [row.key, _figure(row.gmac_per_s), _figure(peaks.get(str(row.threads))), f"{100 * row.int8_peak_share:.0f} %"]
        for row in rows
        if row.int8_peak_share is not None
    ]
    size = about["int8_peak_size"]
    note = f"Peak: a product of two matrices of {size:,} x {size:,} 8-bit integers by ONNX Runtime, the best of many. "
    note += "On all usable cores: " + _figure(peaks.get(str(about["machine"]["usable_cores"]))) + "."
    return Table("Against the int8 peak", ["", "GMAC/s", "peak", "share"], cells, note)


def _skipped(about: Mapping[str, Any]) -> list[str]:
    return [f"skipped: {one['name']}: {one['reason']}" for one in about["skipped"]]


def _figure(value: float | None) -> str:
    """Three digits that count."""
    if value is None:
        return MISSING
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _spread(spread: Sequence[float]) -> str:
    return f"[{_figure(spread[0])}, {_figure(spread[1])}]"


def _seconds(one: Mapping[str, Any]) -> str:
    return f"{one['median']:.3f} [{one['spread'][0]:.3f}, {one['spread'][1]:.3f}]"
