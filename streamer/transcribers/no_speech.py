"""Rejects words that a decoder hallucinated from a turn without speech."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from streamer.audio.frame import SAMPLE_RATE
from streamer.transcribers.base import Transcript
from streamer.transcribers.repetition import without_loops

SHORTEST_S = 0.2
"""Shortest sound that can contain a word."""

SILENCE_AROUND_S = 0.6
"""Typical silence in a turn: pre-roll, and the wait of the end-pointer."""

SLOWEST_PACE = 0.6
"""Words a second, without the silence around them. Decoders stretch a word or two over noise and music."""

LONGEST_WORD_S = 0.8
"""Mean length of a turn's words; a single emphasised word reaches 0.65 s."""

STEADIEST_DB = 6.0
"""Least difference between loud and soft frames of a turn. The level of speech varies; hum's does not."""

STEADY_DB = 14.0
"""Below this the sound is mostly noise (speech 10 dB above the noise reaches 16 dB): words are accepted only
if there are at least `FEWEST_IN_NOISE`, at `SLOWEST_PACE_IN_NOISE` or faster."""

FEWEST_IN_NOISE = 3
SLOWEST_PACE_IN_NOISE = 1.5


class Word(NamedTuple):
    """A word, and its start and end in the turn, in seconds."""

    text: str
    start_s: float
    end_s: float


def spoken(tokens: Iterable[str]) -> list[str]:
    """The words of a decoder's output, without silence ("<sil>") and sounds ("[NOISE]", "++BREATH++").

    "to(2)" is the second pronunciation of "to".
    """
    return [token.partition("(")[0] for token in tokens if token[0] not in "<[+"]


def believed(words: Sequence[Word], audio: NDArray[np.int16]) -> Transcript:
    """The transcript of a turn, int16 [n] at 16 kHz; empty if the words cannot have been spoken in it."""
    if not can_hold_words(audio) or not are_believable(words, audio):
        return Transcript("")
    text = " ".join(without_loops([word.text for word in words]))
    return Transcript(text, "en" if text else None)


def can_hold_words(audio: NDArray[np.int16]) -> bool:
    """Whether a turn, int16 [n] at 16 kHz, may contain words."""
    return len(audio) >= SHORTEST_S * SAMPLE_RATE and level_range_db(audio) >= STEADIEST_DB


def level_range_db(audio: NDArray[np.int16]) -> float:
    """Level difference of loud frames (95th percentile of 20 ms) and soft ones (10th), in dB."""
    length = SAMPLE_RATE // 50
    sound = audio - np.mean(audio)  # float64 [n], without DC offset
    frames = sound[: len(sound) // length * length].reshape(-1, length)
    soft, loud = np.percentile(np.mean(frames**2, axis=1), [10, 95])
    return float(10 * np.log10((loud + 1) / (soft + 1)))


def are_believable(words: Sequence[Word], audio: NDArray[np.int16]) -> bool:
    """Whether words decoded from a turn, int16 [n] at 16 kHz, can have been spoken in it."""
    if not words:
        return False
    word_s = sum(word.end_s - word.start_s for word in words) / len(words)
    pace = len(words) / max(len(audio) / SAMPLE_RATE - SILENCE_AROUND_S, SHORTEST_S)
    if word_s > LONGEST_WORD_S or pace < SLOWEST_PACE:
        return False
    if level_range_db(audio) < STEADY_DB:
        return len(words) >= FEWEST_IN_NOISE and pace >= SLOWEST_PACE_IN_NOISE
    return True
