"""The small interfaces behind which recognisers stand."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from streamer.errors import RunError


@dataclass(frozen=True, slots=True)
class Transcript:
    """The words of one turn.

    Attributes:
        text: the words, "" where there are none (a laugh, noise).
        language: BCP 47 code of the language, where the recogniser knows it.
        recogniser: name of the recogniser whose words they are, where that is not the one that was asked.
    """

    text: str
    language: str | None = None
    recogniser: str | None = None


class Unanswered(RunError):
    """A remote recogniser says something that is no answer: that it is there will not do."""


class Transcriber(Protocol):
    """Turns the sound of one turn into words."""

    @property
    def name(self) -> str:
        """As published in events: "pocketsphinx", "faster-whisper:base.en"."""
        ...

    def transcribe(self, audio: NDArray[np.int16]) -> Transcript:
        """Recognise one turn.

        Blocking: call it from a worker thread, one call at a time.

        Args:
            audio: int16 [n], mono, 16 kHz.

        Returns:
            The words; an empty text where no words are heard.

        Raises:
            RunError: it failed, and the session is to end.
        """
        ...


class Listening(Protocol):
    """One turn, recognised while it is being spoken. Blocking: one call at a time, from any thread."""

    def hear(self, samples: NDArray[np.int16]) -> str:
        """Take in what comes next of the turn.

        Args:
            samples: int16 [n], mono, 16 kHz, any n.

        Returns:
            The words so far, as they seem now; "" where there are none yet.

        Raises:
            RunError: it can't listen to this turn any more: it will be transcribed when it is over.
        """
        ...

    def finish(self, audio: NDArray[np.int16]) -> Transcript:
        """The words of the turn if it ends with what was heard. `hear` may still go on with it.

        Args:
            audio: the turn, int16 [n]; what was heard may go on a little beyond it.
        """
        ...

    def close(self) -> None:
        """Nothing more is asked: give back what it takes to listen."""
        ...


@runtime_checkable
class ListeningTranscriber(Transcriber, Protocol):
    """A recogniser that can also listen to turns as they are spoken, to several at once."""

    def listen(self, before: Listening | None) -> Listening | None:
        """Begin with a turn. Does not block.

        Args:
            before: how the turn before it was listened to, on the same channel: level and microphone are
                taken to be the same.

        Returns:
            None where it listens to as many turns as it can: have the turn transcribed when it is over.
        """
        ...


@runtime_checkable
class InterimTranscriber(Transcriber, Protocol):
    """A recogniser that does not listen, but may be asked for the words of a turn that still goes on."""

    def interim(self, audio: NDArray[np.int16]) -> Transcript:
        """Recognise what there is of a turn so far: as quickly as can be, since it will be done again.

        Blocking, like `transcribe`, and never beside it.

        Args:
            audio: int16 [n], mono, 16 kHz; it may end in the middle of a word.

        Raises:
            RunError: it failed; the turn will be transcribed when it is over.
        """
        ...


@runtime_checkable
class WatchedTranscriber(Transcriber, Protocol):
    """A recogniser that may be in trouble while the session goes on."""

    @property
    def trouble(self) -> str | None:
        """What is the matter, in one line without addresses; None while all is well."""
        ...


@runtime_checkable
class ClosingTranscriber(Transcriber, Protocol):
    """A recogniser that holds processes or connections."""

    def close(self) -> None:
        """Let go of them; nothing is asked any more."""
        ...
