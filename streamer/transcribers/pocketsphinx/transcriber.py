"""CMU PocketSphinx with its English model: the embedded default, always available."""

import logging

import numpy as np
from numpy.typing import NDArray

from streamer.errors import RunError
from streamer.machine.cores import cores
from streamer.transcribers.base import Listening, Transcript
from streamer.transcribers.no_speech import believed, can_hold_words
from streamer.transcribers.pocketsphinx import worker
from streamer.transcribers.pocketsphinx.listening import SphinxListening, words_of
from streamer.transcribers.pocketsphinx.process import DecoderError, SphinxProcesses

_log = logging.getLogger(__name__)

PEAK = 0.9
"""Peak to which every turn is normalised: the level of the acoustic model's training recordings."""

LISTENERS_A_CORE = 8
"""Turns that a core decodes while they are spoken: decoding takes an eighth of their duration."""


class PocketSphinx:
    """Recognise English with pocketsphinx 5, in separate processes.

    With `listen`, turns are recognised while they are spoken, and little is left to do at their end. The
    words are nearly those of `transcribe`, which knows level and noise of the whole turn.
    """

    def __init__(self) -> None:
        self._processes = SphinxProcesses(limit=LISTENERS_A_CORE * cores())
        self._did_well = False  # with at least one turn

    @property
    def name(self) -> str:
        """Always "pocketsphinx"."""
        return "pocketsphinx"

    def transcribe(self, audio: NDArray[np.int16]) -> Transcript:
        """Recognise one turn, independent of the turns before.

        Args:
            audio: int16 [n], mono, 16 kHz.

        Returns:
            Lower-case words; an empty text if they cannot be speech, or if two decoders failed with this turn
            (which is logged) after success with others.

        Raises:
            RunError: decoders cannot be started, or fail with every turn.
        """
        if not can_hold_words(audio):
            return Transcript("")
        sound = audio - np.mean(audio)  # float64 [n], without DC offset
        loud = np.round(sound * (PEAK * 32767 / np.abs(sound).max())).astype(np.int16)
        try:
            reply = self._decode(loud.tobytes())
        except DecoderError as error:
            _log.warning("%s; the turn is decoded once more", error)
            try:
                reply = self._decode(loud.tobytes())
            except DecoderError as again:
                if not self._did_well:
                    raise
                _log.warning("%s; the turn stays without words", again)
                return Transcript("")
        return believed(words_of(reply), audio)

    def _decode(self, sound: bytes) -> worker.Reply:
        process = self._processes.borrow(at_any_rate=True)
        try:
            reply = process.ask(worker.WHOLE, sound)
            self._did_well = True
            return reply
        finally:
            self._processes.give_back(process)

    def listen(self, before: Listening | None) -> SphinxListening | None:
        """Begin a turn (see `ListeningTranscriber`)."""
        try:
            process = self._processes.borrow()
        except RunError:
            return None  # a persistent failure shows at the end of the turn
        if process is None:
            return None
        before = before if isinstance(before, SphinxListening) else None
        return SphinxListening(process, self._processes, before)

    def close(self) -> None:
        """End the processes; those in use, when they are done."""
        self._processes.close()
