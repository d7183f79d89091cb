"""A turn that is still spoken: recognised as it comes, and analyzed ahead at its pauses."""

import asyncio
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import NDArray

from models.evidence import evidence_of
from streamer.audio.frame import SAMPLE_RATE
from streamer.errors import RunError
from streamer.session.agreed_words import AgreedWords
from streamer.transcribers.base import Listening, Transcript
from streamer.transcribers.clean_words import clean_words, cleaned
from streamer.turn_embedding.analyzer import AnalyzerClient, Utterance
from streamer.turn_embedding.fair_queue import Priority, Urgency
from streamer.turns.turn import Turn

if TYPE_CHECKING:
    from torch import Tensor

Result = TypeVar("Result")

_log = logging.getLogger("merits")


@dataclass(frozen=True, slots=True)
class TurnAnalysis:
    """The analysis of a turn.

    Attributes:
        said: the words.
        utterance: what of them is judged, and the embeddings.
        preceding: the texts before it that were its context when it was embedded.
        transcribed_at: `perf_counter` time at which the words were recognised.
        embedded_at: `perf_counter` time at which the embeddings were computed.
    """

    said: Transcript
    utterance: Utterance
    preceding: tuple[str, ...]
    transcribed_at: float
    embedded_at: float


class OpenTurn:
    """One turn that has not ended.

    Args:
        client: access to the analyzer.
        listening: recognises the words while they are spoken; None to recognise them at the end.
        preceding: returns the texts that precede its own.
        hint: receives, during a pause, whether the words that were recognised ahead finish a sentence.
    """

    def __init__(
        self,
        client: AnalyzerClient,
        listening: Listening | None,
        preceding: Callable[[], tuple[str, ...]],
        hint: Callable[[bool | None], None],
    ) -> None:
        self.listening = listening
        self.words = AgreedWords()
        self.fed_to = 0  # sample index up to which the turn was fed
        self.settled_to = 0  # sample index up to which the words are settled
        self._client = client
        self._preceding = preceding
        self._hint = hint
        self._lock = threading.Lock()  # a cancelled call may still run when the next one begins
        self._recognition_failed = False
        self._paused: Turn | None = None
        self._worded = False  # whether the words up to the pause were recognised
        self._ahead: asyncio.Task[TurnAnalysis] | None = None
        self._priority = Priority(Urgency.SPECULATIVE)

    @property
    def recognises(self) -> bool:
        """Whether words are recognised while they are spoken, by `feed`."""
        return self.listening is not None and not self._recognition_failed

    @property
    def pauses(self) -> bool:
        """Whether the turn pauses, and may have ended."""
        return self._paused is not None

    async def feed(self, start: int, sound: NDArray[np.int16]) -> str | None:
        """Process more sound: int16 [n] from sample `start` on; samples fed before are skipped.

        Returns:
            The words so far; None if they are recognised at the end of the turn.
        """
        return await self._client.run_recogniser(lambda: self._listen(start, sound))

    def pause(self, turn: Turn, *, speculate: bool) -> None:
        """The turn pauses: analyze it ahead, unless there is no time."""
        self._paused, self._worded = turn, False
        if speculate:
            self._priority = Priority(Urgency.SPECULATIVE)
            self._ahead = asyncio.create_task(self._analyze(turn, self._priority))

    def resume(self) -> None:
        """The turn continues: settle its words, drop the analysis and its errors."""
        if self._worded and self._paused is not None and self.listening is None:
            self.words.settle()
            self.settled_to = self._paused.audio_start + len(self._paused.audio)
        self._paused = None
        if self._ahead is not None:
            _drop(self._ahead)
            self._ahead = None

    async def analyzed_ahead(self) -> TurnAnalysis | None:
        """The analysis of the turn up to its pause; None if there is none, or it was dropped or failed."""
        if (ahead := self._ahead) is None:
            return None
        await asyncio.wait([ahead])
        return None if ahead.cancelled() or ahead.exception() else ahead.result()

    def end(self, turn: Turn) -> "asyncio.Task[TurnAnalysis]":
        """The turn has ended: complete the analysis that was begun ahead, or begin one."""
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
        """Cancel everything."""
        if self._ahead is not None:
            _drop(self._ahead)
        if self.listening is not None:
            self._client.release(self._release)

    async def _analyze(self, turn: Turn, priority: Priority) -> TurnAnalysis:
        (said, transcribed_at, preceding, words), voice = await asyncio.gather(
            self._analyze_words(turn, priority), self._client.embed_voice(turn.audio, priority)
        )
        evidence = evidence_of(said.confidence, len(turn.audio) / SAMPLE_RATE)
        utterance = Utterance(self._client.judged_words(said), words, voice, evidence)
        return TurnAnalysis(said, utterance, preceding, transcribed_at, perf_counter())

    async def _analyze_words(
        self, turn: Turn, priority: Priority
    ) -> "tuple[Transcript, float, tuple[str, ...], Tensor | None]":
        said = cleaned(await self._recognise(turn, priority))
        transcribed_at = perf_counter()
        if priority.urgency is Urgency.SPECULATIVE:
            self._hint(self._client.sentence_finished(said))
            self.words.hear(said.text, whole=True)
            self._worded = bool(said.text)
        preceding = self._preceding()
        judged = self._client.judged_words(said)
        return said, transcribed_at, preceding, await self._client.embed_words(judged, preceding, priority)

    async def _recognise(self, turn: Turn, priority: Priority) -> Transcript:
        said = await self._client.run_recogniser(lambda: self._finish(turn)) if self.recognises else None
        return await self._client.words(turn.audio, priority) if said is None else said

    def _listen(self, start: int, sound: NDArray[np.int16]) -> str | None:
        with self._lock:
            fresh = sound[max(self.fed_to - start, 0) :]
            self.fed_to = max(self.fed_to, start + len(sound))
            return self._unless_failed(lambda listening: clean_words(listening.hear(fresh)))

    def _finish(self, turn: Turn) -> Transcript | None:
        self._listen(turn.audio_start, turn.audio)
        with self._lock:
            return self._unless_failed(lambda listening: listening.finish(turn.audio))

    def _unless_failed(self, listen: Callable[[Listening], Result]) -> Result | None:
        """Call the recogniser; after a failure, the whole turn is recognised at its end instead.

        Unexpected errors are logged. An error at the end of the turn is raised.
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

    def _release(self) -> None:
        assert self.listening is not None
        with self._lock:
            self._recognition_failed = True
            self.listening.close()


def _same_sound(one: Turn, other: Turn) -> bool:
    """Whether two turns of one channel contain the same sound."""
    return (one.audio_start, len(one.audio)) == (other.audio_start, len(other.audio))


def _drop(task: "asyncio.Task[TurnAnalysis]") -> None:
    """Cancel a task that nobody awaits, and retrieve its error so that asyncio does not report it."""
    task.cancel()
    task.add_done_callback(lambda done: done.cancelled() or done.exception())
