"""Divides sound into turns: a synchronous state machine over frames, with the sample count as its clock."""

from collections import deque
from collections.abc import Iterable
from enum import Enum, auto

import numpy as np
from numpy.typing import NDArray

from streamer.audio.frame import SAMPLE_RATE, AudioFrame, AudioGap
from streamer.audio.ring import SampleRing
from streamer.settings.turns import TurnSettings
from streamer.turns.turn import (
    Turn,
    TurnEnded,
    TurnEnding,
    TurnEvent,
    TurnPaused,
    TurnReopened,
    TurnResumed,
    TurnStarted,
)
from streamer.turns.vad import CHUNK_SAMPLES, GatedSilero, VoiceActivity

_MS = SAMPLE_RATE // 1000

_ONSET_PATIENCE = 256 * _MS
"""A possible start without clear speech for this long is dropped; and a turn starts at most this long before
its first clear speech."""

_SPLIT_MARGIN = 500 * _MS
"""Least speech in the second piece of a split turn."""

_SPLIT_WINDOW_CHUNKS = 4
"""Loudness is averaged over this many chunks (128 ms), longer than most closures of stop consonants."""

_TAKEN_IN_AT_A_TIME = 16 * CHUNK_SAMPLES
"""Longer frames are processed in pieces."""


class TurnState(Enum):
    """quiet -> starting -> speaking <-> paused -> quiet; or starting -> quiet.

    A turn that starts soon after another opens that one again: if its sentence was not finished, or if it was
    ended early because it seemed to be, and the silence has not been the usual one.
    """

    QUIET = auto()
    STARTING = auto()
    """Possible speech, before `TurnStarted`."""
    SPEAKING = auto()
    PAUSED = auto()
    """A turn that may have ended."""


class TurnDetector:
    """Finds the turns of one channel (see `TurnState`). Its memory is bounded by the longest turn.

    What sound is taken in by returns what happened, in order.

    Args:
        settings: thresholds and durations.
        channel: number of the channel.
        activity: the voice activity detector; by default silero gated by webrtcvad.
    """

    def __init__(
        self, settings: TurnSettings | None = None, channel: int = 0, activity: VoiceActivity | None = None
    ) -> None:
        self.settings = settings or TurnSettings()
        self.channel = channel
        self._activity = activity or GatedSilero(self.settings.webrtc_level)
        s = self.settings
        self._max_turn = int(s.max_turn_s * SAMPLE_RATE)
        self._min_speech, self._pause, self._preroll, self._postroll, self._reopen = (
            ms * _MS for ms in (s.min_speech_ms, s.pause_ms, s.preroll_ms, s.postroll_ms, s.reopen_ms)
        )
        shortest, usual, longest = (ms * _MS for ms in s.silences_ms)
        self._silences = {True: shortest, None: usual, False: longest}  # by whether the sentence is finished
        self._ring = SampleRing(self._max_turn + self._preroll + longest + self._reopen + 2 * SAMPLE_RATE)
        self._judged = 0  # end of the samples with known speech probabilities
        self._fed = 0  # end of the chunks passed to the activity detector
        self._taken = 0  # end of the sound of earlier turns
        self._state = TurnState.QUIET
        # in the states starting, speaking and paused:
        self._onset = 0  # start of the turn
        self._voiced_end = 0  # end of the last chunk that may be speech
        self._clear_end = 0  # end of the last chunk that is clearly speech
        self._clear = 0  # samples of clear speech
        self._levels: deque[float] = deque()  # mean squares of the chunks since _onset
        self._patience = 0  # silence that ends the turn
        self._unfinished = False  # whether the words say that the sentence goes on
        # of the latest turn: until when it may go on, its start, and `_taken` before it
        self._reopenable: tuple[int, int, int] | None = None

    def feed(self, frame: AudioFrame) -> list[TurnEvent]:
        """Process the next frame.

        Frames may have any length and need not be contiguous: missing samples count as a gap.

        Raises:
            ValueError: the frame is of another channel, or starts before the last one ended.
        """
        return self._catch_up_with(frame) + self._take_in(frame.samples)

    def accept(self, frame: AudioFrame) -> list[TurnEvent]:
        """The first half of `feed`: the caller then passes probabilities of `unjudged` to `conclude`.

        Returns:
            The turn events before the frame.
        """
        events = self._catch_up_with(frame)
        self._ring.append(frame.samples)
        return events

    def unjudged(self) -> NDArray[np.int16]:
        """The chunks that need speech probabilities next, int16 [k, CHUNK_SAMPLES]; k may be 0."""
        chunks = self._ring.read(self._fed, self._ring.stop - (self._ring.stop - self._fed) % CHUNK_SAMPLES)
        self._fed += len(chunks)
        return chunks.reshape(-1, CHUNK_SAMPLES)

    @property
    def in_turn(self) -> bool:
        """Whether a turn is open or may be starting: chunks then need probabilities at once."""
        return self._state is not TurnState.QUIET

    @property
    def hears_voice(self) -> bool:
        """Whether a turn is open, and the latest chunk may be speech."""
        return self._state is TurnState.SPEAKING and self._judged - self._voiced_end < CHUNK_SAMPLES

    def conclude(self, probabilities: Iterable[float]) -> list[TurnEvent]:
        """Process the speech probabilities of the chunks, in order."""
        events: list[TurnEvent] = []
        for probability in probabilities:
            start, self._judged = self._judged, self._judged + CHUNK_SAMPLES
            events += self._step(probability, start, min(self._judged, self._ring.stop))
        return events

    def gap(self, gap: AudioGap) -> list[TurnEvent]:
        """Process a gap: up to the length of a pause it counts as silence; a longer one ends a turn."""
        stop = gap.start + gap.length
        if stop <= self._ring.stop:
            return []
        if stop - self._ring.stop <= self._pause:
            return self._take_in(np.zeros(stop - self._ring.stop, np.int16))
        events = self._finish("gap")
        self._ring.restart(stop)
        self._judged = self._fed = self._taken = stop
        return events

    def hint(self, finished: bool | None) -> None:
        """Take into account whether the last sentence of the pausing turn is finished, at any time.

        It changes the silence that ends the turn, from the next frame until the speech resumes or the turn
        ends; the turn itself stays the same. While no turn pauses, it has no effect.

        Args:
            finished: of the turn of the latest `TurnPaused`; None if it is not known.
        """
        if self._state is TurnState.PAUSED:
            self._patience = self._silences[finished]
            self._unfinished = finished is False

    def sound(self, since: int = 0) -> tuple[int, NDArray[np.int16]]:
        """The sound so far of the open turn, with the same start as the later `Turn.audio`.

        Args:
            since: sample index; earlier samples are left out.

        Returns:
            Index of the first sample, and int16 [n]; empty without an open turn.
        """
        stop = self._ring.stop
        if not self._has_begun:
            return stop, self._ring.read(stop, stop)
        start = min(max(self._audio_start(self._onset), since), stop)
        return start, self._ring.read(start, stop)

    @property
    def _has_begun(self) -> bool:
        return self._state in (TurnState.SPEAKING, TurnState.PAUSED)

    def flush(self) -> list[TurnEvent]:
        """End the stream, and with it an open turn."""
        return self._finish("end of stream")

    def _catch_up_with(self, frame: AudioFrame) -> list[TurnEvent]:
        """Check that a frame is the next one; missing samples before it are a gap."""
        if frame.channel != self.channel:
            raise ValueError(f"a frame of channel {frame.channel} was fed to channel {self.channel}")
        if frame.start < self._ring.stop:
            raise ValueError(
                f"a frame starts at {frame.start}, before the last one ended at {self._ring.stop}"
            )
        if frame.start == self._ring.stop:
            return []
        return self.gap(AudioGap(self._ring.stop, frame.start - self._ring.stop, "missing frames"))

    def _take_in(self, samples: NDArray[np.int16]) -> list[TurnEvent]:
        events: list[TurnEvent] = []
        for at in range(0, len(samples), _TAKEN_IN_AT_A_TIME):
            self._ring.append(samples[at : at + _TAKEN_IN_AT_A_TIME])
            if len(chunks := self.unjudged()):
                events += self.conclude(self._activity.judge(chunks, self.in_turn))
        return events

    def _finish(self, reason: TurnEnding) -> list[TurnEvent]:
        """Process the remaining sound, end an open turn, and reset."""
        events: list[TurnEvent] = []
        rest = self._ring.read(self._fed, self._ring.stop)
        if len(rest):
            last = np.pad(rest, (0, CHUNK_SAMPLES - len(rest)))[None]
            events += self.conclude(self._activity.judge(last, self.in_turn))
        if self._has_begun:
            events.append(self._end(self._ring.stop, reason))
        self._reopenable = None
        self._state = TurnState.QUIET
        self._activity.reset()
        self._judged = self._fed = self._ring.stop
        return events

    def _step(self, probability: float, start: int, end: int) -> list[TurnEvent]:
        """Process the probability that samples start..end are speech."""
        voiced = probability >= self.settings.stop_threshold
        if self._state is TurnState.QUIET:
            if not voiced:
                return []
            self._state = TurnState.STARTING
            self._onset = self._clear_end = start
            self._clear = 0
            self._levels.clear()
        if voiced:
            self._voiced_end = end
        if probability >= self.settings.start_threshold:
            self._clear_end = end
            self._clear += end - start
        chunk = self._ring.read(start, end).astype(np.float32)
        self._levels.append(float(np.dot(chunk, chunk)))
        if self._state is TurnState.STARTING:
            return self._perhaps_start(end)
        return self._go_on(voiced, end)

    def _perhaps_start(self, end: int) -> list[TurnEvent]:
        if self._clear >= self._min_speech:
            self._state = TurnState.SPEAKING
            if self._reopens(end):
                return [TurnReopened(self.channel, self._onset)]
            return [TurnStarted(self.channel, self._onset)]
        if end - self._clear_end >= _ONSET_PATIENCE:
            if self._clear or self._voiced_end < end:
                self._state = TurnState.QUIET
            else:  # faint speech that may become clear: the onset moves with it
                self._onset += CHUNK_SAMPLES
                self._clear_end += CHUNK_SAMPLES
                self._levels.popleft()
        return []

    def _reopens(self, end: int) -> bool:
        """Open the latest turn again if speech goes on soon after its end, and there is room."""
        reopenable, self._reopenable = self._reopenable, None
        if reopenable is None:
            return False
        until, onset, taken = reopenable
        if self._onset >= until or end - onset >= self._max_turn:
            return False
        self._onset, self._taken = onset, taken
        chunks = self._ring.read(onset, end).astype(np.float32).reshape(-1, CHUNK_SAMPLES)
        self._levels = deque(np.square(chunks).sum(axis=1).tolist())
        return True

    def _go_on(self, voiced: bool, end: int) -> list[TurnEvent]:
        events: list[TurnEvent] = []
        if voiced and self._state is TurnState.PAUSED:
            self._state = TurnState.SPEAKING
            events.append(TurnResumed(self.channel, self._onset))
        silence = end - self._voiced_end
        too_long = end - self._onset >= self._max_turn
        if silence >= self._pause and not too_long and self._state is TurnState.SPEAKING:
            self._state = TurnState.PAUSED
            self._patience = self._silences[None]
            self._unfinished = False
            events.append(TurnPaused(self._turn(self._speech_end(), end, "silence")))
        if silence >= self._patience and self._state is TurnState.PAUSED:
            usual = self._voiced_end + self._silences[None]
            until = end + self._reopen if self._unfinished else min(usual, end + self._reopen)
            self._reopenable = (until, self._onset, self._taken)
            events.append(self._end(end, "silence"))
            self._state = TurnState.QUIET
        elif too_long:
            events += self._split(end)
        return events

    def _split(self, end: int) -> list[TurnEvent]:
        """End the turn at the quietest point of its second half, and start the next one there."""
        levels = np.array(self._levels)
        quiet = np.convolve(levels, np.ones(_SPLIT_WINDOW_CHUNKS), "same")  # around the start of each chunk
        first = len(quiet) // 2
        last = (self._speech_end() - self._onset - _SPLIT_MARGIN) // CHUNK_SAMPLES
        cut_chunk = first + int(np.argmin(quiet[first : max(last, first + 1)]))
        cut = self._onset + cut_chunk * CHUNK_SAMPLES
        events: list[TurnEvent] = [TurnEnded(self._turn(cut, end, "split", postroll=0))]
        self._taken = self._onset = cut
        self._state = TurnState.SPEAKING
        self._levels = deque(levels[cut_chunk:].tolist())
        return [*events, TurnStarted(self.channel, cut)]

    def _speech_end(self) -> int:
        """The end of the last clear speech; an echo or a breath after it only delays the end of the turn."""
        return self._clear_end if self._clear_end > self._onset else self._voiced_end

    def _end(self, declared: int, reason: TurnEnding) -> TurnEnded:
        turn = self._turn(self._speech_end(), declared, reason)
        self._taken = turn.audio_start + len(turn.audio)
        return TurnEnded(turn)

    def _turn(self, end: int, declared: int, reason: TurnEnding, postroll: int | None = None) -> Turn:
        audio_start = self._audio_start(self._onset)
        audio_end = min(end + (self._postroll if postroll is None else postroll), self._ring.stop)
        audio = self._ring.read(audio_start, audio_end)
        return Turn(self.channel, self._onset, end, audio, audio_start, declared, reason)

    def _audio_start(self, onset: int) -> int:
        return max(onset - self._preroll, self._taken, self._ring.start)
