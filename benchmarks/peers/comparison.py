"""This program beside others that turn live sound into words: `python -m benchmarks.peers --json OUT`.

RealtimeSTT, WhisperLive and WhisperLiveKit with the same weights (tiny.en, CTranslate2, int8) on the same
sound, at the pace of speech in pieces of 100 ms: 46 utterances, 2 s between them, a noise floor of -78 dB;
and silence, noise and tones. Each has an environment of its own, made with pip on first use (5 GB in all),
and runs offline. All take 27 minutes; with --only, one after another into the same file. The machine must
have nothing else to do.
"""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from platformdirs import user_cache_path
from rich.console import Console
from rich.table import Table

from benchmarks.command import need, parser, report
from benchmarks.conversations import LIBRISPEECH, SHARED_AUDIO
from benchmarks.peers import material
from benchmarks.peers.driven import Driven, cpu_s, memory_mb, play
from benchmarks.peers.programs import PROGRAMS, python_of
from benchmarks.peers.rows import compared
from benchmarks.peers.words import Shown, Spoken, judge
from benchmarks.recognition import Sentence, unpunctuated
from models.whisper.packaged_weights import packaged_model
from streamer.audio.frame import SAMPLE_RATE

MODEL = "tiny.en"
SETTLE_S = 1.0
"""Between what a program does to start and what is measured."""
STREAMS_SAY = 8
"""Each of several streams says so many-th part of the utterances."""


def run(
    name: str, python: str, sounds: Sequence[NDArray[np.int16]]
) -> tuple[list[list[Shown]], dict[str, float]]:
    """Start a program, and give it a sound a stream, all at once.

    Returns:
        What it showed of each, and what that took: `accepts_s`, `models_s`, `cpu` (seconds a second of sound
        of one stream) and `memory_mb`.
    """
    folder = MODEL if name == "merits" else str(packaged_model(MODEL))
    drivers = [Driven(name, python, folder)]
    try:
        started, _ = drivers[0].until("starting")
        accepts, said = drivers[0].until("accepts")
        models, _ = drivers[0].until("models")
        port = [said["port"]] if said["port"] else []  # where there is one, others share the server
        drivers += [Driven(name, python, folder, *port) for _ in sounds[1:]]
        for driver in drivers:
            driver.until("models")
        time.sleep(SETTLE_S)
        before = cpu_s(drivers)
        began = play(drivers, sounds)
        seconds = max(len(sound) for sound in sounds) / SAMPLE_RATE
        took = {
            "accepts_s": round(accepts - started, 3),
            "models_s": round(models - started, 3),
            "cpu": round((cpu_s(drivers) - before) / seconds / len(sounds), 4),
            "memory_mb": round(memory_mb(drivers), 1),
        }
    finally:
        for driver in reversed(drivers):
            driver.end()
    return [[_shown(at - began, one) for at, one in each.said if "id" in one] for each in drivers], took


def _shown(at_s: float, said: dict[str, Any]) -> Shown:
    final, tentative = (tuple(unpunctuated(said[key] or "").split()) for key in ("final", "tentative"))
    return Shown(at_s, said["id"], final, tentative, said.get("decision_ms"))


def measure_one(
    name: str, venvs: Path, utterances: list[tuple[Sentence, Spoken]], seconds: float
) -> dict[str, Any]:
    """All figures of a program."""
    program = PROGRAMS[name]
    python = python_of(program, venvs)
    sound, spoken = material.stream(utterances)
    (shown,), took = run(name, python, [sound])
    judged = judge(spoken, shown)
    result: dict[str, Any] = {
        "title": program.title,
        "version": program.package.partition("==")[2],
        "settings": program.settings,
        "makes_turns": program.makes_turns,
        "speech": {**judged, **took, "wer_percent": 100 * judged["wer"]},
    }
    (shown,), idle = run(name, python, [material.without_speech(seconds)])
    result["speechless"] = {**idle, "words": words_of(shown)}
    starts = [took, idle]
    for count in program.streams:
        order = [utterances[n * len(utterances) // count :] + utterances for n in range(count)]
        streams = [material.stream(each[: max(1, len(utterances) // STREAMS_SAY)]) for each in order]
        length = min(len(sound) for sound, _ in streams)
        all_shown, several = run(name, python, [sound[:length] for sound, _ in streams])
        result[str(count)] = {**judge([], [one for each in all_shown for one in each]), **several}
        starts.append(several)
    result["start"] = {
        key: round(statistics.median(each[key] for each in starts), 3) for key in ("accepts_s", "models_s")
    }
    return result


def words_of(shown: Sequence[Shown]) -> int:
    """How many words were shown, of each turn when it had most."""
    most: dict[int, int] = {}
    for each in shown:
        most[each.turn] = max(most.get(each.turn, 0), len(each.final) + len(each.tentative))
    return sum(most.values())


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """All figures; those of programs that are not measured now stay as the file has them."""
    out = Path(arguments.json or "-")
    before = json.loads(out.read_text(encoding="utf-8")) if out.is_file() else {}
    utterances = material.sentences(MODEL)
    utterances = utterances[:: max(1, len(utterances) // arguments.utterances)][: arguments.utterances]
    same = before.get("utterances") == len(utterances)
    programs = dict(before["programs"]) if same else {}
    for name in arguments.only or PROGRAMS:
        print(PROGRAMS[name].title, file=sys.stderr)
        programs[name] = measure_one(name, arguments.venvs, utterances, arguments.speechless)
    seconds = len(material.stream(utterances)[0]) / SAMPLE_RATE
    return {
        "model": MODEL,
        "utterances": len(utterances),
        "seconds": round(seconds, 1),
        "speechless_s": arguments.speechless,
        "programs": {name: programs[name] for name in PROGRAMS if name in programs},
    }


def show(result: dict[str, Any], console: Console) -> None:
    """Print the table."""
    table = Table("", *(each["title"] for each in result["programs"].values()), "ahead")
    for row in compared(result):
        table.add_row(row["label"], *row["cells"].values(), ", ".join(row["ahead"]))
    console.print(table)


def main() -> None:
    """Command line."""
    options = parser(__doc__)
    options.add_argument("--only", action="append", choices=PROGRAMS, help="measure this one; again for more")
    options.add_argument("--utterances", type=int, default=46, help="so many of the 46")
    options.add_argument(
        "--speechless",
        type=float,
        default=10,
        metavar="S",
        help="seconds each of silence, noise, tones (default 10)",
    )
    options.add_argument(
        "--venvs", type=Path, default=user_cache_path("merits") / "peers", metavar="FOLDER",
        help="of the programs' environments (default in the user's cache)",
    )  # fmt: skip
    arguments = options.parse_args()
    need(SHARED_AUDIO / "speechbrain")
    need(LIBRISPEECH / "test_other")
    report("peers", measure(arguments), arguments.json, show)
