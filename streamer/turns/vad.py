"""Voice activity: the speech probability of each 32 ms, by silero-vad, gated by webrtcvad."""

import math
from collections import deque
from collections.abc import Sequence
from itertools import islice
from typing import NamedTuple, Protocol

import numpy as np
import webrtcvad
from numpy.typing import NDArray

from streamer.audio.frame import SAMPLE_RATE
from streamer.turns.conditioner import Conditioned, InputConditioner, condition
from streamer.turns.noise_floor import NoiseFloor, excess_db
from streamer.turns.silero import CHUNK_SAMPLES, Silero, hear_together

__all__ = ["CHUNK_SAMPLES", "REPLAY_CHUNKS", "GatedSilero", "VadRequest", "VoiceActivity", "judge_together"]

_WEBRTC_SAMPLES = 480
"""webrtcvad processes 10, 20 or 30 ms: the gate ignores the last 2 ms of a chunk."""

_GATE_HOLD_CHUNKS = 31
"""The gate closes after this long (1 s) without speech according to webrtcvad."""

REPLAY_CHUNKS = 16
"""Earlier sound (0.5 s) that silero processes when the gate opens, for its state and for the onset."""

_MIN_EXCESS_DB = 5.3
_CERTAINTY_DB = 0.5
"""Speech exceeds the noise by `_MIN_EXCESS_DB`, or by up to `_CERTAINTY_DB` less if silero is certain: just
after speech, silero tends to classify steady noise as speech."""

_FADING_CHUNKS = 5
_FADING_DB = 2.5
"""Speech that fades into the noise may exceed it by `_FADING_DB` less, for this long (0.16 s)."""

_HOPELESS_DB = _MIN_EXCESS_DB - _CERTAINTY_DB - _FADING_DB
"""Sound that exceeds the noise by less has probability 0, whatever silero's output."""

_MARKED_GAIN = 1.5
"""Below this amplification (3.5 dB), silero's output hardly differs from that for the plain sound."""

_CATCH_UP_CHUNKS = 8
"""Skipped sound (0.26 s) that silero processes before the chunks of interest."""

_AMPLIFIED_HOLD_CHUNKS = 16
"""The amplified sound is processed for this long (0.5 s) after the gain was last marked."""

_CERTAIN = 0.9
"""A chunk with this probability on one of the two sounds is not processed on the other."""

_HESITANT = 0.3
_MARKED_EXCESS_DB = 20.0
_CERTAIN_HOLD_CHUNKS = 31
"""For a distant voice, silero is often never certain. After this long (1 s) without certainty, `_HESITANT`
counts as even odds for sound that exceeds the noise by `_MARKED_EXCESS_DB`. Echoes follow certain speech."""


class VoiceActivity(Protocol):
    """A voice activity detector for consecutive chunks of `CHUNK_SAMPLES`."""

    def judge(self, chunks: NDArray[np.int16], keep_open: bool) -> list[float]:
        """Compute the speech probabilities of the next chunks, int16 [k, CHUNK_SAMPLES].

        Args:
            chunks: one or more chunks.
            keep_open: return all probabilities at once, as for an open turn.

        Returns:
            Speech probabilities of the chunks, in order. Those of the latest chunks may come with a later
            call (at most `REPLAY_CHUNKS` late), except with `keep_open`.
        """
        ...

    def reset(self) -> None:
        """Forget everything: what follows does not follow on."""
        ...


class GatedSilero:
    """silero-vad (v6) that pauses while webrtcvad, which is far cheaper, detects no speech for long.

    While the gate is closed, the newest chunks wait; when it opens, silero processes them, too, so that an
    onset too faint for webrtcvad is not lost. Silero processes both the plain and the amplified sound, and
    the higher probability counts: distant speech is detected sometimes in the one, sometimes in the other.
    Sound that does not exceed the noise has probability 0; silero skips it unless other sound follows.

    Args:
        webrtc_level: aggressiveness of webrtcvad, from 0 (opens the gate readily) to 3.
    """

    def __init__(self, webrtc_level: int = 0) -> None:
        self._level = webrtc_level
        self._plain, self._amplified = _Ear(), _Ear()
        self.reset()

    def reset(self) -> None:
        """Forget everything: what follows does not follow on."""
        self._webrtc = webrtcvad.Vad(self._level)
        self._reset_ears()
        self._conditioner = InputConditioner()
        self._noise = NoiseFloor()
        self._waiting: list[_Chunk] = []
        self._quiet_chunks = 0
        self._fading_chunks = _FADING_CHUNKS
        self._unamplified_chunks = 0
        self._uncertain_chunks = _CERTAIN_HOLD_CHUNKS
        self._open = False

    def judge(self, chunks: NDArray[np.int16], keep_open: bool) -> list[float]:
        """See `VoiceActivity`."""
        return judge_together([VadRequest(self, chunks, keep_open)])[0]

    def _take_in(self, sound: Conditioned, excess_db: float) -> "_Chunk":
        heard = (sound.amplified[:_WEBRTC_SAMPLES] * 32767).astype(np.int16).tobytes()
        return _Chunk(sound, excess_db, self._webrtc.is_speech(heard, SAMPLE_RATE))

    def _admit(self, chunk: "_Chunk", keep_open: bool) -> tuple[list[float], list["_Chunk"]]:
        """Probabilities of chunks that silero need not process, and the chunks that it has to process now."""
        self._quiet_chunks = 0 if chunk.awake else self._quiet_chunks + 1
        was_open = self._open
        self._open = (
            keep_open or self._quiet_chunks == 0 or (was_open and self._quiet_chunks < _GATE_HOLD_CHUNKS)
        )
        self._waiting.append(chunk)
        if not self._open:
            if len(self._waiting) <= REPLAY_CHUNKS:
                return [], []
            del self._waiting[0]
            return [0.0], []
        if not was_open:
            self._reset_ears()
        admitted, self._waiting = self._waiting, []
        return [], admitted

    def _reset_ears(self) -> None:
        self._plain.reset()
        self._amplified.reset()

    def _unsure(self, chunks: Sequence["_Chunk"], plain: Sequence[float]) -> list[bool]:
        """Which chunks to process amplified, too."""
        return [
            self._amplifies(chunk) and chunk.hopeful and probability < _CERTAIN
            for chunk, probability in zip(chunks, plain, strict=True)
        ]

    def _amplifies(self, chunk: "_Chunk") -> bool:
        """Whether the gain is marked, or was so recently."""
        self._unamplified_chunks = 0 if chunk.sound.gain >= _MARKED_GAIN else self._unamplified_chunks + 1
        return self._unamplified_chunks < _AMPLIFIED_HOLD_CHUNKS

    def _weighed(self, probability: float, chunk: "_Chunk") -> float:
        """The probability, adjusted by how far the chunk exceeds the noise; 0 if it does not."""
        self._uncertain_chunks = 0 if probability >= _CERTAIN else self._uncertain_chunks + 1
        needed_db = _MIN_EXCESS_DB - _CERTAINTY_DB * probability
        if chunk.excess_db >= needed_db:
            self._fading_chunks = 0
            return self._less_hesitant(probability, chunk.excess_db)
        self._fading_chunks += 1
        fading = self._fading_chunks <= _FADING_CHUNKS and chunk.excess_db >= needed_db - _FADING_DB
        return probability if fading else 0.0

    def _less_hesitant(self, probability: float, excess_db: float) -> float:
        """A higher probability if silero has long been uncertain, and the chunk clearly exceeds the noise."""
        marked = _MARKED_EXCESS_DB <= excess_db < math.inf  # inf: the noise is not known yet
        if not marked or probability < _HESITANT or self._uncertain_chunks <= _CERTAIN_HOLD_CHUNKS:
            return probability
        return probability + (0.5 - _HESITANT) * (1 - probability) / (1 - _HESITANT)


class VadRequest(NamedTuple):
    """Arguments of `VoiceActivity.judge` for one detector."""

    by: GatedSilero
    chunks: NDArray[np.int16]
    keep_open: bool


def judge_together(requests: Sequence[VadRequest]) -> list[list[float]]:
    """Call `judge` of several detectors, with the expensive part batched."""
    taken_in = _take_in(requests)
    found: list[list[float]] = [[] for _ in requests]
    for step in range(max(len(each.chunks) for each in requests)):
        detectors, chunks, into = [], [], []
        for (by, _, keep_open), taken, probabilities in zip(requests, taken_in, found, strict=True):
            if step < len(taken):
                spared, admitted = by._admit(taken[step], keep_open)
                probabilities += spared
                if admitted:
                    detectors.append(by)
                    chunks.append(admitted)
                    into.append(probabilities)
        for probabilities, judged in zip(into, _judge(detectors, chunks), strict=True):
            probabilities += judged
    return found


def _take_in(requests: Sequence[VadRequest]) -> list[list["_Chunk"]]:
    whose = [each.by for each in requests for _ in each.chunks]
    chunks = np.concatenate([each.chunks for each in requests])
    sounds = condition([by._conditioner for by in whose], chunks)
    excess = excess_db([by._noise for by in whose], chunks)
    taken = map(GatedSilero._take_in, whose, sounds, excess)
    return [list(islice(taken, len(each.chunks))) for each in requests]


def _judge(detectors: Sequence[GatedSilero], chunks: Sequence[Sequence["_Chunk"]]) -> list[list[float]]:
    """Probabilities of each detector's consecutive chunks."""
    plain = _ask(
        [by._plain for by in detectors],
        [[chunk.sound.plain for chunk in each] for each in chunks],
        [[chunk.hopeful for chunk in each] for each in chunks],
    )
    amplified = _ask(
        [by._amplified for by in detectors],
        [[chunk.sound.amplified for chunk in each] for each in chunks],
        list(map(GatedSilero._unsure, detectors, chunks, plain)),
    )
    return [
        list(map(by._weighed, map(max, p, q), each))
        for by, each, p, q in zip(detectors, chunks, plain, amplified, strict=True)
    ]


def _ask(
    ears: Sequence["_Ear"], sounds: Sequence[Sequence[NDArray[np.float32]]], asked: Sequence[Sequence[bool]]
) -> list[list[float]]:
    """Speech probabilities of each ear's next chunks; 0 for chunks that it skips."""
    to_hear, places = [], []
    for ear, own_sounds, own_asked in zip(ears, sounds, asked, strict=True):
        heard, at = ear.take_in(own_sounds, own_asked)
        to_hear.append(heard)
        places.append(at)
    found = hear_together([ear.silero for ear in ears], to_hear)
    return [
        [0.0 if place is None else probabilities[place] for place in at]
        for probabilities, at in zip(found, places, strict=True)
    ]


class _Ear:
    """One silero state, which processes sound only on demand.

    After a gap it first processes the latest `_CATCH_UP_CHUNKS` of the skipped sound, without a reset: on
    real meetings, a reset finds less speech, and processing everything finds no more.
    """

    def __init__(self) -> None:
        self.silero = Silero()
        self._spared: deque[NDArray[np.float32]] = deque(maxlen=_CATCH_UP_CHUNKS)

    def reset(self) -> None:
        """Forget everything."""
        self.silero.reset()
        self._spared.clear()

    def take_in(
        self, sounds: Sequence[NDArray[np.float32]], asked: Sequence[bool]
    ) -> tuple[list[NDArray[np.float32]], list[int | None]]:
        """Add the next chunks, float32 [CHUNK_SAMPLES] each.

        Returns:
            The chunks for silero to process, and the positions of the requested chunks among them.
        """
        heard: list[NDArray[np.float32]] = []
        at: list[int | None] = []
        for sound, wanted in zip(sounds, asked, strict=True):
            if wanted:
                at.append(len(heard) + len(self._spared))
                heard += [*self._spared, sound]
                self._spared.clear()
            else:
                at.append(None)
                self._spared.append(sound)
        return heard, at


class _Chunk(NamedTuple):
    """A chunk before its decision; `awake` if webrtcvad classifies it as speech."""

    sound: Conditioned
    excess_db: float
    awake: bool

    @property
    def hopeful(self) -> bool:
        """Whether the chunk may be speech, so that silero should process it."""
        return self.excess_db >= _HOPELESS_DB
