"""The heavy part, shared by all streams: a turn's sound -> its words, and the embeddings of both."""

import asyncio
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from time import monotonic
from types import TracebackType
from typing import Any, Self, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.bundle import Bundle
from models.care_small import SmallCareListening
from streamer.analysis.batcher import Batcher
from streamer.analysis.embedder import Voice, VoicesEmbedder, Words, WordsEmbedder
from streamer.analysis.fair_queue import Priority, Urgency
from streamer.cores import cores
from streamer.errors import as_exception
from streamer.interims import InterimPace
from streamer.metrics.running import Running
from streamer.silero import load_network
from streamer.transcribers.base import (
    ClosingTranscriber,
    InterimTranscriber,
    Transcriber,
    Transcript,
    WatchedTranscriber,
)
from streamer.vad import Heard, judge_together

What = TypeVar("What")
Result = TypeVar("Result")

GATHER_S = 0.003
"""So long the embeddings of one stream may wait for those of others."""

BATCH = 16
"""Utterances embedded together; more take as long in several batches."""

LISTEN_S = 0.005
"""So long the sound of one stream may wait for that of others to be judged with it."""

LISTENED_TO = 64
"""Streams' sounds that are judged together."""

EARS = 64
"""Threads that wait while recognisers listen; made when they are needed."""


@dataclass(frozen=True, slots=True)
class Utterance:
    """A turn, understood by itself.

    Attributes:
        text: the words, "" where there are none.
        text_embedding: T1 [text features], None without words.
        speech_embedding: S1 [speech features], None with a bundle that judges by the words alone.
        recogniser: whose words they are, where that is not the analyzer's transcriber itself.
    """

    text: str
    text_embedding: Tensor | None
    speech_embedding: Tensor | None
    recogniser: str | None = None


@dataclass(frozen=True, slots=True)
class Stage:
    """A kind of work.

    Attributes:
        busy_s: how long it has taken so far, in seconds, in all threads.
        depth: what waits to be done; None where nothing ever waits.
    """

    busy_s: float
    depth: int | None = None


class Analyzer:
    """Words and embeddings for any number of streams; make one and share it.

    Judging voice activity, recognising, embedding words and embedding voices each have a thread of their own:
    a turn's embeddings are computed beside each other, while other turns are recognised. What waits is served
    by urgency, and fairly between streams.

    Args:
        bundle: the networks.
        transcriber: the recogniser.

    Attributes:
        running: the sessions on it.
    """

    def __init__(self, bundle: Bundle, transcriber: Transcriber) -> None:
        self.bundle = bundle
        self.transcriber = transcriber
        self._watched = transcriber if isinstance(transcriber, WatchedTranscriber) else None
        load_network()
        self._voice_activity = Batcher(judge_together, "voice activity", limit=LISTENED_TO, gather_s=LISTEN_S)
        self._recognition = Batcher(_recognise, "recogniser")
        self._interims = InterimPace()
        self._batchers: list[Batcher[Any, Any]] = [self._recognition]
        self._embedding: list[Batcher[Any, Tensor]] = []
        self._words = self._embedder(WordsEmbedder(bundle.text))
        self._voices: Batcher[Voice, Tensor] | None = None
        if bundle.care is not None and bundle.speech is not None:
            self._voices = self._embedder(VoicesEmbedder(bundle.care, bundle.speech))
        self.running = Running()
        self._busy_s = {"listening": 0.0, "context": 0.0}
        self._context = ThreadPoolExecutor(1, thread_name_prefix="context")
        self._ears = ThreadPoolExecutor(EARS, thread_name_prefix="ear")
        self._front = ThreadPoolExecutor(1, thread_name_prefix="front")

    def _embedder(self, embed: Callable[[Sequence[What]], list[Tensor]]) -> Batcher[What, Tensor]:
        batcher = Batcher(embed, "embedder", limit=BATCH, gather_s=GATHER_S)
        self._embedding.append(batcher)
        self._batchers.append(batcher)
        return batcher

    def lane(self, *, live: bool = True) -> "Lane":
        """A stream's own access, to be entered as long as the stream lasts; of a recording where not live."""
        return Lane(self, live=live)

    def stages(self) -> dict[str, "Stage"]:
        """What each kind of work has waiting, and how long it has taken so far."""
        return {
            "voice activity": Stage(self._voice_activity.busy_s, self._voice_activity.depth),
            "recogniser": Stage(self._recognition.busy_s, self._recognition.depth),
            "embedder": Stage(
                sum(batcher.busy_s for batcher in self._embedding),
                sum(batcher.depth for batcher in self._embedding),
            ),
            **{name: Stage(busy_s) for name, busy_s in self._busy_s.items()},
        }

    def lag_s(self, urgency: Urgency) -> float:
        """How long the oldest of the jobs has waited that are at least so urgent, in seconds; 0 for none."""
        return max(batcher.lag_s(urgency) for batcher in self._batchers)

    @property
    def trouble(self) -> str | None:
        """What is the matter with the recogniser, in one line; None while all is well."""
        return None if self._watched is None else self._watched.trouble

    def close(self) -> None:
        """Let go of threads, and of what the recogniser holds; no stream may use it any more."""
        for batcher in (self._voice_activity, *self._batchers):
            batcher.close()
        for threads in (self._context, self._ears, self._front):
            threads.shutdown(wait=False)
        if isinstance(self.transcriber, ClosingTranscriber):
            self.transcriber.close()


def _recognise(turns: Sequence[Callable[[], Transcript]]) -> list[Transcript]:
    return [words() for words in turns]


def _answering(do: Callable[[], Result]) -> Result:
    """Do something in a thread; whatever happens, whoever waits for it can be told."""
    try:
        return do()
    except BaseException as error:  # noqa: BLE001
        raise as_exception(error) from error.__cause__


class Lane:
    """One stream's access to an `Analyzer`. What is cancelled before it has begun is not done."""

    def __init__(self, analyzer: Analyzer, *, live: bool) -> None:
        self._analyzer = analyzer
        self._recorded = None if live else Priority(Urgency.RECORDED)

    def __enter__(self) -> Self:
        for batcher in self._gathering():
            batcher.streams += 1
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for batcher in self._gathering():
            batcher.streams -= 1

    def _gathering(self) -> list[Batcher[Any, Any]]:
        return [self._analyzer._voice_activity, *self._analyzer._embedding]

    @property
    def alone(self) -> bool:
        """Whether there is no other stream."""
        return self._analyzer._voice_activity.streams < 2

    async def judge(self, heard: Heard) -> list[float]:
        """Judge voice activity, together with other streams'."""
        return await self._analyzer._voice_activity.do(self, heard, self._recorded or Priority(Urgency.FINAL))

    async def words(self, audio: NDArray[np.int16], priority: Priority) -> Transcript:
        """Recognise a turn, int16 [n] at 16 kHz; its text is "" where no words are heard.

        Raises:
            RunError: the recogniser failed.
        """
        transcribe = self._analyzer.transcriber.transcribe
        return await self._analyzer._recognition.do(
            self, lambda: transcribe(audio), self._recorded or priority
        )

    def gives_interim_words(self, silence_s: float) -> bool:
        """Whether `interim_words` may be asked now, for a turn that ends after so much silence."""
        waiting = self._analyzer._recognition.depth
        return not waiting and self._analyzer._interims.allows(monotonic(), silence_s)

    async def interim_words(self, audio: NDArray[np.int16]) -> Transcript:
        """Recognise a turn that goes on, int16 [n] at 16 kHz, with an `InterimTranscriber`.

        Raises:
            RunError: the recogniser failed.
        """
        transcriber, pace = self._analyzer.transcriber, self._analyzer._interims
        assert isinstance(transcriber, InterimTranscriber)

        def recognise() -> Transcript:
            pace.begin(monotonic())
            try:
                return transcriber.interim(audio)
            finally:
                pace.end(monotonic())

        return await self._analyzer._recognition.do(self, recognise, Priority(Urgency.PARTIAL))

    async def embed_words(self, text: str, preceding: Sequence[str], priority: Priority) -> Tensor | None:
        """T1 [text features] of a turn's words in the light of those before; None where there are none."""
        if not text:
            return None
        return await self._analyzer._words.do(self, Words(text, preceding), self._recorded or priority)

    async def embed_voice(
        self, audio: NDArray[np.int16], priority: Priority, prepared: Tensor | None = None
    ) -> Tensor | None:
        """S1 [speech features] of a turn, int16 [n] at 16 kHz; None with a bundle that does not listen."""
        if self._analyzer._voices is None:
            return None
        return await self._analyzer._voices.do(self, Voice(audio, prepared), self._recorded or priority)

    def voice_listening(self) -> SmallCareListening | None:
        """Prepares a turn's voice while it is being spoken, where the bundle's speech encoder lets one."""
        return None if self._analyzer.bundle.care is None else self._analyzer.bundle.care.listen()

    async def in_context(self, step: Callable[[], Result]) -> Result:
        """Take a context step (`Conversation`), which is short, beside whatever else is being computed."""
        return await self._timed("context", self._analyzer._context, step)

    async def in_ear(self, listen: Callable[[], Result]) -> Result:
        """Have a `Listening` do something, which may wait for its recogniser."""
        return await self._timed("listening", self._analyzer._ears, listen)

    async def in_front(self, listen: Callable[[], Result]) -> Result:
        """Have a voice prepared, which never waits: more threads would only be in each other's way."""
        return await self._timed("listening", self._analyzer._front, listen)

    def let_go(self, close: Callable[[], None]) -> None:
        """Have a `Listening` closed; nobody waits for it."""
        self._analyzer._ears.submit(close)

    async def _timed(self, stage: str, threads: ThreadPoolExecutor, do: Callable[[], Result]) -> Result:
        began = monotonic()
        try:
            return await asyncio.get_running_loop().run_in_executor(threads, _answering, do)
        finally:
            self._analyzer._busy_s[stage] += monotonic() - began


_SWITCH_S = 0.001


def share_cores() -> None:
    """Leave torch a quarter of the cores, and the event loop its share of the interpreter, for this process.

    Recognisers run beside it, and for single utterances a second thread mostly waits for the first. Threads
    that compute give the interpreter up after a fifth of the usual time: the event loop waits for it often.
    """
    sys.setswitchinterval(_SWITCH_S)
    torch.set_num_threads(max(1, cores() // 4))
