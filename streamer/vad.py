"""How likely each 32 ms of sound holds speech: silero-vad, woken by webrtcvad."""

from collections import deque
from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

import numpy as np
import webrtcvad
from numpy.typing import NDArray

from streamer.audio.frame import SAMPLE_RATE
from streamer.input_conditioner import Conditioned, InputConditioner
from streamer.noise_floor import NoiseFloor
from streamer.silero import CHUNK_SAMPLES, Silero

__all__ = ["CHUNK_SAMPLES", "REPLAY_CHUNKS", "GatedSilero", "VoiceActivity"]

_WEBRTC_SAMPLES = 480
"""webrtcvad takes 10, 20 or 30 ms: the last 2 ms of a chunk go unheard by the gate."""

_GATE_HOLD_CHUNKS = 31
"""The gate shuts after this long (1 s) in which webrtcvad heard nothing."""

REPLAY_CHUNKS = 16
"""Sound (0.5 s) that silero hears late, when the gate opens, to warm its state up and to catch the onset."""

_MIN_EXCESS_DB = 5.3
_CERTAINTY_DB = 0.5
"""Speech stands out of the noise by `_MIN_EXCESS_DB`, less `_CERTAINTY_DB` the surer silero is: just after
speech, silero tends to take steady noise for more of it."""

_FADING_CHUNKS = 5
_FADING_DB = 2.5
"""Speech that fades into the noise may stand out by `_FADING_DB` less, for this long (0.16 s)."""

_HOPELESS_DB = _MIN_EXCESS_DB - _CERTAINTY_DB - _FADING_DB
"""What stands out by less has probability 0, whatever silero says."""

_MARKED_GAIN = 1.5
"""Sound amplified by less (3.5 dB) is to silero much the same as the sound as it is."""

_CATCH_UP_CHUNKS = 8
"""So much (0.26 s) of what it was spared silero hears before what it is asked about."""

_AMPLIFIED_HOLD_CHUNKS = 16
"""The amplified sound is listened to for this long (0.5 s) after the gain was last marked."""

_CERTAIN = 0.9
"""Of a chunk that the one ear is so sure of the other is not asked."""

_HESITANT = 0.3
_MARKED_EXCESS_DB = 20.0
_CERTAIN_HOLD_CHUNKS = 31
"""Of a voice far away silero is often never sure: when it was not for this long (1 s), `_HESITANT` is as good
as even odds for what stands out of the noise by `_MARKED_EXCESS_DB`. Echoes follow what it was sure of."""


class VoiceActivity(Protocol):
    """Judges consecutive chunks of `CHUNK_SAMPLES`."""

    def take_in(self, chunks: NDArray[np.int16]) -> None:
        """Take in the next chunks, int16 [k, CHUNK_SAMPLES]; `judge` is to be called k times."""
        ...

    def judge(self, keep_open: bool) -> list[float]:
        """Judge the next chunk of those taken in.

        Args:
            keep_open: answer at once, as when a turn is going on.

        Returns:
            Probabilities of speech, one for each chunk so far, in order; those of the latest chunks may come
            with a later call (at most `REPLAY_CHUNKS` late), but never do when `keep_open`.
        """
        ...

    def reset(self) -> None:
        """Forget everything: what follows does not follow on."""
        ...


class GatedSilero:
    """silero-vad (v6) that rests while webrtcvad, far cheaper, hears nothing for long.

    While the gate is shut the newest chunks wait unjudged; when it opens silero hears them too, so that an
    onset too faint for webrtcvad is not lost. Silero listens twice, to the sound as it is and amplified, and
    the surer one counts: what is far from the microphone is recognised now in the one, now in the other. What
    does not stand out of the background noise has probability 0; silero hears it only when something follows.

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
        self._noise = NoiseFloor(CHUNK_SAMPLES)
        self._taken_in: deque[_Chunk] = deque()
        self._waiting: list[_Chunk] = []
        self._ahead: deque[float] = deque()  # what was judged of the first of those taken in
        self._quiet_chunks = 0
        self._fading_chunks = _FADING_CHUNKS
        self._unamplified_chunks = 0
        self._uncertain_chunks = _CERTAIN_HOLD_CHUNKS
        self._open = False

    def take_in(self, chunks: NDArray[np.int16]) -> None:
        """As in `VoiceActivity`."""
        sounds = self._conditioner.condition(chunks)
        for sound, excess_db in zip(sounds, self._noise.excess_db(chunks), strict=True):
            heard = (sound.amplified[:_WEBRTC_SAMPLES] * 32767).astype(np.int16).tobytes()
            self._taken_in.append(_Chunk(sound, excess_db, self._webrtc.is_speech(heard, SAMPLE_RATE)))

    def judge(self, keep_open: bool) -> list[float]:
        """As in `VoiceActivity`."""
        chunk = self._taken_in.popleft()
        self._quiet_chunks = 0 if chunk.awake else self._quiet_chunks + 1
        was_open = self._open
        self._open = (
            keep_open or self._quiet_chunks == 0 or (was_open and self._quiet_chunks < _GATE_HOLD_CHUNKS)
        )
        if self._ahead:
            return [self._ahead.popleft()]
        self._waiting.append(chunk)
        if not self._open:
            if len(self._waiting) <= REPLAY_CHUNKS:
                return []
            del self._waiting[0]
            return [0.0]
        if not was_open:
            self._reset_ears()
        now = len(self._waiting)
        probabilities = self._probabilities([*self._waiting, *self._surely_open()])
        self._waiting.clear()
        self._ahead += probabilities[now:]
        return probabilities[:now]

    def _reset_ears(self) -> None:
        self._plain.reset()
        self._amplified.reset()

    def _surely_open(self) -> Iterator["_Chunk"]:
        """Of the chunks that are to be judged next, those that find the gate open whatever `keep_open` is."""
        quiet = self._quiet_chunks
        for chunk in self._taken_in:
            quiet = 0 if chunk.awake else quiet + 1
            if quiet >= _GATE_HOLD_CHUNKS:
                break
            yield chunk

    def _probabilities(self, chunks: Sequence["_Chunk"]) -> list[float]:
        """Of consecutive chunks, each ear asked once about all that it is asked about."""
        hopeful = [chunk.excess_db >= _HOPELESS_DB for chunk in chunks]
        plain = self._plain.judge([chunk.sound.plain for chunk in chunks], hopeful)
        unsure = [
            self._amplifies(chunk) and asked and probability < _CERTAIN
            for chunk, asked, probability in zip(chunks, hopeful, plain, strict=True)
        ]
        amplified = self._amplified.judge([chunk.sound.amplified for chunk in chunks], unsure)
        surer = map(max, plain, amplified)
        return [self._weighed(*each) for each in zip(surer, chunks, strict=True)]

    def _amplifies(self, chunk: "_Chunk") -> bool:
        """Whether the gain is marked, or was until lately."""
        self._unamplified_chunks = 0 if chunk.sound.gain >= _MARKED_GAIN else self._unamplified_chunks + 1
        return self._unamplified_chunks < _AMPLIFIED_HOLD_CHUNKS

    def _weighed(self, probability: float, chunk: "_Chunk") -> float:
        """The probability in view of how far the chunk stands out of the noise; 0 where it does not."""
        self._uncertain_chunks = 0 if probability >= _CERTAIN else self._uncertain_chunks + 1
        needed_db = _MIN_EXCESS_DB - _CERTAINTY_DB * probability
        if chunk.excess_db >= needed_db:
            self._fading_chunks = 0
            return self._less_hesitant(probability, chunk.excess_db)
        self._fading_chunks += 1
        fading = self._fading_chunks <= _FADING_CHUNKS and chunk.excess_db >= needed_db - _FADING_DB
        return probability if fading else 0.0

    def _less_hesitant(self, probability: float, excess_db: float) -> float:
        """More where silero hesitates, and has for long, over what stands out of the noise markedly."""
        marked = _MARKED_EXCESS_DB <= excess_db < np.inf  # inf: the noise isn't known yet
        if not marked or probability < _HESITANT or self._uncertain_chunks <= _CERTAIN_HOLD_CHUNKS:
            return probability
        return probability + (0.5 - _HESITANT) * (1 - probability) / (1 - _HESITANT)


class _Ear:
    """One silero, which computes nothing until it is asked.

    Of what it was spared it then hears the latest `_CATCH_UP_CHUNKS`, as if they followed on what it heard
    last: begun anew instead it finds less on real meetings, and kept going all the time no more.
    """

    def __init__(self) -> None:
        self._silero = Silero()
        self._spared: deque[NDArray[np.float32]] = deque(maxlen=_CATCH_UP_CHUNKS)

    def reset(self) -> None:
        """Forget everything."""
        self._silero.reset()
        self._spared.clear()

    def judge(self, sounds: Sequence[NDArray[np.float32]], asked: Sequence[bool]) -> list[float]:
        """Take in the next chunks, float32 [CHUNK_SAMPLES] each.

        Returns:
            How likely each holds speech; 0 of those that were not asked about.
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
        probabilities = self._silero.hear(heard) if heard else []
        return [0.0 if place is None else probabilities[place] for place in at]


class _Chunk(NamedTuple):
    """Sound on its way to be judged; `awake` where webrtcvad takes it for speech."""

    sound: Conditioned
    excess_db: float
    awake: bool
