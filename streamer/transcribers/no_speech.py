"""Turns that cannot contain words: recognisers hallucinate some from any sound."""

import numpy as np
from numpy.typing import NDArray

from streamer.audio.frame import SAMPLE_RATE

SHORTEST_S = 0.2
"""Shortest sound that can contain a word."""

STEADIEST_DB = 6.0
"""Least difference between loud and soft frames of a turn. The level of speech varies; hum's does not."""


def can_hold_words(audio: NDArray[np.int16]) -> bool:
    """Whether a turn, int16 [n] at 16 kHz, may contain words."""
    return len(audio) >= SHORTEST_S * SAMPLE_RATE and _level_range_db(audio) >= STEADIEST_DB


def _level_range_db(audio: NDArray[np.int16]) -> float:
    """Level difference of loud frames (95th percentile of 20 ms) and soft ones (10th), in dB."""
    length = SAMPLE_RATE // 50
    sound = audio - np.mean(audio)  # float64 [n], without DC offset
    frames = sound[: len(sound) // length * length].reshape(-1, length)
    soft, loud = np.percentile(np.mean(frames**2, axis=1), [10, 95])
    return float(10 * np.log10((loud + 1) / (soft + 1)))
