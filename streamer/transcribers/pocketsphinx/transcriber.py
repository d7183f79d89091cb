"""CMU PocketSphinx with the English model it carries: the embedded default, always at hand."""

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
"""Every turn is brought to this peak: the acoustic model knows recordings at a microphone's usual level."""

LISTENERS_A_CORE = 8
"""A decoder takes about an eighth of the time that the speech takes."""


class PocketSphinx:
    """Recognise English with pocketsphinx 5, in processes of its own.

    Turns are heard while they are spoken where the caller has them so (`listen`): then little is left to do
    when they are over. The words are nearly those of `transcribe`, which knows level and noise of the whole
    turn from its start.
    """

    def __init__(self) -> None:
        self._processes = SphinxProcesses(limit=LISTENERS_A_CORE * cores())
        self._did_well = False  # with some turn

    @property
    def name(self) -> str:
        """Always "pocketsphinx"."""
        return "pocketsphinx"

    def transcribe(self, audio: NDArray[np.int16]) -> Transcript:
        """Recognise one turn; nothing is carried over from the turns before.

        Args:
            audio: int16 [n], mono, 16 kHz.

        Returns:
            Lower-case words; an empty text where what was decoded is not believable as speech, and where two
            decoders failed with this turn (which is logged) that did well with others.

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
        """Begin with a turn (see `ListeningTranscriber`)."""
        try:
            process = self._processes.borrow()
        except RunError:
            return None  # whether none can be had is seen when the turn is over
        if process is None:
            return None
        before = before if isinstance(before, SphinxListening) else None
        return SphinxListening(process, self._processes, before)

    def close(self) -> None:
        """End the processes; those that still listen, when they are done."""
        self._processes.close()
