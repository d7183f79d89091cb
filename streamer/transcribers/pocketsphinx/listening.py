"""A turn that pocketsphinx decodes while it is spoken."""

import json

import numpy as np
from numpy.typing import NDArray

from streamer.audio.frame import SAMPLE_RATE
from streamer.transcribers.base import Transcript
from streamer.transcribers.no_speech import Word, believed, spoken
from streamer.transcribers.pocketsphinx import worker
from streamer.transcribers.pocketsphinx.process import SphinxProcess, SphinxProcesses

HEAD = SAMPLE_RATE
"""Sound of a turn before decoding begins, to estimate noise and cepstral mean: with 0.6 s, the word errors
increase by half."""

BLOCK = SAMPLE_RATE // 10
"""Samples decoded at a time, so that the words do not depend on the pieces in which sound arrives."""

PEAK = 0.5
"""The gain brings the peak of the turn's beginning to this; the rest may be twice as loud."""

SOFTEST, LOUDEST = 0.05, 1.5
"""While the peaks of a channel's turns stay within these, gain and cepstral mean are kept."""

FULL_SCALE = 32767


class SphinxListening:
    """One turn (see `Listening`). At each pause an utterance ends; the turn may continue with the next.

    Args:
        process: the borrowed decoder.
        processes: receives the decoder back.
        before: the `Listening` of the turn before.
    """

    def __init__(
        self, process: SphinxProcess, processes: SphinxProcesses, before: "SphinxListening | None"
    ) -> None:
        self._process: SphinxProcess | None = process
        self._processes = processes
        self.gain: float | None = None if before is None else before.gain
        self.mean: list[float] | None = None if before is None else before.mean
        self._offset: float | None = None  # DC offset, once decoding has begun
        self._held = np.zeros(0, np.int16)  # not decoded yet
        self._decoded = 0  # decoded samples of all utterances
        self._utterance = 0  # start of the open utterance
        self._words: list[Word] = []  # of ended utterances
        self._text = ""  # of the open utterance

    @property
    def pid(self) -> int | None:
        """The decoder's process id; None after the decoder was given back."""
        return None if self._process is None else self._process.pid

    def hear(self, samples: NDArray[np.int16]) -> str:
        """Process the next sound (see `Listening`).

        Raises:
            RunError: the decoder failed.
        """
        self._held = np.concatenate([self._held, samples])
        if self._offset is not None or len(self._held) >= HEAD:
            self._decode(len(self._held) // BLOCK * BLOCK)
        return " ".join([*(word.text for word in self._words), *spoken(self._text.split())])

    def finish(self, audio: NDArray[np.int16]) -> Transcript:
        """The words if the turn ends here (see `Listening`); empty if they cannot be speech.

        Raises:
            RunError: the decoder failed.
        """
        self._decode(len(self._held))
        if self._offset is None:  # nothing was decoded: the process still has another turn's state
            return Transcript("")
        reply = self._ask(worker.END)
        self._words += words_of(reply, after_s=self._utterance / SAMPLE_RATE)
        self.mean = reply["mean"] or self.mean
        self._utterance, self._text = self._decoded, ""
        end_s = len(audio) / SAMPLE_RATE
        return believed([word for word in self._words if word.start_s + word.end_s < 2 * end_s], audio)

    def close(self) -> None:
        """Give the decoder back."""
        if self._process is not None:
            self._processes.give_back(self._process)
            self._process = None

    def _decode(self, count: int) -> None:
        sound, self._held = self._held[:count], self._held[count:]
        if not len(sound):
            return
        begins = self._offset is None
        if begins:
            self._adjust(sound)
        loud = (sound - (self._offset or 0.0)) * (self.gain or 1.0)
        content = np.clip(np.round(loud), -FULL_SCALE, FULL_SCALE).astype(np.int16).tobytes()
        if begins:
            self._ask(worker.RECALL, json.dumps(self.mean).encode())
        reply = self._ask(worker.BEGIN if begins else worker.GO_ON, content)
        self._text = reply["text"]
        self._decoded += count

    def _adjust(self, head: NDArray[np.int16]) -> None:
        """Choose offset and gain of the turn; a change of gain resets the cepstral mean."""
        self._offset = float(np.mean(head))
        peak = max(float(np.abs(head - self._offset).max()), 1.0) / FULL_SCALE
        if self.gain is None or not SOFTEST <= peak * self.gain <= LOUDEST:
            self.gain, self.mean = PEAK / peak, None

    def _ask(self, operation: bytes, content: bytes = b"") -> "worker.Reply":
        if self._process is None:
            raise RuntimeError("this turn is no longer listened to")
        return self._process.ask(operation, content)


def words_of(reply: "worker.Reply", after_s: float = 0.0) -> list[Word]:
    """The words and times of an ended utterance that began at `after_s`."""
    frame_s = 0.01
    return [
        Word(text, after_s + first * frame_s, after_s + (last + 1) * frame_s)
        for token, first, last in reply["words"]
        for text in spoken([token])
    ]
