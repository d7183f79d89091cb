"""How well turns are found: `python -m benchmarks.segmentation --json OUT`.

Four figures, all with the default settings: missed speech and false alarm on the meetings (against the union
of the speakers' RTTM inside the UEM, no collar); the boundaries on assembled conversations; how many single
clips of acted speech become a turn, and how many recordings without speech do; and what the detector costs.
"""

import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from benchmarks.command import need, parser, report
from benchmarks.conversations import SHARED, SHARED_AUDIO, AssembledConversation, SpokenTurn, assemble
from benchmarks.meetings import Span, read_meetings
from streamer.audio.decoding.decode import Decoder
from streamer.audio.frame import SAMPLE_RATE, AudioFrame
from streamer.turns.detector import TurnDetector
from streamer.turns.turn import Turn, TurnEnded

STEP_S = 0.001
START_TOLERANCE_S = 0.15
END_TOLERANCE_S = 0.25
CONDITIONS: dict[str, dict[str, Any]] = {
    "clean": {},
    "noise at 10 dB": {"snr_db": 10},
    "room 1": {"room": "rir1"},
    "room 2": {"room": "rir2"},
    "room 3": {"room": "rir3"},
    "room 1, noise at 10 dB": {"room": "rir1", "snr_db": 10},
    "noise at 5 dB": {"snr_db": 5},
}
SPEECHLESS = ("noise/noise1.wav", "RIRs/rir1.wav", "RIRs/rir2.wav", "RIRs/rir3.wav")


def find_turns(frames: Iterable[AudioFrame]) -> list[Turn]:
    """The turns of one channel, with the default settings."""
    detector = TurnDetector()
    events = [event for frame in frames for event in detector.feed(frame)]
    return [event.turn for event in [*events, *detector.flush()] if isinstance(event, TurnEnded)]


def read(path: Path) -> list[AudioFrame]:
    """All frames of a recording, mixed down to one channel."""
    with Decoder(path, split_channels=False) as decoder:
        return [item for item in decoder.items() if isinstance(item, AudioFrame)]


def cut(audio: NDArray[np.int16]) -> list[AudioFrame]:
    """int16 [n] as frames."""
    return [AudioFrame(audio[at : at + 320], at) for at in range(0, len(audio), 320)]


def detection_errors(
    found: Sequence[Span], speech: Sequence[Span], scored: Sequence[Span]
) -> dict[str, float]:
    """Missed speech and false alarm in seconds, on a grid of 1 ms."""
    grid = np.arange(0, max(end for _, end in scored), STEP_S) + STEP_S / 2

    def within(spans: Sequence[Span]) -> NDArray[np.bool_]:
        mask = np.zeros(len(grid), bool)
        for start, end in spans:
            mask |= (grid >= start) & (grid < end)
        return mask

    is_found, is_speech, is_scored = within(found), within(speech), within(scored)
    return {
        "speech_s": round(float((is_speech & is_scored).sum()) * STEP_S, 3),
        "missed_s": round(float((is_speech & ~is_found & is_scored).sum()) * STEP_S, 3),
        "false_alarm_s": round(float((is_found & ~is_speech & is_scored).sum()) * STEP_S, 3),
    }


def meetings(folder: Path) -> dict[str, Any]:
    """Missed speech and false alarm on the meetings, each and in total."""
    files = {}
    for meeting in read_meetings(folder):
        found = [
            (turn.start / SAMPLE_RATE, turn.end / SAMPLE_RATE) for turn in find_turns(read(meeting.path))
        ]
        speech = [(line.start_s, line.end_s) for line in meeting.spoken]
        errors = detection_errors(found, speech, meeting.scored)
        files[meeting.path.stem] = {"turns": len(found), **errors}
    total = {
        key: sum(file[key] for file in files.values()) for key in ("speech_s", "missed_s", "false_alarm_s")
    }
    missed, false_alarm = (total[key] / total["speech_s"] for key in ("missed_s", "false_alarm_s"))
    return {
        "missed": round(missed, 4),
        "false_alarm": round(false_alarm, 4),
        "missed_plus_false_alarm": round(missed + false_alarm, 4),
        "files": files,
    }


def boundaries(turns: Sequence[Turn], truth: Sequence[SpokenTurn]) -> dict[str, Any]:
    """Compare turns with those that were spoken; each is matched to the one it overlaps most.

    Returns:
        `spoken`, `unfound`, `extra` (counts), `start_s` and `end_s` (found minus true, of those found).
    """
    unused = set(range(len(turns)))
    start_s: list[float] = []
    end_s: list[float] = []
    for spoken in truth:
        overlap = {i: min(turns[i].end, spoken.end) - max(turns[i].start, spoken.start) for i in unused}
        best = max(overlap, key=overlap.__getitem__, default=None)
        if best is None or overlap[best] <= 0:
            continue
        unused.remove(best)
        start_s.append((turns[best].start - spoken.start) / SAMPLE_RATE)
        end_s.append((turns[best].end - spoken.end) / SAMPLE_RATE)
    return {
        "spoken": len(truth),
        "unfound": len(truth) - len(start_s),
        "extra": len(unused),
        "start_s": start_s,
        "end_s": end_s,
    }


def conversations(seeds: Sequence[int], conditions: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Boundary accuracy on assembled conversations of twelve turns, gaps of 0.7 to 3 s.

    An unfound turn counts as wrong at both ends.
    """
    results = {}
    for name, condition in conditions.items():
        parts = []
        for seed in seeds:
            conversation = assemble(seed, **condition)
            assert isinstance(conversation, AssembledConversation)
            parts.append(boundaries(find_turns(cut(conversation.audio[:, 0])), conversation.turns))
        spoken = sum(part["spoken"] for part in parts)
        start = np.array([error for part in parts for error in part["start_s"]])
        end = np.array([error for part in parts for error in part["end_s"]])
        results[name] = {
            "spoken": spoken,
            "unfound": sum(part["unfound"] for part in parts),
            "extra": sum(part["extra"] for part in parts),
            "start_within_150_ms": round(float((np.abs(start) <= START_TOLERANCE_S).sum()) / spoken, 4),
            "end_within_250_ms": round(float((np.abs(end) <= END_TOLERANCE_S).sum()) / spoken, 4),
            "start_median_s": round(float(np.median(start)), 3),
            "end_median_s": round(float(np.median(end)), 3),
        }
    return results


def clips(paths: Sequence[Path]) -> dict[str, int]:
    """How many recordings give at least one turn."""
    return {"clips": len(paths), "with_a_turn": sum(bool(find_turns(read(path))) for path in paths)}


def cost(paths: Sequence[Path]) -> dict[str, float]:
    """Processor and elapsed time of the detector for a second of sound."""
    recordings = [read(path) for path in paths]
    seconds = sum(len(frame.samples) for frames in recordings for frame in frames) / SAMPLE_RATE
    elapsed, processor = time.perf_counter(), time.process_time()
    for frames in recordings:
        find_turns(frames)
    return {
        "real_time_factor": round((time.perf_counter() - elapsed) / seconds, 4),
        "processor_factor": round((time.process_time() - processor) / seconds, 4),
        "seconds": round(seconds, 1),
    }


def measure(shared: Path, seeds: Sequence[int]) -> dict[str, Any]:
    """All figures."""
    audio = shared / "audio"
    ravdess = sorted((shared / "data" / "ravdess").rglob("*.flac"))
    return {
        "meetings": meetings(audio / "meetings"),
        "assembled": conversations(seeds, CONDITIONS),
        "acted_clips": clips(ravdess[::12]),
        "speechless": clips([audio / "speechbrain" / name for name in SPEECHLESS]),
        "cost": cost([*sorted((audio / "meetings").glob("*.wav")), audio / "silero_test.wav"]),
    }


def show(result: dict[str, Any], console: Console) -> None:
    """Print the figures as tables."""
    table = Table("recording", "turns", "speech s", "missed s", "false alarm s", title="Meetings")
    for name, file in result["meetings"]["files"].items():
        seconds = (f"{file[key]:.1f}" for key in ("speech_s", "missed_s", "false_alarm_s"))
        table.add_row(name, str(file["turns"]), *seconds)
    total = result["meetings"]
    table.add_row("all", "", "", f"{total['missed']:.1%}", f"{total['false_alarm']:.1%}")
    console.print(table)
    table = Table("condition", "turns", "unfound", "extra", "start ±150 ms", "end ±250 ms", title="Assembled")
    for name, row in result["assembled"].items():
        counts = (str(row[key]) for key in ("spoken", "unfound", "extra"))
        table.add_row(name, *counts, f"{row['start_within_150_ms']:.1%}", f"{row['end_within_250_ms']:.1%}")
    console.print(table)
    for name in ("acted_clips", "speechless"):
        console.print(f"{name}: {result[name]['with_a_turn']} of {result[name]['clips']} give a turn")
    console.print(f"cost: {result['cost']['real_time_factor']:.2%} of real time")


def main() -> None:
    """Command line."""
    options = parser(__doc__)
    options.add_argument("--seeds", type=int, default=8, help="conversations a condition (default 8)")
    arguments = options.parse_args()
    need(SHARED_AUDIO)
    report("segmentation", measure(SHARED, range(100, 100 + arguments.seeds)), arguments.json, show)


if __name__ == "__main__":
    main()
