"""Who speaks, on one microphone: `python -m benchmarks.speakers --json OUT`.

Diarization error rates (pyannote.metrics; overlapped speech counted, no collar, and one of 0.25 s beside it)
on real meetings inside their UEM, and on talk assembled from LibriSpeech's speakers: two to four of them,
with and without pauses and overlap, in noise and in rooms. Also the share of turns whose speaker is right,
the changes of speaker that are found, and how many one person is taken for in an hour; what was said first,
and what stands after the last revision. All with the default settings, which are tuned on other speakers
(--development) and never on the meetings.

--only senko does the same with the offline pipeline of the package senko, which has the whole recording
before it; it gets an environment of its own on first use. --only may be repeated; the parts of the file that
are not measured stay.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from threading import Event, Thread
from types import TracebackType
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from platformdirs import user_cache_path
from rich.console import Console
from rich.table import Table

from benchmarks.command import need, parser, report
from benchmarks.conversations import LIBRISPEECH, decoded
from benchmarks.machine import resident_mib
from benchmarks.meetings import MEETINGS, read_meetings
from benchmarks.progress import progress
from benchmarks.senko_offline import SENKO, Senko
from benchmarks.speaker_scores import (
    Said,
    Scored,
    error_rates,
    found_changes,
    right_turns,
    shares,
    speakers_of,
    split_turns,
)
from benchmarks.speaker_talk import (
    Style,
    Talk,
    Voices,
    assemble_talk,
    development_voices,
    long_talk,
    scored_voices,
)
from models.errors import PackagedFilesError
from streamer.audio.frame import SAMPLE_RATE
from streamer.speakers.diarize import diarize
from streamer.speakers.segment import SpeakerSegment

CONDITIONS = {
    "two, clean": Style(2),
    "three, clean": Style(3),
    "four, clean": Style(4),
    "two, no pauses": Style(2, at_once=0.7),
    "four, no pauses": Style(4, at_once=0.7),
    "two, overlapped": Style(2, overlapped=0.4),
    "four, overlapped": Style(4, overlapped=0.4),
    "two, noise at 10 dB": Style(2, snr_db=10),
    "four, noise at 10 dB": Style(4, snr_db=10),
    "two, in a room": Style(2, room=True),
    "four, in a room": Style(4, room=True),
}
QUICK = ("two, clean", "two, no pauses", "four, noise at 10 dB")
PARTS = ("meetings", "assembled", "hour", "ten-hours", "senko")
BY_DEFAULT = PARTS[:3]
FIRST_SEED = 1800
SPEAKS_S = 1.0
"""A label that has less in an hour is none that anybody would see."""


@dataclass(frozen=True)
class Found:
    """Who speaks in a recording: as said at first (None of one that says it once), as it stands at the end.

    `cpu_s`: processor seconds, those of all threads.
    """

    first: Sequence[Said] | None
    revised: Sequence[Said]
    cpu_s: float


@dataclass(frozen=True, eq=False)
class SpeakerRecording:
    """int16 [n] at 16 kHz, and the truth: who spoke in which regions.

    `turns`: of assembled talk; `changes`: those that follow others without a pause, each with the one before.
    """

    audio: NDArray[np.int16]
    spoken: Sequence[Said]
    regions: Sequence[tuple[float, float]]
    turns: Sequence[Said] = ()
    changes: Sequence[tuple[Said, Said]] = ()

    @property
    def seconds(self) -> float:
        """How long it is."""
        return len(self.audio) / SAMPLE_RATE


Method = Callable[[NDArray[np.int16]], Found]


def live(audio: NDArray[np.int16]) -> Found:
    """By this program, with the default settings, in one thread."""
    began = time.process_time()
    found = diarize(audio, None)
    return Found(_said(found.first), _said(found.revised), time.process_time() - began)


def _said(segments: Iterable[SpeakerSegment]) -> list[Said]:
    return [Said(one.start_s, one.end_s, one.speaker) for one in segments]


def of_meetings() -> list[SpeakerRecording]:
    """The meetings, each for as long as it is."""
    return [
        SpeakerRecording(
            decoded(meeting.path),
            [Said(line.start_s, line.end_s, line.speaker) for line in meeting.spoken],
            meeting.scored,
        )
        for meeting in read_meetings()
    ]


def of_talk(talk: Talk) -> SpeakerRecording:
    """An assembled conversation with its truth in seconds."""
    turns = [Said(turn.start / SAMPLE_RATE, turn.end / SAMPLE_RATE, turn.speaker) for turn in talk.turns]
    spoken = [
        Said(first / SAMPLE_RATE, end / SAMPLE_RATE, turn.speaker)
        for turn in talk.turns
        for first, end in turn.speech
    ]
    changes = [
        (before, after)
        for (before, after), turn in zip(pairwise(turns), talk.turns[1:], strict=True)
        if turn.follows_at_once
    ]
    return SpeakerRecording(talk.audio, spoken, [(0.0, len(talk.audio) / SAMPLE_RATE)], turns, changes)


def judge(recordings: Sequence[SpeakerRecording], found: Sequence[Found]) -> dict[str, Any]:
    """All figures of some recordings.

    Returns:
        `recordings`, `seconds`, `cpu_per_s`; `speakers_right`: the share of recordings in which as many were
        found as speak; `revised` and, of a method that revises, `first`: error rates, and of assembled talk
        `turns_right` and `turns_split` (of `turns`), `changes_found` (of `changes`; None where none are).
    """
    seconds = sum(one.seconds for one in recordings)
    counted = [
        len({one.who for one in each.spoken}) == len({one.who for one in what.revised})
        for each, what in zip(recordings, found, strict=True)
    ]
    result = {
        "recordings": len(recordings),
        "seconds": round(seconds, 1),
        "turns": sum(len(one.turns) for one in recordings),
        "changes": sum(len(one.changes) for one in recordings),
        "speakers_right": round(float(np.mean(counted)), 4),
        "cpu_per_s": round(sum(one.cpu_s for one in found) / seconds, 4),
        "revised": _figures(recordings, [one.revised for one in found]),
    }
    first = [one.first for one in found if one.first is not None]
    return {**result, "first": _figures(recordings, first)} if first else result


def _figures(recordings: Sequence[SpeakerRecording], found: Sequence[Sequence[Said]]) -> dict[str, Any]:
    pairs = list(zip(recordings, found, strict=True))
    rates = error_rates(Scored(one.spoken, said, one.regions) for one, said in pairs)
    turns = sum(len(one.turns) for one in recordings)
    changes = sum(len(one.changes) for one in recordings)
    if not turns:
        return dict(rates)
    right = sum(right_turns(one.turns, said) for one, said in pairs)
    split = sum(split_turns(one.turns, said) for one, said in pairs)
    near = sum(found_changes(one.changes, said) for one, said in pairs)
    return {
        **rates,
        "turns_right": round(right / turns, 4),
        "turns_split": round(split / turns, 4),
        "changes_found": round(near / changes, 4) if changes else None,
    }


def meetings(method: Method) -> dict[str, Any]:
    """Figures of all meetings together, and `files`: of each."""
    names = [meeting.path.stem for meeting in read_meetings()]
    recordings = of_meetings()
    found = [method(one.audio) for one in progress(recordings, "meetings")]
    each = zip(names, recordings, found, strict=True)
    return {**judge(recordings, found), "files": {name: judge([one], [what]) for name, one, what in each}}


def assembled(
    method: Method, voices: Sequence[Voices], conversations: int, conditions: Iterable[str]
) -> dict[str, Any]:
    """Figures by condition; the conversations of each take the sets of voices in turn."""
    result = {}
    for name in conditions:
        recordings, found = [], []
        for number in progress(range(conversations), name):
            talk = assemble_talk(FIRST_SEED + number, voices[number % len(voices)], CONDITIONS[name])
            recordings.append(of_talk(talk))
            found.append(method(talk.audio))
        result[name] = judge(recordings, found)
    return result


def for_hours(method: Method, voices: Voices, speakers: Sequence[str], seconds: float) -> dict[str, Any]:
    """Talk of some speakers that goes on for long, their sentences again and again.

    Returns:
        `seconds` of sound, `speakers`, `turns`; `labels` at the end and `labels_at_first`, each of at least
        `SPEAKS_S`; `turns_right` of each hour, labels mapped to speakers once for all; `memory_mib`: resident
        after the first tenth of the time that it took and at its end, with the sound; `cpu_per_s`.
    """
    audio, turns = _talk_for(voices, speakers, seconds)
    with _Memory() as memory:
        found = method(audio)
    whole = Said(0.0, len(audio) / SAMPLE_RATE, "")
    stands_for = speakers_of(turns, found.revised)

    def labels(said: Sequence[Said]) -> int:
        return sum(seconds >= SPEAKS_S for seconds in shares(whole, said).values())

    by_hour = []
    for start_s in np.arange(0, whole.end_s, 3600):
        own = [one for one in turns if start_s <= one.start_s < start_s + 3600]
        near = [one for one in found.revised if start_s - 60 < one.end_s and one.start_s < start_s + 3660]
        by_hour.append(round(right_turns(own, near, stands_for) / max(len(own), 1), 4))
    return {
        "seconds": round(whole.end_s, 1),
        "speakers": len(speakers),
        "turns": len(turns),
        "labels": labels(found.revised),
        "labels_at_first": labels(found.first or []),
        "turns_right": by_hour,
        "memory_mib": memory.settled_and_last(),
        "cpu_per_s": round(found.cpu_s / whole.end_s, 4),
    }


def _talk_for(
    voices: Voices, speakers: Sequence[str], seconds: float
) -> tuple[NDArray[np.int16], list[Said]]:
    """So many seconds of talk, int16 [n]; the last turn, cut off with its sound, is not among the turns."""
    audio = np.zeros(round(seconds * SAMPLE_RATE), np.int16)
    turns: list[Said] = []
    at = 0
    for sound, turn in long_talk(FIRST_SEED, voices, speakers):
        fitting = sound[: len(audio) - at]
        audio[at : at + len(fitting)] = fitting
        at += len(fitting)
        if at == len(audio):
            return audio, turns
        turns.append(Said(turn.start / SAMPLE_RATE, turn.end / SAMPLE_RATE, turn.speaker))
    raise AssertionError("long talk has no end")


class _Memory:
    """Looks at what is resident every second, within its context."""

    def __init__(self) -> None:
        self._seen_mib: list[float] = []
        self._over = Event()
        self._watcher = Thread(target=self._watch, daemon=True)

    def __enter__(self) -> "_Memory":
        self._watcher.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._watcher.join()
        self._seen_mib.append(resident_mib())

    def _watch(self) -> None:
        while not self._over.wait(1.0):
            self._seen_mib.append(resident_mib())

    def settled_and_last(self) -> tuple[float, float]:
        """MiB after the first tenth of the time, and at its end."""
        seen = self._seen_mib
        return round(seen[len(seen) // 10], 1), round(seen[-1], 1)


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """All figures that are asked for; the others stay as the file has them."""
    out = Path(arguments.json or "-")
    before = json.loads(out.read_text(encoding="utf-8")) if out.is_file() else {}
    conversations = min(arguments.conversations, 2) if arguments.quick else arguments.conversations
    conditions = QUICK if arguments.quick else tuple(CONDITIONS)
    voices = [development_voices()] if arguments.development else scored_voices()
    about = {
        "voices": "development" if arguments.development else "scored",
        "conversations": conversations,
        "conditions": list(conditions),
    }
    same = all(before.get(key) == value for key, value in about.items())
    result: dict[str, Any] = {**about, **({"live": before["live"]} if same and "live" in before else {})}
    if same and "senko" in before:
        result["senko"] = before["senko"]
    parts = arguments.only or (("assembled",) if arguments.development else BY_DEFAULT)
    own = result.setdefault("live", {})
    if "meetings" in parts:
        own["meetings"] = meetings(live)
    if "assembled" in parts:
        own["assembled"] = assembled(live, voices, conversations, conditions)
    if "hour" in parts:
        seconds = 300 if arguments.quick else 3600
        own["one_speaker"] = for_hours(live, voices[0], sorted(voices[0])[:1], seconds)
    if "ten-hours" in parts:
        own["ten_hours"] = for_hours(live, voices[0], sorted(voices[0])[:4], 36_000)
    if "senko" in parts:
        with Senko(arguments.venvs) as senko:

            def offline(audio: NDArray[np.int16]) -> Found:
                return Found(None, *senko.diarize(audio))

            result["senko"] = {
                "version": SENKO.package.partition("==")[2],
                "settings": SENKO.settings,
                "meetings": meetings(offline),
                "assembled": assembled(offline, voices, conversations, conditions),
            }
    return result


def show(result: dict[str, Any], console: Console) -> None:
    """Print the figures as tables."""
    for program in ("live", "senko"):
        found = result.get(program, {})
        table = Table(
            "", "DER", "collar", "turns right", "changes", "labels", "CPU s/s", title=f"{program}, %"
        )
        rows = {"meetings": found["meetings"]} if "meetings" in found else {}
        for name, row in {**rows, **found.get("assembled", {})}.items():
            stages = [stage for stage in ("first", "revised") if stage in row]
            cells = (
                " -> ".join(_share(row[stage].get(key)) for stage in stages)
                for key in ("der", "der_collar", "turns_right", "changes_found")
            )
            table.add_row(name, *cells, _share(row["speakers_right"]), f"{row['cpu_per_s']:.3f}")
        if table.row_count:
            console.print(table)
    for name in ("one_speaker", "ten_hours"):
        if one := result.get("live", {}).get(name):
            settled, last = one["memory_mib"]
            console.print(
                f"{one['speakers']} speakers for {one['seconds'] / 3600:.1f} h: {one['labels']} labels, "
                f"memory {settled:.0f} -> {last:.0f} MiB"
            )


def _share(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.1f}"


def main() -> None:
    """Command line."""
    options = parser(__doc__)
    options.add_argument(
        "--only",
        action="append",
        choices=PARTS,
        help=f"measure this part; again for more (default {', '.join(BY_DEFAULT)})",
    )
    options.add_argument(
        "--conversations", type=int, default=12, help="assembled ones of each condition (default 12)"
    )
    options.add_argument(
        "--quick",
        action="store_true",
        help="two conversations of three conditions, five minutes of one speaker",
    )
    options.add_argument(
        "--development",
        action="store_true",
        help="assembled talk of the speakers that settings may be tuned on; the meetings are never theirs",
    )
    options.add_argument(
        "--venvs", type=Path, default=user_cache_path("merits") / "peers", metavar="FOLDER",
        help="for senko's environment (default in the user's cache)",
    )  # fmt: skip
    arguments = options.parse_args()
    if arguments.development and set(arguments.only or ()) & {"meetings", "senko"}:
        print("--development: nothing may be tuned on the meetings", file=sys.stderr)
        sys.exit(2)
    need(MEETINGS)
    need(LIBRISPEECH / "test_other")
    torch.set_num_threads(1)
    try:
        result = measure(arguments)
    except PackagedFilesError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
    report("speakers", result, arguments.json, show)


if __name__ == "__main__":
    main()
