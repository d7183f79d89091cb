"""How likely each 32 ms of sound holds speech: silero-vad, woken by webrtcvad."""

import math
from collections import deque
from typing import NamedTuple, Protocol

import numpy as np
import webrtcvad
from numpy.typing import NDArray

from streamer.audio.frame import SAMPLE_RATE
from streamer.noise_floor import NoiseFloor
from streamer.silero import SileroVoiceActivityDetector

CHUNK_SAMPLES = 512
"""Samples silero judges at a time (32 ms)."""

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

_LOWEST, _HIGHEST = np.float32(-1), np.float32(1)


class VoiceActivity(Protocol):
    """Judges consecutive chunks of `CHUNK_SAMPLES`."""

    def feed(self, chunk: NDArray[np.int16], keep_open: bool) -> list[float]:
        """Judge one more chunk.

        Args:
            chunk: int16 [CHUNK_SAMPLES].
            keep_open: answer at once, as when a turn is going on.

        Returns:
            Probabilities of speech, one for each chunk fed, in order; those of the latest chunks may come
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
        self._waiting: deque[_Chunk] = deque()
        self._quiet_chunks = 0
        self._fading_chunks = _FADING_CHUNKS
        self._unamplified_chunks = 0
        self._open = False

    def feed(self, chunk: NDArray[np.int16], keep_open: bool) -> list[float]:
        """As in `VoiceActivity`."""
        sound = self._conditioner.condition(chunk)
        heard = (sound.amplified[:_WEBRTC_SAMPLES] * 32767).astype(np.int16).tobytes()
        if self._webrtc.is_speech(heard, SAMPLE_RATE):
            self._quiet_chunks = 0
        else:
            self._quiet_chunks += 1
        was_open = self._open
        self._open = (
            keep_open or self._quiet_chunks == 0 or (was_open and self._quiet_chunks < _GATE_HOLD_CHUNKS)
        )

        self._waiting.append(_Chunk(sound, self._noise.excess_db(chunk)))
        if not self._open:
            if len(self._waiting) <= REPLAY_CHUNKS:
                return []
            self._waiting.popleft()
            return [0.0]
        if not was_open:
            self._reset_ears()
        probabilities = [self._probability(waiting) for waiting in self._waiting]
        self._waiting.clear()
        return probabilities

    def _reset_ears(self) -> None:
        self._plain.reset()
        self._amplified.reset()

    def _probability(self, chunk: "_Chunk") -> float:
        sound, excess_db = chunk
        if sound.gain >= _MARKED_GAIN:
            self._unamplified_chunks = 0
        else:
            self._unamplified_chunks += 1
        self._plain.take_in(sound.plain)
        self._amplified.take_in(sound.amplified)
        if excess_db < _HOPELESS_DB:
            self._fading_chunks += 1
            return 0.0
        probability = self._plain.judge()
        if probability < _CERTAIN and self._unamplified_chunks < _AMPLIFIED_HOLD_CHUNKS:
            probability = max(probability, self._amplified.judge())
        needed_db = _MIN_EXCESS_DB - _CERTAINTY_DB * probability
        if excess_db >= needed_db:
            self._fading_chunks = 0
            return probability
        self._fading_chunks += 1
        fading = self._fading_chunks <= _FADING_CHUNKS and excess_db >= needed_db - _FADING_DB
        return probability if fading else 0.0


class _Ear:
    """One silero, which computes nothing until it is asked.

    Of what it was spared it then hears the latest `_CATCH_UP_CHUNKS`, as if they followed on what it heard
    last: begun anew instead it finds less on real meetings, and kept going all the time no more.
    """

    def __init__(self) -> None:
        self._silero = SileroVoiceActivityDetector()
        self._unheard: deque[NDArray[np.float32]] = deque(maxlen=_CATCH_UP_CHUNKS + 1)

    def reset(self) -> None:
        """Forget everything."""
        self._silero.reset()
        self._unheard.clear()

    def take_in(self, sound: NDArray[np.float32]) -> None:
        """Take in the next chunk, float32 [CHUNK_SAMPLES]."""
        self._unheard.append(sound)

    def judge(self) -> float:
        """How likely the chunk taken in last holds speech."""
        probabilities = [self._silero.process_samples(sound.tolist()) for sound in self._unheard]
        self._unheard.clear()
        return float(probabilities[-1])


class Conditioned(NamedTuple):
    """Sound made ready for voice activity detection.

    Attributes:
        plain: float32 [n] in -1..1, without DC.
        amplified: the same, amplified.
        gain: by how much, at least 1.
    """

    plain: NDArray[np.float32]
    amplified: NDArray[np.float32]
    gain: float


class _Chunk(NamedTuple):
    """Sound on its way to be judged."""

    sound: Conditioned
    excess_db: float


class InputConditioner:
    """Takes out a slowly moving DC offset, and lifts faint sound into the range the models know.

    Only for the ears of the voice activity detector. The gain never exceeds `MAX_GAIN` (24 dB), falls at once
    when it gets louder and rises by 6 dB a second; what is loud already stays as it is.
    """

    TARGET_RMS = 1500 / 32768
    MAX_GAIN = 16.0
    _RELEASE = 10 ** (-6 / 20 * CHUNK_SAMPLES / SAMPLE_RATE)
    _DC_ADAPTATION = 0.05

    def __init__(self) -> None:
        self._dc: float | None = None
        self._level = 0.0

    def condition(self, chunk: NDArray[np.int16]) -> Conditioned:
        """Take in int16 [n]."""
        sound = chunk * np.float32(1 / 32768)
        mean = float(np.add.reduce(sound)) / len(sound)
        self._dc = mean if self._dc is None else self._dc + self._DC_ADAPTATION * (mean - self._dc)
        sound -= np.float32(self._dc)
        rms = math.sqrt(float(np.dot(sound, sound)) / len(sound))
        self._level = max(rms, self._level * self._RELEASE)
        gain = max(1.0, min(self.MAX_GAIN, self.TARGET_RMS / max(self._level, 1e-9)))
        plain = _clipped(sound)
        return Conditioned(plain, plain if gain == 1 else _clipped(sound * np.float32(gain)), gain)


def _clipped(sound: NDArray[np.float32]) -> NDArray[np.float32]:
    """To -1..1; ufuncs of two arguments take a third of `clip`'s time on so little."""
    clipped: NDArray[np.float32] = np.minimum(np.maximum(sound, _LOWEST), _HIGHEST)
    return clipped
