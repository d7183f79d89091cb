"""The interfaces of recognisers."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from models.whisper.word import Word
from streamer.errors import InputError, RunError
from streamer.settings.language import primary


@dataclass(frozen=True, slots=True)
class Transcript:
    """The words of one turn.

    Attributes:
        text: the words, "" if there are none (a laugh, noise).
        language: BCP 47 code of the language, if the recogniser detects it.
        recogniser: name of the recogniser, if another one than the called one recognised the words.
        confidence: geometric mean of the probabilities of the words' tokens, if the recogniser tells it.
        translation: the words in English, if asked for and spoken in another language.
        words: the words with their times, if asked for.
    """

    text: str
    language: str | None = None
    recogniser: str | None = None
    confidence: float | None = None
    translation: str | None = None
    words: tuple[Word, ...] = ()

    def words_in(self, languages: Collection[str]) -> str:
        """What was said or its translation, in one of these languages (codes); "" if it is in none of them.

        A language that is not known is taken for one of them.
        """
        if self.translation and "en" in languages:
            return self.translation
        return self.text if self.language is None or primary(self.language) in languages else ""


@dataclass(frozen=True, slots=True, eq=False)
class RecognitionRequest:
    """A turn to recognise.

    Attributes:
        audio: int16 [n], mono, 16 kHz.
        language: BCP 47 code of the spoken language; None for the recogniser's setting.
        translate: whether the English translation is wanted too.
        word_times: whether the times of the words are wanted too.
        is_open: whether the turn goes on, and will be recognised again at its end: fast matters more than
            exact. It may end in the middle of a word.
    """

    audio: NDArray[np.int16]
    language: str | None = None
    translate: bool = False
    word_times: bool = False
    is_open: bool = False


class Unanswered(RunError):
    """A remote recogniser can be reached, but its answer is invalid."""


class UnknownLanguage(InputError):
    """A recogniser does not recognise a language."""


class Transcriber(Protocol):
    """Recognises the words of turns."""

    @property
    def name(self) -> str:
        """The name in events, such as "faster-whisper:tiny.en"."""
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

    def listen(self, before: Listening | None, language: str | None = None) -> Listening | None:
        """Begin a turn. Does not block.

        Args:
            before: the `Listening` of the channel's turn before: level and microphone are assumed to be the
                same.
            language: BCP 47 code of what is spoken, given only to a `MultilingualTranscriber`.

        Returns:
            None if it cannot process further turns at once; transcribe the turn at its end.
        """
        ...


@runtime_checkable
class MultilingualTranscriber(Transcriber, Protocol):
    """A recogniser that is told what language is spoken; if it listens, then, too."""

    @property
    def languages(self) -> Collection[str] | None:
        """Codes of the languages that it recognises, without regions; None if they are not known."""
        ...

    def transcribe(self, audio: NDArray[np.int16], language: str | None = None) -> Transcript:
        """Recognise one turn, in a language (BCP 47) or the recogniser's setting."""
        ...


@runtime_checkable
class BatchTranscriber(Transcriber, Protocol):
    """A recogniser that recognises turns of several streams together, and open turns as far as they go."""

    def transcribe_together(self, turns: Sequence[RecognitionRequest]) -> list[Transcript]:
        """Recognise turns; blocking, like `transcribe`, and never at the same time.

        Returns:
            A transcript for each, in order.

        Raises:
            RunError: it failed; an open turn will be recognised at its end.
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
    """A recogniser that holds connections."""

    def close(self) -> None:
        """Release them; no further calls follow."""
        ...


def transcribe_one(transcriber: Transcriber, turn: RecognitionRequest) -> Transcript:
    """Recognise one turn with any recogniser, which is told the language if it can be.

    Raises:
        RunError: it failed.
    """
    if isinstance(transcriber, MultilingualTranscriber):
        return transcriber.transcribe(turn.audio, turn.language)
    return transcriber.transcribe(turn.audio)
