"""The interfaces of recognisers."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from streamer.errors import RunError


@dataclass(frozen=True, slots=True)
class Transcript:
    """The words of one turn.

    Attributes:
        text: the words, "" if there are none (a laugh, noise).
        language: BCP 47 code of the language, if the recogniser detects it.
        recogniser: name of the recogniser, if another one than the called one recognised the words.
    """

    text: str
    language: str | None = None
    recogniser: str | None = None


class Unanswered(RunError):
    """A remote recogniser can be reached, but its answer is invalid."""


class Transcriber(Protocol):
    """Recognises the words of turns."""

    @property
    def name(self) -> str:
        """The name in events, such as "pocketsphinx" or "faster-whisper:base.en"."""
        ...

    def transcribe(self, audio: NDArray[np.int16]) -> Transcript:
        """Recognise one turn.

        Blocking: call it from a worker thread, one call at a time.

        Args:
            audio: int16 [n], mono, 16 kHz.

        Returns:
            The words; an empty text if there are none.

        Raises:
            RunError: it failed, and the session must end.
        """
        ...


class Listening(Protocol):
    """One turn, recognised while it is being spoken. Blocking: one call at a time, from any thread."""

    def hear(self, samples: NDArray[np.int16]) -> str:
        """Process the next sound of the turn.

        Args:
            samples: int16 [n], mono, 16 kHz, any n.

        Returns:
            The words so far, which may still change; "" if there are none yet.

        Raises:
            RunError: this turn cannot be recognised while it is spoken; transcribe it at its end.
        """
        ...

    def finish(self, audio: NDArray[np.int16]) -> Transcript:
        """The words of the turn if it ends here; `hear` may still continue the turn.

        Args:
            audio: the turn, int16 [n]; `hear` may have got a little more sound.
        """
        ...

    def close(self) -> None:
        """Release all resources."""
        ...


@runtime_checkable
class ListeningTranscriber(Transcriber, Protocol):
    """A recogniser that can also recognise turns while they are spoken, several at once."""

    def listen(self, before: Listening | None) -> Listening | None:
        """Begin a turn. Does not block.

        Args:
            before: the `Listening` of the channel's turn before: level and microphone are assumed to be the
                same.

        Returns:
            None if it cannot process further turns at once; transcribe the turn at its end.
        """
        ...


@runtime_checkable
class InterimTranscriber(Transcriber, Protocol):
    """A recogniser that cannot stream, but can recognise an open turn's words so far."""

    def interim(self, audio: NDArray[np.int16]) -> Transcript:
        """Recognise a turn so far: fast rather than exact, since it will be recognised again.

        Blocking, like `transcribe`, and never at the same time.

        Args:
            audio: int16 [n], mono, 16 kHz; it may end in the middle of a word.

        Raises:
            RunError: it failed; the turn will be transcribed at its end.
        """
        ...


@runtime_checkable
class WatchedTranscriber(Transcriber, Protocol):
    """A recogniser whose faults do not end the session."""

    @property
    def trouble(self) -> str | None:
        """The fault, in one line without addresses, or None."""
        ...


@runtime_checkable
class ClosingTranscriber(Transcriber, Protocol):
    """A recogniser that holds processes or connections."""

    def close(self) -> None:
        """Release them; no further calls follow."""
        ...
