"""A call as telephone systems record it: stereo, a speaker a channel."""

import wave
from pathlib import Path

import numpy as np

from tests.streamer.sound import conversation, truth

RATE = 16_000


def record_call(path: Path, first: int = 0, turns: int | None = None) -> list[str]:
    """Write turns of the sample conversation as a WAV: Anna on the left, Ben on the right.

    Args:
        path: of the file.
        first: turn, from 0.
        turns: how many; all that follow by default.

    Returns:
        Who speaks, turn by turn.
    """
    said = truth()[first : None if turns is None else first + turns]
    begin, end = (int(at * RATE) for at in (said[0]["start_s"] - 0.5, said[-1]["end_s"] + 0.8))
    mono = conversation()[begin:end]
    sound = np.random.default_rng(0).normal(0, 8, (len(mono), 2)).astype(np.int16)  # the line's own noise
    for turn in said:
        where = slice(*(int(turn[at] * RATE) - begin for at in ("start_s", "end_s")))
        sound[where, 0 if turn["speaker"] == "Anna" else 1] = mono[where]
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setparams((2, 2, RATE, 0, "NONE", ""))
        file.writeframes(sound.tobytes())
    return [turn["speaker"] for turn in said]
