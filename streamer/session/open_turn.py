"""A turn from its first word on: listened to as it comes, and analyzed ahead when it pauses."""

import asyncio
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from time import perf_counter
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from models.care_small import SmallCareListening
from streamer.analysis.analyzer import AnalyzerClient, Utterance
from streamer.analysis.fair_queue import Priority, Urgency
from streamer.errors import RunError
from streamer.transcribers.base import Listening, Transcript
from streamer.transcribers.clean_words import clean_words
from streamer.turns.turn import Turn

Result = TypeVar("Result")

_log = logging.getLogger("merits")


@dataclass(frozen=True, slots=True)
class TurnAnalysis:
    """What a turn was found to be.

    Attributes:
        utterance: its words and embeddings.
        preceding: the words before it, in whose light its own were embedded.
        transcribed_at: when its words were there, by `perf_counter`.
        embedded_at: when its embeddings were there.
    """

    utterance: Utterance
    preceding: tuple[str, ...]
    transcribed_at: float
    embedded_at: float


class OpenTurn:
    """One turn that goes on.

    Args:
        client: access to the analyzer.
        listening: recognises its words while it is spoken; None where it is recognised when it is over.
        voice: prepares its voice likewise.
        preceding: gives the words that its own are read after.
        hint: takes the words that were recognised ahead, while it pauses.
    """

    def __init__(
        self,
        client: AnalyzerClient,
        listening: Listening | None,
        voice: SmallCareListening | None,
        preceding: Callable[[], tuple[str, ...]],
        hint: Callable[[str], None],
    ) -> None:
        self.listening = listening
        self.voice = voice
        self.fed_to = 0  # sample index up to which it was listened to
        self._client = client
        self._listen_in = client.run_feature_extractor if listening is None else client.run_recogniser
        self._preceding = preceding
        self._hint = hint
        self._lock = threading.Lock()  # a call that was cancelled may still run when the next one comes
        self._recognition_failed = False
        self._paused: Turn | None = None
        self._ahead: asyncio.Task[TurnAnalysis] | None = None
        self._priority = Priority(Urgency.SPECULATIVE)

    @property
    def listens(self) -> bool:
        """Whether it is to be fed what is being spoken."""
        return self.recognises or self.voice is not None

    @property
    def recognises(self) -> bool:
        """Whether its words are recognised while it is spoken, and not only its voice prepared."""
        return self.listening is not None and not self._recognition_failed

    @property
    def pauses(self) -> bool:
        """Whether it may be over."""
        return self._paused is not None

    async def feed(self, start: int, sound: NDArray[np.int16]) -> str | None:
        """Listen to more of the turn: int16 [n] from sample `start` on; what it was fed already is left out.

        Returns:
            The words so far; None where they are recognised when the turn is over.
        """
        return await self._listen_in(lambda: self._listen(start, sound))

    async def embed_voice(self, sound: NDArray[np.int16], priority: Priority) -> Tensor | None:
        """S1 [speech features] of what was fed so far, int16 [n]; None where the bundle does not listen."""
        prepared = None if self.voice is None else await self._listen_in(lambda: self._prepared(sound))
        return await self._client.embed_voice(sound, priority, prepared)

    def pause(self, turn: Turn, *, speculate: bool) -> None:
        """It may be over: analyze it ahead, unless there is no time to."""
        self._paused = turn
        if speculate:
            self._priority = Priority(Urgency.SPECULATIVE)
            self._ahead = asyncio.create_task(self._analyze(turn, self._priority))

    def resume(self) -> None:
        """It goes on: its analysis is dropped, errors and all."""
        self._paused = None
        if self._ahead is not None:
            _drop(self._ahead)
            self._ahead = None

    def end(self, turn: Turn) -> "asyncio.Task[TurnAnalysis]":
        """It is over. What was begun ahead is completed rather than begun again."""
        ahead, paused = self._ahead, self._paused
        self._ahead = None
        if ahead is not None and paused is not None and _same_sound(paused, turn):
            self._priority.urgency = Urgency.FINAL
        else:
            if ahead is not None:
                _drop(ahead)
            self._priority = Priority(Urgency.FINAL)
            ahead = asyncio.create_task(self._analyze(turn, self._priority))
        ahead.add_done_callback(lambda _: self.close())
        return ahead

    def close(self) -> None:
        """Nothing more is wanted of it."""
        if self._ahead is not None:
            _drop(self._ahead)
        if self.listening is not None:
            self._client.release(self._release)

    async def _analyze(self, turn: Turn, priority: Priority) -> TurnAnalysis:
        (said, transcribed_at, preceding, words), voice = await asyncio.gather(
            self._analyze_words(turn, priority), self._analyze_voice(turn, priority)
        )
        utterance = Utterance(said.text, words, voice, said.recogniser)
        return TurnAnalysis(utterance, preceding, transcribed_at, perf_counter())

    async def _analyze_words(
        self, turn: Turn, priority: Priority
    ) -> tuple[Transcript, float, tuple[str, ...], Tensor | None]:
        said = await self._recognise(turn, priority)
        said = replace(said, text=clean_words(said.text))
        transcribed_at = perf_counter()
        if priority.urgency is Urgency.SPECULATIVE:
            self._hint(said.text)
        preceding = self._preceding()
        return said, transcribed_at, preceding, await self._client.embed_words(said.text, preceding, priority)

    async def _analyze_voice(self, turn: Turn, priority: Priority) -> Tensor | None:
        prepared = None if self.voice is None else await self._listen_in(lambda: self._prepare(turn))
        return await self._client.embed_voice(turn.audio, priority, prepared)

    async def _recognise(self, turn: Turn, priority: Priority) -> Transcript:
        said = await self._client.run_recogniser(lambda: self._finish(turn)) if self.recognises else None
        return await self._client.words(turn.audio, priority) if said is None else said

    def _listen(self, start: int, sound: NDArray[np.int16]) -> str | None:
        with self._lock:
            fresh = sound[max(self.fed_to - start, 0) :]
            self.fed_to = max(self.fed_to, start + len(sound))
            if self.voice is not None:
                self.voice.hear(fresh)
            return self._unless_failed(lambda listening: clean_words(listening.hear(fresh)))

    def _finish(self, turn: Turn) -> Transcript | None:
        self._listen(turn.audio_start, turn.audio)
        with self._lock:
            return self._unless_failed(lambda listening: listening.finish(turn.audio))

    def _unless_failed(self, listen: Callable[[Listening], Result]) -> Result | None:
        """A recogniser that fails to listen is given the whole turn instead; that it fails then is raised.

        That it fails in a way that it should not is said.
        """
        if self.listening is None or self._recognition_failed:
            return None
        try:
            return listen(self.listening)
        except RunError:
            self._recognition_failed = True
        except Exception as error:  # noqa: BLE001
            self._recognition_failed = True
            _log.warning("a recogniser stopped listening to a turn: %s", str(error) or type(error).__name__)
        return None

    def _prepare(self, turn: Turn) -> Tensor:
        self._listen(turn.audio_start, turn.audio)
        return self._prepared(turn.audio)

    def _prepared(self, sound: NDArray[np.int16]) -> Tensor:
        assert self.voice is not None
        with self._lock:
            return self.voice.prepared(sound)

    def _release(self) -> None:
        assert self.listening is not None
        with self._lock:
            self._recognition_failed = True
            self.listening.close()


def _same_sound(one: Turn, other: Turn) -> bool:
    """Whether two turns of one channel hold the same sound."""
    return (one.audio_start, len(one.audio)) == (other.audio_start, len(other.audio))


def _drop(task: "asyncio.Task[TurnAnalysis]") -> None:
    """Cancel what nobody waits for, and look at its error so that none is reported."""
    task.cancel()
    task.add_done_callback(lambda done: done.cancelled() or done.exception())
