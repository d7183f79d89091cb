"""A remote recogniser with a local fallback while it is unavailable."""

import logging
import threading
from collections.abc import Callable, Collection
from dataclasses import replace
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from streamer.errors import InputError, RunError
from streamer.transcribers.base import (
    ClosingTranscriber,
    Listening,
    ListeningTranscriber,
    MultilingualTranscriber,
    RecognitionRequest,
    Transcriber,
    Transcript,
    Unanswered,
    transcribe_one,
)

Result = TypeVar("Result")

_log = logging.getLogger("merits")

FIRST_RETRY_S = 1.0
LONGEST_RETRY_S = 60.0


class Remote(MultilingualTranscriber, ListeningTranscriber, ClosingTranscriber, Protocol):
    """A remote recogniser."""

    def look(self) -> None:
        """Check that it is available. Blocks for a few seconds at most.

        Raises:
            RunError: it is not.
            InputError: the server is no suitable recogniser.
        """
        ...


class Fallback:
    """Recognises with a remote recogniser, and with a spare one while that is unavailable.

    If the remote recogniser fails, the spare one recognises that turn and all following ones, until a check
    in the background finds the remote one again; the checks become rarer as long as it recognises no turn.
    Both changes are logged once. Every transcript names its recogniser.

    If the remote recogniser can be reached but gives invalid answers (`Unanswered`), or fails again before it
    has recognised a turn, it is tried with a turn now and then, and used again after it has recognised one.
    The spare one is made when it is first needed.

    Raises:
        InputError: the server is no suitable recogniser.
    """

    def __init__(
        self,
        first: Remote,
        where: str,
        make_spare: Callable[[], Transcriber],
        *,
        retry_s: float = FIRST_RETRY_S,
    ) -> None:
        self._first = first
        self._where = where
        self._make_spare = make_spare
        self._first_retry_s = self._retry_s = retry_s
        self._spare: Transcriber | None = None
        self._trouble: str | None = None
        self._outages = 0  # number of past outages
        self._proven = True  # the remote one has recognised a turn since it came back
        self._doubted = False  # reachability is not enough to use it again
        self._on_trial = False  # it is reachable, and gets the next turn
        self._changing = threading.Lock()
        self._closed = threading.Event()
        try:
            first.look()
        except RunError as error:
            self._take_over(error, 0)
        except InputError:
            first.close()
            raise

    @property
    def name(self) -> str:
        """The name of the recogniser in use."""
        return self._spare.name if self._trouble and self._spare else self._first.name

    @property
    def trouble(self) -> str | None:
        """Why the spare one is used, in one line, or None."""
        return self._trouble

    @property
    def languages(self) -> Collection[str] | None:
        """The languages of the remote recogniser."""
        return self._first.languages

    def transcribe(self, audio: NDArray[np.int16], language: str | None = None) -> Transcript:
        """Recognise one turn, int16 [n] at 16 kHz, in a language or the recogniser's setting.

        Raises:
            RunError: both failed.
        """
        if self._asks_first:
            outages = self._outages
            try:
                return self._did_well(_attempt(lambda: self._first.transcribe(audio, language)))
            except RunError as error:
                self._take_over(error, outages)
        assert self._spare is not None
        said = transcribe_one(self._spare, RecognitionRequest(audio, language))
        return replace(said, recogniser=self._spare.name)

    def listen(self, before: Listening | None, language: str | None = None) -> Listening | None:
        """Begin a turn (see `ListeningTranscriber`) with the recogniser in use."""
        if isinstance(before, _SpareListening):
            before = before.listening
        if self._asks_first:
            listening = self._first.listen(before, language)
            return None if listening is None else _FirstListening(listening, self, self._outages)
        spare = self._spare
        if not isinstance(spare, ListeningTranscriber) or (listening := spare.listen(before)) is None:
            return None
        return _SpareListening(listening, spare.name)

    def close(self) -> None:
        """End the checks, and close both."""
        self._closed.set()
        for transcriber in (self._first, self._spare):
            if isinstance(transcriber, ClosingTranscriber):
                transcriber.close()

    @property
    def _asks_first(self) -> bool:
        return self._trouble is None or self._on_trial

    def _did_well(self, said: Transcript) -> Transcript:
        self._retry_s = self._first_retry_s
        self._proven = True
        with self._changing:
            if self._on_trial:
                self._back()
        return replace(said, recogniser=self._first.name)

    def _take_over(self, error: RunError, outages: int) -> None:
        """Switch to the spare one, unless the failure belongs to an earlier outage than `outages`."""
        with self._changing:
            self._spare = self._spare or self._make_spare()
            if not self._asks_first or outages != self._outages or self._closed.is_set():
                return
            said = self._trouble is not None
            self._doubted |= isinstance(error, Unanswered) or not self._proven
            self._on_trial = False
            takes_over = f"({error}): {self._spare.name} takes over until it is back"
            self._trouble = f"the recogniser {self._first.name} failed {takes_over}"
            if not said:
                _log.warning("the recogniser %s failed %s", self._where, takes_over)
            threading.Thread(target=self._look_for_it, name="recogniser-retry", daemon=True).start()

    def _look_for_it(self) -> None:
        while not self._closed.wait(self._retry_s):
            self._retry_s = min(2 * self._retry_s, LONGEST_RETRY_S)
            try:
                _attempt(self._first.look)
            except (RunError, InputError):
                continue
            with self._changing:
                self._outages += 1
                self._proven = False
                if self._doubted:
                    self._on_trial = True
                else:
                    self._back()
            return

    def _back(self) -> None:
        self._trouble = None
        self._doubted = self._on_trial = False
        _log.warning("the recogniser %s is back: %s", self._where, self._first.name)


def _attempt(what: Callable[[], Result]) -> Result:
    """Call the remote one; every failure becomes a RunError, after which the spare one takes over."""
    try:
        return what()
    except (RunError, InputError):
        raise
    except Exception as error:
        raise RunError(f"it fails: {str(error) or type(error).__name__}") from error


class _SpareListening:
    """A turn of the spare recogniser's `listening`."""

    def __init__(self, listening: Listening, name: str) -> None:
        self.listening = listening
        self._name = name

    def hear(self, samples: NDArray[np.int16]) -> str:
        return self.listening.hear(samples)

    def finish(self, audio: NDArray[np.int16]) -> Transcript:
        return replace(self.listening.finish(audio), recogniser=self._name)

    def close(self) -> None:
        self.listening.close()


class _FirstListening(_SpareListening):
    """A turn that the first one listens to."""

    def __init__(self, listening: Listening, fallback: Fallback, outages: int) -> None:
        super().__init__(listening, fallback.name)
        self._fallback = fallback
        self._outages = outages

    def hear(self, samples: NDArray[np.int16]) -> str:
        return self._or_taken_over(lambda: self.listening.hear(samples))

    def finish(self, audio: NDArray[np.int16]) -> Transcript:
        return self._fallback._did_well(self._or_taken_over(lambda: self.listening.finish(audio)))

    def _or_taken_over(self, what: Callable[[], Result]) -> Result:
        try:
            return _attempt(what)
        except RunError as error:
            self._fallback._take_over(error, self._outages)
            raise
