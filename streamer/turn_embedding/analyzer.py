"""The heavy part, shared by all streams: a turn's sound -> its words, and the embeddings of both."""

import asyncio
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from time import monotonic
from types import TracebackType
from typing import Any, Self, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.bundle import Bundle
from models.care import Care
from models.care_small import SmallCareListening
from streamer.errors import as_exception
from streamer.machine.cores import cores
from streamer.transcribers.base import (
    BatchTranscriber,
    ClosingTranscriber,
    RecognitionRequest,
    Transcriber,
    Transcript,
    WatchedTranscriber,
)
from streamer.turn_embedding.batcher import Batcher
from streamer.turn_embedding.embedder import Voice, VoicesEmbedder, Words, WordsEmbedder
from streamer.turn_embedding.fair_queue import Priority, Urgency
from streamer.turn_embedding.interim_pace import InterimPace
from streamer.turn_embedding.running_sessions import Running
from streamer.turns.silero import load_network
from streamer.turns.vad import VadRequest, judge_together

What = TypeVar("What")
Result = TypeVar("Result")

GATHER_S = 0.003
"""So long the embeddings of one stream may wait for those of others."""

BATCH = 16
"""Utterances embedded together; more take as long in several batches."""

RECOGNISED_TOGETHER = 8
"""Turns recognised together, by recognisers that can."""

LISTEN_S = 0.005
"""So long the sound of one stream may wait for that of others to be judged with it."""

LISTENED_TO = 64
"""Streams' sounds that are judged together."""

LISTENING = 64
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

    Args:
        bundle: the networks.
        transcriber: the recogniser.

    Attributes:
        running: the sessions on it.
    """

    def __init__(self, bundle: Bundle, transcriber: Transcriber) -> None:
        self.bundle = bundle
        self.transcriber = transcriber
        self.running = Running()
        self._watched = transcriber if isinstance(transcriber, WatchedTranscriber) else None
        self._workers = Workers(bundle, transcriber)

    def client(self, *, live: bool = True) -> "AnalyzerClient":
        """A stream's own access, to be entered as long as the stream lasts; of a recording where not live."""
        return AnalyzerClient(self.transcriber, self.bundle.care, self._workers, live=live)

    def stages(self) -> dict[str, "Stage"]:
        """What each kind of work has waiting, and how long it has taken so far."""
        workers = self._workers
        return {
            "voice activity": Stage(workers.voice_activity.busy_s, workers.voice_activity.depth),
            "recogniser": Stage(workers.recognition.busy_s, workers.recognition.depth),
            "embedder": Stage(
                sum(batcher.busy_s for batcher in workers.embedders),
                sum(batcher.depth for batcher in workers.embedders),
            ),
            "listening": Stage(workers.recognisers.busy_s + workers.feature_extractor.busy_s),
            "context": Stage(workers.context.busy_s),
        }

    @property
    def trouble(self) -> str | None:
        """What is the matter with the recogniser, in one line; None while all is well."""
        return None if self._watched is None else self._watched.trouble

    def close(self) -> None:
        """Let go of threads, and of what the recogniser holds; no stream may use it any more."""
        workers = self._workers
        for batcher in (workers.voice_activity, *workers.prioritised):
            batcher.close()
        for threads in (workers.context, workers.recognisers, workers.feature_extractor):
            threads.close()
        if isinstance(self.transcriber, ClosingTranscriber):
            self.transcriber.close()


class Threads:
    """Threads of one kind, made when they are needed.

    Args:
        name: of the threads.
        count: how many at most.

    Attributes:
        busy_s: how long whoever waited for them has waited so far, in seconds.
    """

    def __init__(self, name: str, count: int = 1) -> None:
        self.busy_s = 0.0
        self._pool = ThreadPoolExecutor(count, thread_name_prefix=name)

    async def run(self, do: Callable[[], Result]) -> Result:
        """Have something done; cancelled before it has begun, it is not done."""
        began = monotonic()
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, _answering, do)
        finally:
            self.busy_s += monotonic() - began

    def submit(self, do: Callable[[], None]) -> None:
        """Have something done that nobody waits for."""
        self._pool.submit(do)

    def close(self) -> None:
        """End them; nothing can be done any more."""
        self._pool.shutdown(wait=False)


class Workers:
    """The threads of an analyzer, which its streams share.

    Judging voice activity, recognising, embedding words and embedding voices each have a thread of their own:
    a turn's embeddings are computed beside each other, while other turns are recognised. What waits is served
    by urgency, and fairly between streams.
    """

    def __init__(self, bundle: Bundle, transcriber: Transcriber) -> None:
        # What the first stream would otherwise load on the event loop, for a tenth of a second:
        load_network()
        _ = bundle.incremental
        self.voice_activity = Batcher(judge_together, "voice activity", limit=LISTENED_TO, gather_s=LISTEN_S)
        self.interim_pace = InterimPace()
        batched = isinstance(transcriber, BatchTranscriber)
        self.recognition = Batcher(
            partial(_recognise, transcriber, self.interim_pace),
            "recogniser",
            limit=RECOGNISED_TOGETHER if batched else 1,
            gather_s=GATHER_S if batched else 0.0,
        )
        self.words = _embedder(WordsEmbedder(bundle.text))
        self.embedders: list[Batcher[Any, Tensor]] = [self.words]
        self.voices: Batcher[Voice, Tensor] | None = None
        if bundle.care is not None and bundle.speech is not None:
            self.voices = _embedder(VoicesEmbedder(bundle.care, bundle.speech))
            self.embedders.append(self.voices)
        self.prioritised: list[Batcher[Any, Any]] = [self.recognition, *self.embedders]
        self.context = Threads("context")
        self.recognisers = Threads("listening", LISTENING)
        self.feature_extractor = Threads("features")


def _embedder(embed: Callable[[Sequence[What]], list[Tensor]]) -> Batcher[What, Tensor]:
    return Batcher(embed, "embedder", limit=BATCH, gather_s=GATHER_S)


def _recognise(
    transcriber: Transcriber, pace: InterimPace, turns: Sequence[RecognitionRequest]
) -> list[Transcript]:
    if not isinstance(transcriber, BatchTranscriber):
        return [transcriber.transcribe(turn.audio) for turn in turns]
    if not turns[0].is_open:  # a batch is of one urgency
        return transcriber.transcribe_together(turns)
    began_s = monotonic()
    try:
        return transcriber.transcribe_together(turns)
    finally:
        pace.called(monotonic() - began_s, len(turns))


def _answering(do: Callable[[], Result]) -> Result:
    """Do something in a thread; whatever happens, whoever waits for it can be told."""
    try:
        return do()
    except BaseException as error:  # noqa: BLE001
        raise as_exception(error) from error.__cause__


class AnalyzerClient:
    """One stream's access to an `Analyzer`. What is cancelled before it has begun is not done.

    Args:
        transcriber: the recogniser.
        care: the speech encoder; None with a bundle that judges by the words alone.
        workers: shared with other streams.
        live: whether sound comes in its own time: a recording waits for those that do.
    """

    def __init__(
        self, transcriber: Transcriber, care: Care | None, workers: Workers, *, live: bool = True
    ) -> None:
        self.transcriber = transcriber
        self.live = live
        self._care = care
        self._workers = workers
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
        return [self._workers.voice_activity, *self._workers.prioritised]

    @property
    def alone(self) -> bool:
        """Whether there is no other stream."""
        return self._workers.voice_activity.streams < 2

    def lag_s(self, urgency: Urgency) -> float:
        """How long the oldest of all jobs has waited that are at least so urgent, in seconds; 0 for none."""
        return max(batcher.lag_s(urgency) for batcher in self._workers.prioritised)

    async def judge(self, request: VadRequest) -> list[float]:
        """Judge voice activity, together with other streams'."""
        return await self._workers.voice_activity.do(self, request, self._recorded or Priority(Urgency.FINAL))

    async def words(self, audio: NDArray[np.int16], priority: Priority) -> Transcript:
        """Recognise a turn, int16 [n] at 16 kHz; its text is "" where no words are heard.

        Raises:
            RunError: the recogniser failed.
        """
        request = RecognitionRequest(audio)
        return await self._workers.recognition.do(self, request, self._recorded or priority)

    @property
    def interim_pace(self) -> InterimPace:
        """How often to ask for `interim_words`, shared by all streams."""
        return self._workers.interim_pace

    async def interim_words(self, audio: NDArray[np.int16]) -> Transcript:
        """Recognise a turn that goes on, int16 [n] at 16 kHz, with a `BatchTranscriber`.

        Raises:
            RunError: the recogniser failed.
        """
        request = RecognitionRequest(audio, is_open=True)
        return await self._workers.recognition.do(self, request, Priority(Urgency.PARTIAL))

    async def embed_words(self, text: str, preceding: Sequence[str], priority: Priority) -> Tensor | None:
        """T1 [text features] of a turn's words in the light of those before; None where there are none."""
        if not text:
            return None
        return await self._workers.words.do(self, Words(text, preceding), self._recorded or priority)

    async def embed_voice(
        self, audio: NDArray[np.int16], priority: Priority, prepared: Tensor | None = None
    ) -> Tensor | None:
        """S1 [speech features] of a turn, int16 [n] at 16 kHz; None with a bundle that does not listen."""
        if self._workers.voices is None:
            return None
        return await self._workers.voices.do(self, Voice(audio, prepared), self._recorded or priority)

    def voice_listening(self) -> SmallCareListening | None:
        """Prepares a turn's voice while it is being spoken, where the bundle's speech encoder lets one."""
        return None if self._care is None else self._care.listen()

    async def run_context(self, step: Callable[[], Result]) -> Result:
        """Take a context step (`Conversation`), which is short, beside whatever else is being computed."""
        return await self._workers.context.run(step)

    async def run_recogniser(self, listen: Callable[[], Result]) -> Result:
        """Have a `Listening` do something, which may wait for its recogniser."""
        return await self._workers.recognisers.run(listen)

    async def run_feature_extractor(self, listen: Callable[[], Result]) -> Result:
        """Have a voice prepared, which never waits: more threads would only be in each other's way."""
        return await self._workers.feature_extractor.run(listen)

    def release(self, close: Callable[[], None]) -> None:
        """Have a `Listening` closed; nobody waits for it."""
        self._workers.recognisers.submit(close)


_SWITCH_S = 0.001


def share_cores() -> None:
    """Leave torch a quarter of the cores, and the event loop its share of the interpreter, for this process.

    Recognisers run beside it, and for single utterances a second thread mostly waits for the first. Threads
    that compute give the interpreter up after a fifth of the usual time: the event loop waits for it often.
    """
    sys.setswitchinterval(_SWITCH_S)
    torch.set_num_threads(max(1, cores() // 4))
