"""Make the sample conversation that `make demo` plays: `python samples/make_conversation.py`.

Two flatmates miss their cat, quarrel, grieve, and get him back. The voices are flite's `slt` and `rms`; rate,
pitch and loudness follow the emotion of each turn. Needs flite 2.2 (`apt install flite`), PyAV and numpy. The
same flite gives the same sound, sample by sample.

Writes, beside itself or into the folder given:

- `conversation.flac`: 16 kHz, mono, 16 bit, over a faint noise floor.
- `conversation.json`: what was said: for each turn `speaker`, `text`, the intended `emotion` (MELD's seven)
  and where its speech is, `start_s` to `end_s`, in seconds of the recording.
"""

import json
import shutil
import subprocess
import sys
import tempfile
import wave
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

RATE = 16_000
FRAME = RATE // 100
NOISE_FLOOR_DB = -66.0
LEAD_S = 0.8
TAIL_S = 1.0
LONGEST_PAUSE_S = 0.22
"""Pauses within a turn are cut to this, well below any end-pointer's patience."""


@dataclass(frozen=True)
class Voice:
    """A flite voice and the pitch it speaks at when calm (Hz)."""

    flite: str
    pitch_hz: float
    pitch_spread_hz: float


@dataclass(frozen=True)
class Manner:
    """How an emotion changes a voice: factors on pitch, its spread and duration; level in dBFS (RMS)."""

    pitch: float
    spread: float
    duration: float
    level_db: float


VOICES = {"Anna": Voice("slt", 180.0, 22.0), "Ben": Voice("rms", 100.0, 14.0)}

MANNERS = {
    "neutral": Manner(1.00, 1.0, 1.00, -24.0),
    "joy": Manner(1.15, 1.6, 0.98, -21.0),
    "anger": Manner(1.10, 1.5, 0.95, -18.5),
    "sadness": Manner(0.92, 0.6, 1.15, -27.0),
    "surprise": Manner(1.20, 1.7, 0.98, -21.5),
    "fear": Manner(1.15, 0.8, 0.98, -25.0),
    "disgust": Manner(0.94, 1.2, 1.08, -23.0),
}

# Speaker, emotion, words, and the pause before them in seconds.
SCRIPT = [
    ("Anna", "neutral", "Good morning. Is there any coffee left?", 0.0),
    ("Ben", "neutral", "There is some in the kitchen. Have you seen the cat today?", 0.8),
    ("Anna", "surprise", "No! Wait, why is the window open?", 0.7),
    ("Ben", "fear", "Oh no! I am afraid that something terrible happened to him.", 0.9),
    ("Anna", "anger", "You left it open again! I am so angry with you!", 0.7),
    ("Ben", "anger", "Stop shouting at me! This is not my fault!", 0.7),
    ("Anna", "disgust", "And what is that smell? That old fish is disgusting.", 0.9),
    ("Ben", "sadness", "I am so sorry. I really miss him. He was my best friend.", 1.2),
    ("Anna", "sadness", "I want to cry. The house feels empty without him.", 1.1),
    ("Ben", "surprise", "Wait! What is that noise at the door?", 1.0),
    ("Anna", "surprise", "Oh my god! He came back!", 0.8),
    ("Ben", "joy", "I am so happy! Come here, you wonderful little cat!", 0.8),
    ("Anna", "joy", "This is the best day of my life! I love you both.", 0.8),
    ("Ben", "neutral", "Okay. I will close the window and make some more coffee.", 1.0),
]


def speak(text: str, voice: Voice, manner: Manner) -> NDArray[np.float64]:
    """Let flite say it.

    Returns:
        float64 [n], mono, 16 kHz: speech alone at the manner's level, no silence around it.
    """
    settings = {
        "int_f0_target_mean": voice.pitch_hz * manner.pitch,
        "int_f0_target_stddev": voice.pitch_spread_hz * manner.spread,
        "duration_stretch": manner.duration,
    }
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "turn.wav"
        options = [part for name, value in settings.items() for part in ("--setf", f"{name}={value}")]
        subprocess.run(["flite", "-voice", voice.flite, *options, "-t", text, "-o", str(path)], check=True)
        with wave.open(str(path)) as recording:
            if recording.getframerate() != RATE:
                raise SystemExit(
                    f"the voice {voice.flite} speaks at {recording.getframerate()} Hz, not {RATE} Hz"
                )
            samples = np.frombuffer(recording.readframes(recording.getnframes()), dtype="<i2")
    speech = without_long_pauses(samples / 32768)
    gain = 10 ** (manner.level_db / 20) / float(np.sqrt(np.mean(speech**2)))
    return speech * gain


def without_long_pauses(samples: NDArray[np.float64]) -> NDArray[np.float64]:
    """Cut the silence around the speech, and pauses inside it to `LONGEST_PAUSE_S`.

    A frame of 10 ms is silent 35 dB below the loudest one.
    """
    frames = samples[: len(samples) // FRAME * FRAME].reshape(-1, FRAME)  # [n, FRAME]
    power = np.mean(frames**2, axis=1)
    loud = np.flatnonzero(power > power.max() * 10**-3.5)
    longest = round(LONGEST_PAUSE_S * RATE / FRAME)
    keep = np.zeros(len(frames), dtype=bool)
    for before, after in zip(loud, [*loud[1:], loud[-1] + 1], strict=True):
        keep[before : min(after, before + longest // 2)] = True
        keep[max(before, after - longest // 2) : after] = True
    return frames[keep].reshape(-1)


def conversation() -> tuple[NDArray[np.int16], dict[str, Any]]:
    """Put the turns one after the other.

    Returns:
        int16 [n], mono, 16 kHz; and the truth as it is written to `conversation.json`.
    """
    pieces: list[NDArray[np.float64]] = [np.zeros(round(LEAD_S * RATE))]
    position = len(pieces[0])
    turns = []
    for speaker, emotion, text, pause_s in SCRIPT:
        pause = np.zeros(round(pause_s * RATE))
        speech = speak(text, VOICES[speaker], MANNERS[emotion])
        start = position + len(pause)
        position = start + len(speech)
        pieces += [pause, speech]
        turns.append(
            {
                "speaker": speaker,
                "text": text,
                "emotion": emotion,
                "start_s": round(start / RATE, 3),
                "end_s": round(position / RATE, 3),
            }
        )
    pieces.append(np.zeros(round(TAIL_S * RATE)))
    sound = np.concatenate(pieces)
    sound += np.random.default_rng(1).normal(0, 10 ** (NOISE_FLOOR_DB / 20), len(sound))
    if np.abs(sound).max() >= 1:
        raise SystemExit("the sound clips: lower the level of a manner")
    truth = {
        "audio": "conversation.flac",
        "sample_rate": RATE,
        "duration_s": round(len(sound) / RATE, 3),
        "made_by": "samples/make_conversation.py",
        "turns": turns,
    }
    return np.round(sound * 32767).astype(np.int16), truth


def write_flac(samples: NDArray[np.int16], path: Path) -> None:
    """Write int16 [n], mono, 16 kHz, as FLAC."""
    with av.open(str(path), "w", format="flac") as container:
        stream = container.add_stream("flac", rate=RATE, options={"compression_level": "8"})
        stream.codec_context.layout = "mono"
        stream.codec_context.format = "s16"
        frame = av.AudioFrame.from_ndarray(samples[np.newaxis, :], format="s16", layout="mono")
        frame.sample_rate = RATE
        for chunk in (frame, None):
            for packet in stream.encode(chunk):
                container.mux(packet)


def write(name: str, make: Callable[[], tuple[NDArray[np.int16], dict[str, Any]]]) -> None:
    """Write both files of a sample beside this script, or into the folder named on the command line.

    Args:
        name: of the files.
        make: makes the sound, int16 [n], mono, 16 kHz, and the truth.
    """
    if shutil.which("flite") is None:
        raise SystemExit("flite is not installed: apt install flite")
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
    samples, truth = make()
    write_flac(samples, folder / f"{name}.flac")
    (folder / f"{name}.json").write_text(json.dumps(truth, indent=2) + "\n", encoding="utf-8")
    print(f"{truth['duration_s']} s, {len(truth['turns'])} turns in {folder}")


if __name__ == "__main__":
    write("conversation", conversation)
