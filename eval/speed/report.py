"""What `clausetag bench` reports: tables for the terminal and for bench.md, and the plot bench.svg."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from io import StringIO
from textwrap import wrap
from typing import Any

from clausetag.data.errors import MissingExtraError
from clausetag.eval.speed.results import Row
from clausetag.eval.tables import MISSING, Table, number

_WIDTH = 140
"""Width to which notes in the terminal are wrapped; the widest table has about as many columns."""
_OURS, _OTHERS = "#0072b2", "#c04f00"
"""Colours of the plot, which the colour-blind can tell apart."""


def terminal(rows: Sequence[Row], about: Mapping[str, Any]) -> str:
    """The tables for the terminal."""
    lines = [*_facts(about), ""]
    for table in tables(rows, about):
        lines += [table.caption, "", *table.terminal(), *wrap(table.note, _WIDTH), ""]
    return "\n".join(lines + _skipped(about)).rstrip()


def markdown(rows: Sequence[Row], about: Mapping[str, Any], picture: str | None) -> str:
    """bench.md; `picture` is the file name of the plot, if there is one."""
    lines = ["# Speed", "", *(f"- {fact}" for fact in _facts(about)), ""]
    if picture is not None:
        lines += [f"![Sentences a second and macro F1]({picture})", ""]
    for table in tables(rows, about):
        lines += [f"## {table.caption}", "", *table.markdown(), ""]
        lines += [table.note, ""] if table.note else []
    notes = dict.fromkeys(f"{row.name}: {row.note}" for row in rows if row.note)
    lines += [f"- {note}" for note in notes] + [""] * bool(notes)
    return "\n".join(lines + [f"- {line}" for line in _skipped(about)]).rstrip() + "\n"


def tables(rows: Sequence[Row], about: Mapping[str, Any]) -> list[Table]:
    """The tables of everything measured, without empty ones; `about` is the object of bench_about.json."""
    makers = (_throughput, _ratios, _start, _end_to_end, _growth, _peak)
    return [table for table in (make(rows, about) for make in makers) if table.rows]


def _facts(about: Mapping[str, Any]) -> list[str]:
    machine, texts = about["machine"], about["texts"]
    load = " to ".join(number(value, 1) for value in about["load_average"])
    return [
        f"{machine['cpu']}, {machine['usable_cores']} of {machine['cores']} cores usable"
        f" ({', '.join(machine['flags']) or 'vector instructions unknown'}), {machine['system']}; load average {load}",
        f"{texts['policies']:,} policies, {texts['sentences']:,} sentences, {texts['word_pieces']:,} word pieces; "
        f"{about['rounds']} round{'' if about['rounds'] == 1 else 's'}, in each of which every system is measured "
        "once, in a new process; medians over the rounds, with [minimum, maximum]",
        *(["A quick run of two rounds: differences of a tenth mean nothing"] if about["quick"] else []),
    ]


def _throughput(rows: Sequence[Row], about: Mapping[str, Any]) -> Table:
    header = ["", "threads", "sentences/s", "pieces/s", "policies/s", "peak MB", "p50 ms", "p99 ms"]
    cells = [
        [
            row.name,
            str(row.threads),
            _with_spread(row.sentences_per_s, row.sentences_per_s_spread),
            _significant(row.word_pieces_per_s),
            _significant(row.policies_per_s),
            f"{row.peak_mb:,.0f}",
            _significant(row.latency_ms_p50),
            _significant(row.latency_ms_p99),
            _significant(row.ratio_minilm_pipeline),
            _significant(row.ratio_bert_base_pipeline),
        ]
        for row in rows
    ]
    latency, repeats = about["texts"]["latency"], [row.latency_repeats for row in rows]
    note = (
        f"p50 and p99: latency from the text of {latency['policy']} ({latency['words']:,} words) to its labels, "
        f"measured {min(repeats):,} to {max(repeats):,} times. "
        "x: sentences/s relative to the pipelines with batch size 32."
    )
    fewer = [f"{row.name}: {row.sentences:,}" for row in rows if row.sentences < about["texts"]["sentences"]]
    if fewer:
        note += f" Sentences in a round, where not all: {'; '.join(fewer)}."
    return Table("Throughput", [*header, "x MiniLM", "x BERT"], cells, note)


def _ratios(rows: Sequence[Row], about: Mapping[str, Any]) -> Table:
    cells = [
        [
            one["name"],
            _with_spread(one["value"], one["spread"]),
            MISSING if one["target"] is None else f"{one['target']:g}",
            {None: "", True: "met", False: "missed"}[one["met"]],
        ]
        for one in about["ratios"]
    ]
    return Table(f"Ratios on {about['threads']} threads", ["", "times", "target", ""], cells)


def _start(rows: Sequence[Row], about: Mapping[str, Any]) -> Table:
    start = about["cold_start"]
    named = {f"clausetag predict, one policy, {tier}": seconds for tier, seconds in start["predict_s"].items()}
    cells = [
        [name, "{:.3f} [{:.3f}, {:.3f}]".format(seconds["median"], *seconds["spread"])]
        for name, seconds in {**named, "import clausetag": start["import_s"]}.items()
    ]
    return Table("Start of a new process", ["", "seconds"], cells, "The files are in the system's cache.")


def _end_to_end(rows: Sequence[Row], about: Mapping[str, Any]) -> Table:
    found = about["end_to_end"]
    cells = []
    for one in found:
        total = sum(one["stages"].values())
        shares = [f"{100 * seconds / total:.1f} %" for seconds in one["stages"].values()]
        cells.append([one["tier"], f"{100 * one['share']:.0f} %", _significant(one["sentences_per_s"]), *shares])
    note = (
        f"{found[0]['pages']:,} pages ({found[0]['source']}). Share: speed from HTML files to a JSONL file, relative "
        "to the model alone on the same sentences. Other columns: where the time goes, one stage after the other in "
        "one process."
    )
    header = ["", "share", "sentences/s", *found[0]["stages"]]
    return Table(f"End to end, {about['threads']} threads", header, cells, note)


def _growth(rows: Sequence[Row], about: Mapping[str, Any]) -> Table:
    cells = [
        [
            f"{one['policies']:,}",
            _significant(one["seconds"]),
            _significant(1000 * one["seconds_per_policy"]),
            _significant(1000 * one["seconds_per_1000_words"]),
            f"{one['peak_mb']:,.0f}",
        ]
        for one in about["growth"]
    ]
    header = ["policies", "seconds", "ms a policy", "ms per 1,000 words", "peak MB"]
    note = "From a table of policies to JSONL, model loaded."
    return Table(f"From few policies to many, {about['growth_tier']}", header, cells, note)


def _peak(rows: Sequence[Row], about: Mapping[str, Any]) -> Table:
    peaks, size = about["peak_gmac_per_s"], about["peak_size"]
    cores = str(about["machine"]["usable_cores"])
    libraries = "; ".join(
        f"{name} {_significant(found.get(cores))}" for name, found in about["peaks_gmac_per_s"].items()
    )
    cells = [
        [row.key, _significant(row.gmac_per_s), _significant(peaks[str(row.threads)]), f"{100 * share:.0f} %"]
        for row in rows
        if (share := row.peak_share) is not None
    ]
    note = (
        f"Peak: the product of two matrices of {size:,} x {size:,} numbers, the best of many tries and of these "
        f"libraries, on all usable cores: {libraries}."
    )
    return Table("Against the machine's peak", ["", "GMAC/s", "peak", "share"], cells, note)


def _skipped(about: Mapping[str, Any]) -> list[str]:
    return [f"skipped: {one['name']}: {one['reason']}" for one in about["skipped"]]


def _significant(value: float | None) -> str:
    """Three significant digits; all digits before the decimal point."""
    if value is None:
        return MISSING
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _with_spread(value: float, spread: Sequence[float]) -> str:
    return f"{_significant(value)} [{_significant(spread[0])}, {_significant(spread[1])}]"


def plot(rows: Sequence[Row]) -> str:
    """bench.svg: each system's sentences a second on a logarithmic axis, with its spread and its macro F1.

    The same rows give the same bytes. Text stays text, and the picture is as wide as a phone, so that it can be read
    there without zooming.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    try:
        from matplotlib import rc_context
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtraError("the plot", error.name) from None
    ranked = sorted(rows, key=lambda row: row.sentences_per_s)
    # Names of models are not formulas, whatever signs they hold; ids are the same in every file.
    settings: Any = {"svg.hashsalt": "clausetag", "svg.fonttype": "none", "text.parse_math": False, "font.size": 9}
    with rc_context(settings):
        figure = Figure(figsize=(5.4, 0.9 + 0.36 * len(ranked)), layout="constrained")
        axes = figure.subplots()
        for place, row in enumerate(ranked):
            colour, marker = (_OTHERS, "D") if row.tier is None else (_OURS, "o")
            low, high = row.sentences_per_s_spread
            axes.plot([low, high], [place, place], color=colour, linewidth=3, solid_capstyle="butt", alpha=0.5)
            axes.plot(row.sentences_per_s, place, marker, color=colour, markersize=5)
            f1 = "" if row.macro_f1 is None else f" (F1 {row.macro_f1:.3f})"
            label = f"{row.key}: {_significant(row.sentences_per_s)}{f1}"
            axes.text(0, place + 0.25, label, transform=axes.get_yaxis_transform())
            axes.axhline(place, color="#dde1e6", linewidth=0.8, zorder=0)
        axes.set(xscale="log", ylim=(-0.6, len(ranked)), yticks=[], xlabel="sentences a second (logarithmic)")
        axes.xaxis.set_major_formatter("{x:,.0f}")
        axes.minorticks_off()
        axes.set_title("Speed, and macro F1 on OPP-115's test sentences", fontsize=10)
        axes.grid(axis="x", color="#dde1e6")
        axes.spines[["left", "right", "top"]].set_visible(False)
        stream = StringIO()
        figure.savefig(stream, format="svg", metadata={"Date": None})
    return stream.getvalue()
