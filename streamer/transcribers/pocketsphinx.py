"""CMU PocketSphinx with the English model it carries: the embedded default, always at hand."""

import os

import numpy as np
from numpy.typing import NDArray
from pocketsphinx import Config, Decoder, Segment

from streamer.audio.frame import SAMPLE_RATE
from streamer.errors import RunError
from streamer.transcribers.base import Transcript
from streamer.transcribers.repetition import without_loops

PEAK = 0.9
"""Every turn is brought to this peak: the acoustic model knows recordings at a microphone's usual level."""

SHORTEST_S = 0.2
"""No word fits into less."""

SILENCE_AROUND_S = 0.6
"""How much of a turn is silence, typically: pre-roll and what the end-pointer waited out."""

SLOWEST_PACE = 0.6
"""Words a second, silence around them not counted. Decoders stretch a word or two over noise and music."""

LONGEST_WORD_S = 0.8
"""Mean length of the words of a turn; an emphasised word alone reaches 0.65 s."""

STEADIEST_DB = 6.0
"""Between the soft and the loud frames of a turn. Speech comes and goes; hum, tones and hiss do not."""

STEADY_DB = 14.0
"""Below this the sound is mostly noise (speech at 10 dB above it reaches 16 dB): words are believed only if
they are `FEWEST_IN_NOISE` at `SLOWEST_PACE_IN_NOISE` or more."""

FEWEST_IN_NOISE = 3
SLOWEST_PACE_IN_NOISE = 1.5

NOISE_SEARCH = "noise"
"""The features' noise tracker outlives an utterance. Begun anew for each turn and led through it once, by a
keyphrase search as the cheapest there is, it knows this turn's noise and no other's."""


class PocketSphinx:
    """Recognise English with pocketsphinx 5.

    The second decoding pass (flat lexicon) is off: it would hold Python's global lock for as long as it runs,
    for a gain in words that is small and not the same on all recordings.
    """

    def __init__(self) -> None:
        self._decoder = Decoder(Config(loglevel="FATAL", logfn=os.devnull, fwdflat=False))
        self._words_search: str = self._decoder.current_search()
        self._decoder.add_keyphrase(NOISE_SEARCH, "the")

    @property
    def name(self) -> str:
        """Always "pocketsphinx"."""
        return "pocketsphinx"

    def transcribe(self, audio: NDArray[np.int16]) -> Transcript:
        """Recognise one turn; nothing is carried over from the turns before.

        Args:
            audio: int16 [n], mono, 16 kHz.

        Returns:
            Lower-case words; an empty text where what was decoded is not believable as speech.

        Raises:
            RunError: the decoder failed.
        """
        if len(audio) < SHORTEST_S * SAMPLE_RATE or np.ptp(audio) == 0:
            return Transcript("")
        sound = audio - np.mean(audio)  # float64 [n], without DC offset
        level_range_db = _level_range_db(sound)
        if level_range_db < STEADIEST_DB:
            return Transcript("")
        spoken = [segment for segment in self._decode(sound) if _is_word(segment.word)]
        if not _believable(spoken, len(audio) / SAMPLE_RATE, level_range_db):
            return Transcript("")
        # "to(2)" is the second way to say "to".
        words = without_loops([segment.word.partition("(")[0] for segment in spoken])
        return Transcript(" ".join(words), "en" if words else None)

    def _decode(self, sound: NDArray[np.float64]) -> list[Segment]:
        loud = np.round(sound * (PEAK * 32767 / np.abs(sound).max())).astype(np.int16)
        try:
            self._decoder.reinit_feat()
            self._process(loud.tobytes(), NOISE_SEARCH)
            self._process(loud.tobytes(), self._words_search)
            return [] if self._decoder.hyp() is None else list(self._decoder.seg())
        except RuntimeError as error:
            raise RunError(f"pocketsphinx failed: {error}") from error

    def _process(self, samples: bytes, search: str) -> None:
        self._decoder.activate_search(search)
        self._decoder.start_utt()
        # As a full utterance, so that the cepstral mean is this turn's own.
        self._decoder.process_raw(samples, full_utt=True)
        self._decoder.end_utt()


def _is_word(token: str) -> bool:
    """Not silence ("<sil>"), not a sound ("[NOISE]", "++BREATH++")."""
    return token[0] not in "<[+"


def _level_range_db(sound: NDArray[np.float64]) -> float:
    """Level of the loud frames (95th percentile of 20 ms) over that of the soft ones (10th), in dB."""
    length = SAMPLE_RATE // 50
    frames = sound[: len(sound) // length * length].reshape(-1, length)
    soft, loud = np.percentile(np.mean(frames**2, axis=1), [10, 95])
    return float(10 * np.log10((loud + 1) / (soft + 1)))


def _believable(words: list[Segment], seconds: float, level_range_db: float) -> bool:
    """Whether words decoded from a turn can have been spoken in it."""
    if not words:
        return False
    frames_a_second = 100
    word_s = sum(word.end_frame - word.start_frame + 1 for word in words) / frames_a_second / len(words)
    pace = len(words) / max(seconds - SILENCE_AROUND_S, SHORTEST_S)
    if word_s > LONGEST_WORD_S or pace < SLOWEST_PACE:
        return False
    if level_range_db < STEADY_DB:
        return len(words) >= FEWEST_IN_NOISE and pace >= SLOWEST_PACE_IN_NOISE
    return True
