"""The README's figures: the bundle's, and the most telling ones of the benchmarks."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.page.context import CONTEXT, recomputing, times
from benchmarks.page.latency import LATENCY, ways
from benchmarks.page.page import machine
from benchmarks.page.recognition import RECOGNITION
from benchmarks.page.section import Result, Section
from benchmarks.page.segmentation import SEGMENTATION
from benchmarks.page.soak import SUPPLIED
from benchmarks.page.streams import STREAMS, settings
from benchmarks.page.text import milliseconds, percent

Row = tuple[str, str, str]
"""What, measured, and the name of the command."""

TRAINING = {
    "evaluate": "merits-train evaluate --bundle meld-small --corpus meld --data MELD --json -",
    "folds": "merits-train stage1 --modality speech --corpus ravdess --folds --data RAVDESS --out RUN",
}


def figures(results: Path, bundle: Path) -> str:
    """Markdown: a table, by which commands, and what they were measured on.

    Args:
        results: the folder of JSON files.
        bundle: `bundle.json` of the shipped bundle.

    Raises:
        ValueError: a result is damaged; says which, and what to do.
    """
    rows = _of_bundle(json.loads(bundle.read_text(encoding="utf-8"))["metrics"])
    told: list[tuple[Section, Result]] = []
    for section, rows_of in SECTIONS.items():
        result = section.read(results)
        if result is None:
            rows.append((f"{section.title.lower()}", "not measured yet", section.name))
        else:
            rows += rows_of(result)
            told.append((section, result))
    commands = TRAINING | {section.name: section.command for section in SECTIONS}
    lines = ["| what | measured | by |", "|---|---|---|"]
    lines += [f"| {what} | {value} | {by} |" for what, value, by in rows]
    lines += ["", "```sh", *(f"{command}  # {name}" for name, command in commands.items()), "```", ""]
    return "\n".join([*lines, _notes(told), ""])


def _notes(told: list[tuple[Section, Result]]) -> str:
    machines = dict.fromkeys(machine(result["machine"]) for _, result in told)
    notes = [f"On {'; '.join(machines)}."] if machines else []
    notes += [
        "The turn detector's settings were tuned on these same meetings, sentences and noise, and"
        " pocketsphinx' on these sentences: expect less elsewhere."
    ]
    for section, result in told:
        if section is LATENCY:
            ahead, after = (run["latency_ms"]["total"] for run in ways(result).values())
            notes.append(
                "Live, words and embeddings are computed while a turn pauses: its event leaves"
                f" {milliseconds(ahead['p50'])} after it is declared over (p95"
                f" {milliseconds(ahead['p95'])}), where without speculation it is"
                f" {milliseconds(after['p50'])} (p95 {milliseconds(after['p95'])})."
            )
    notes.append("[docs/benchmarks.md](docs/benchmarks.md) has all benchmarks, what must hold, and figures.")
    return " ".join(notes)


def _of_bundle(metrics: dict[str, Any]) -> list[Row]:
    meld, folds = metrics["bundle_test"], metrics["speech_folds"]["test"]

    def f1(key: str) -> str:
        return f"{meld[key]['weighted_f1']:.2f}"

    return [
        ("MELD test, 7 emotions, words alone, weighted F1: Stage I", f1("text_stage1"), "evaluate"),
        (
            "... Stage II (at first emission)",
            f"{f1('text_stage2')} ({f1('text_stage2_first_emission')})",
            "evaluate",
        ),
        (
            "... the whole bundle (at first emission)",
            f"{f1('bundle_offline')} ({f1('bundle_first_emission')})",
            "evaluate",
        ),
        (
            "RAVDESS, 7 emotions, voices not heard before, weighted F1, 5 folds",
            f"{folds['mean']:.2f} ± {folds['std']:.2f}",
            "folds",
        ),
    ]


def _recognition(result: Result) -> list[Row]:
    sphinx = result["recognisers"]["pocketsphinx"]
    rows = [
        ("word error rate of pocketsphinx: 14 sentences (jfk, TIMIT, speechbrain)", "shared"),
        ("... with noise at 10 dB", "shared, noise at 10 dB"),
        ("... the sample conversation (synthesised)", "sample"),
    ]
    return [
        *((what, percent(sphinx[kind]["wer"]), "recognition") for what, kind in rows if kind in sphinx),
        (
            "pocketsphinx, time per second of speech",
            f"{sphinx.get('shared', sphinx['sample'])['real_time_factor']:.2f}",
            "recognition",
        ),
    ]


def _segmentation(result: Result) -> list[Row]:
    meetings = result["meetings"]
    rows: list[tuple[str, str]] = [
        (
            "meetings: missed speech + false alarm",
            f"{percent(meetings['missed'])} + {percent(meetings['false_alarm'])}",
        )
    ]
    for name in ("clean", "noise at 10 dB", "room 1", "room 3"):
        one = result["assembled"][name]
        shares = (1 - one["unfound"] / one["spoken"], one["start_within_150_ms"], one["end_within_250_ms"])
        rows.append(
            (
                f"assembled conversations, {name}: turns found, starts within 150 ms, ends within 250 ms",
                ", ".join(map(percent, shares)),
            )
        )
    rows.append(("turn detector, time per second of sound", f"{result['cost']['real_time_factor']:.3f}"))
    return [(*row, "segmentation") for row in rows]


def _latency(result: Result) -> list[Row]:
    return [
        (
            f"{label}, real-time pace, {way}{' speculation' if way == 'without' else ''}: median, p95",
            f"{milliseconds(times['p50'])}, {milliseconds(times['p95'])}",
            "latency",
        )
        for way, run in ways(result).items()
        for label, times in (
            ("turn declared over -> event", run["latency_ms"]["total"]),
            ("true end of the speech -> event", run["after_speech_ms"]),
        )
    ]


def _context(result: Result) -> list[Row]:
    return [
        (
            f"judging a turn, window {window}: turn {last:,} against turn {first:,}; against recomputing"
            f" {turn:,} turns",
            f"{one['conversation']['last_over_first']:.2f} times as long; {again['ratio']:.0f} times as fast",
            "context",
        )
        for window, one in result["windows"].items()
        for first, *_, last in [times(one["conversation"])]
        for *_, (turn, again) in [recomputing(one).items()]
    ]


def _streams(result: Result) -> list[Row]:
    return [
        (
            f"live streams held at once, {name}, batched (one by one)",
            f"{found['batched']['held']} ({found['one by one']['held']})",
            "streams",
        )
        for name, found in settings(result).items()
    ]


def _soak(result: Result) -> list[Row]:
    growth = result["memory_growth"]
    grown = "too short to tell" if growth is None else f"{100 * growth:+.1f} %"
    return [
        (
            f"{result['hours']:.0f} hours of talk: memory after the first hour, turns lost",
            f"{grown}, {result['turns_lost']} of {result['turns_spoken']:,}",
            "soak",
        )
    ]


SECTIONS: dict[Section, Callable[[Result], list[Row]]] = {
    RECOGNITION: _recognition,
    SEGMENTATION: _segmentation,
    LATENCY: _latency,
    CONTEXT: _context,
    STREAMS: _streams,
    SUPPLIED: _soak,
}
"""What the README takes figures from, in order."""
