"""Speech recognition and embedding of turns, the expensive part, shared by all streams."""

import asyncio
import os
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from time import monotonic
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from models.evidence import CERTAIN
from streamer.errors import as_exception
from streamer.settings.language import AUTO
from streamer.transcribers.base import (
    BatchTranscriber,
    ClosingTranscriber,
    Listening,
    ListeningTranscriber,
    MultilingualTranscriber,
    RecognitionRequest,
    Transcriber,
    Transcript,
    WatchedTranscriber,
    transcribe_one,
)
from streamer.transcribers.choose import check_language
from streamer.turn_embedding.batcher import Batcher
from streamer.turn_embedding.choose_bundle import torch_threads
from streamer.turn_embedding.fair_queue import Priority, Urgency
from streamer.turn_embedding.interim_pace import InterimPace
from streamer.turn_embedding.running_sessions import Running
from streamer.turns.sentence_end import SentenceJudge
from streamer.turns.silero import load_network
from streamer.turns.vad import VadRequest, judge_together

if TYPE_CHECKING:  # torch, which takes a second to import, is imported where the models are loaded
    from torch import Tensor

    from models.bundle import Bundle

What = TypeVar("What")
Result = TypeVar("Result")

GATHER_S = 0.003
"""Longest wait to embed utterances of several streams in one batch."""

BATCH = 16
"""Utterances embedded in one batch; larger batches are no faster."""

RECOGNISED_TOGETHER = 8
"""Turns recognised together, by recognisers that can."""

OPEN_RECOGNISED_TOGETHER = 2
"""Of those that are still spoken: a turn that ends meanwhile waits until they are recognised."""

LISTEN_S = 0.005
"""Longest wait to detect voice activity of several streams in one batch."""

LISTENED_TO = 64
"""Streams whose voice activity is detected in one batch."""

LISTENING = 64
"""Limit of threads that wait for recognisers while a turn is being spoken; created on demand."""


@dataclass(frozen=True, slots=True)
class Utterance:
    """The words and embeddings of a turn, without its context.

    Attributes:
        text: the words to be judged, "" if there are none, or none in a language that the bundle judges.
        text_embedding: T1 [text features], None without words.
        speech_embedding: of CARE [D], None with a bundle that uses the words alone.
        evidence: of words and sound (see `models.evidence`).
    """

    text: str
    text_embedding: "Tensor | None"
    speech_embedding: "Tensor | None"
    evidence: tuple[float, float] = CERTAIN


@dataclass(frozen=True, slots=True)
class Stage:
    """Load of a processing stage.

    Attributes:
        busy_s: time spent so far in all threads, in seconds.
        depth: number of queued jobs; None for a stage without a queue.
    """

    busy_s: float
    depth: int | None = None


class Analyzer:
    """Words and embeddings for any number of streams; one per process.

    Args:
        bundle: the networks.
        transcriber: the recogniser.

    Attributes:
        running: the sessions that use it.
        is_ready: whether its models are there; until then it has no other attribute than these two.
    """

    is_ready = True

    def __init__(self, bundle: "Bundle", transcriber: Transcriber) -> None:
        self.running = Running()
        self._take(bundle, transcriber)
        self._workers.trace()

    def _take(self, bundle: "Bundle", transcriber: Transcriber) -> None:
        self.bundle = bundle
        self.transcriber = transcriber
        self._watched = transcriber if isinstance(transcriber, WatchedTranscriber) else None
        self._workers = Workers(bundle, transcriber)

    async def ready(self) -> None:
        """Wait until its models are there: always, but see `streamer.turn_embedding.loading`."""

    def client(
        self,
        *,
        live: bool = True,
        language: str | None = None,
        translate: bool = False,
        word_times: bool = False,
    ) -> "AnalyzerClient":
        """A stream's client, a context to be entered while the stream lasts.

        Args:
            live: whether its sound arrives in real time; not that of a recording.
            language: BCP 47 code of what is spoken; None or "auto" for the recogniser's setting.
            translate: whether turns in other languages are judged by their English translation.
            word_times: whether the times of words are wanted.

        Raises:
            UnknownLanguage: the recogniser does not recognise the language.
        """
        check_language(self.transcriber, language)
        spoken = None if language == AUTO else language
        nothing = RecognitionRequest(np.zeros(0, np.int16), spoken, translate, word_times)
        return AnalyzerClient(self.transcriber, self.bundle, self._workers, nothing, live=live)

    def stages(self) -> dict[str, "Stage"]:
        """The load of each processing stage."""
        workers = self._workers
        return {
            "voice activity": Stage(workers.voice_activity.busy_s, workers.voice_activity.depth),
            "recogniser": Stage(workers.recognition.busy_s, workers.recognition.depth),
            "embedder": Stage(
                sum(batcher.busy_s for batcher in workers.embedders),
                sum(batcher.depth for batcher in workers.embedders),
            ),
            "listening": Stage(workers.recognisers.busy_s),
            "context": Stage(workers.context.busy_s),
        }

    @property
    def trouble(self) -> str | None:
        """The recogniser's problem, in one line; None if it works."""
        return None if self._watched is None else self._watched.trouble

    def close(self) -> None:
        """End the threads and the recogniser; no stream may use the analyzer afterwards."""
        workers = self._workers
        for batcher in (workers.voice_activity, *workers.prioritised):
            batcher.close()
        for threads in (workers.context, workers.recognisers):
            threads.close()
        if isinstance(self.transcriber, ClosingTranscriber):
            self.transcriber.close()


class Threads:
    """A thread pool; threads are created on demand.

    Args:
        name: prefix of the threads' names.
        count: maximum number of threads.

    Attributes:
        busy_s: total time that callers of `run` have waited, in seconds.
    """

    def __init__(self, name: str, count: int = 1) -> None:
        self.busy_s = 0.0
        self._pool = ThreadPoolExecutor(count, thread_name_prefix=name)

    async def run(self, do: Callable[[], Result]) -> Result:
        """Call a function in a thread; not at all if cancelled before it starts."""
        began = monotonic()
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, _answering, do)
        finally:
            self.busy_s += monotonic() - began

    def submit(self, do: Callable[[], None]) -> None:
        """Call a function in a thread without waiting for it."""
        self._pool.submit(do)

    def close(self) -> None:
        """Shut the pool down."""
        self._pool.shutdown(wait=False)


class Workers:
    """The threads of an analyzer, which its streams share.

    Voice activity detection, recognition, text embedding and speech embedding have a thread each: they run in
    parallel for one turn and for different turns. Queued jobs are served by urgency, and fairly by stream.
    """

    def __init__(self, bundle: "Bundle", transcriber: Transcriber) -> None:
        from streamer.turn_embedding.embedder import VoicesEmbedder, WordsEmbedder

        load_network()  # here, or else the first stream would block the event loop
        words = WordsEmbedder(bundle.text)
        self._traceable = [*bundle.incremental.networks, words.network]
        self.voice_activity = Batcher(judge_together, "voice activity", limit=LISTENED_TO, gather_s=LISTEN_S)
        self.interim_pace = InterimPace()
        self.sentences = SentenceJudge()
        batched = isinstance(transcriber, BatchTranscriber)
        self.recognition = Batcher(
            partial(_recognise, transcriber, self.interim_pace),
            "recogniser",
            limit=RECOGNISED_TOGETHER if batched else 1,
            open_limit=OPEN_RECOGNISED_TOGETHER,
            gather_s=GATHER_S if batched else 0.0,
        )
        self.words = _embedder(words)
        self.embedders: list[Batcher[Any, Tensor]] = [self.words]
        self.voices: Batcher[NDArray[np.int16], Tensor] | None = None
        if bundle.care is not None:
            voices = VoicesEmbedder(bundle.care)
            self._traceable.append(voices.network)
            self.voices = _embedder(voices)
            self.embedders.append(self.voices)
        self.prioritised: list[Batcher[Any, Any]] = [self.recognition, *self.embedders]
        self.context = Threads("context")
        self.recognisers = Threads("listening", LISTENING)

    def trace(self) -> None:
        """Make the networks a single call each (see `models.single_call_networks`), in use or not."""
        for network in self._traceable:
            network.trace()


def _embedder(embed: "Callable[[Sequence[What]], list[Tensor]]") -> "Batcher[What, Tensor]":
    return Batcher(embed, "embedder", limit=BATCH, gather_s=GATHER_S)


def _recognise(
    transcriber: Transcriber, pace: InterimPace, turns: Sequence[RecognitionRequest]
) -> list[Transcript]:
    if not isinstance(transcriber, BatchTranscriber):
        return [transcribe_one(transcriber, turn) for turn in turns]
    if not turns[0].is_open:  # a batch is of one urgency
        return transcriber.transcribe_together(turns)
    began_s = monotonic()
    try:
        return transcriber.transcribe_together(turns)
    finally:
        pace.called(monotonic() - began_s, len(turns))


def _answering(do: Callable[[], Result]) -> Result:
    """Call a function; every exception, whatever its kind, is raised as one that a future can carry."""
    try:
        return do()
    except BaseException as error:  # noqa: BLE001
        raise as_exception(error) from error.__cause__


class AnalyzerClient:
    """One stream's client of an `Analyzer`. Jobs that are cancelled before they start are not done.

    Args:
        transcriber: the recogniser.
        bundle: the networks.
        workers: shared with other streams.
        request: what the stream asks of its turns' words, with no sound.
        live: whether sound arrives in real time; jobs of recordings wait for those of live streams.
    """

    def __init__(
        self,
        transcriber: Transcriber,
        bundle: "Bundle",
        workers: Workers,
        request: RecognitionRequest,
        *,
        live: bool = True,
    ) -> None:
        self.transcriber = transcriber
        self.live = live
        self._bundle = bundle
        self._workers = workers
        self._request = request
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
        """Whether this is the only stream."""
        return self._workers.voice_activity.streams < 2

    def lag_s(self, urgency: Urgency) -> float:
        """Waiting time of the oldest queued job of at least this urgency, in seconds; 0 if there is none."""
        return max(batcher.lag_s(urgency) for batcher in self._workers.prioritised)

    async def judge(self, request: VadRequest) -> list[float]:
        """Speech probabilities of chunks, computed in a batch with those of other streams."""
        return await self._workers.voice_activity.do(self, request, self._recorded or Priority(Urgency.FINAL))

    async def words(self, audio: NDArray[np.int16], priority: Priority) -> Transcript:
        """Recognise a turn, int16 [n] at 16 kHz; the text is "" if there are no words.

        Raises:
            RunError: the recogniser failed.
        """
        request = replace(self._request, audio=audio)
        return await self._workers.recognition.do(self, request, self._recorded or priority)

    @property
    def interim_pace(self) -> InterimPace:
        """How often to ask for `interim_words`, shared by all streams."""
        return self._workers.interim_pace

    async def interim_words(self, audio: NDArray[np.int16]) -> Transcript:
        """Recognise an unfinished turn, int16 [n] at 16 kHz, with a `BatchTranscriber`.

        Raises:
            RunError: the recogniser failed.
        """
        request = RecognitionRequest(audio, self._request.language, is_open=True)
        return await self._workers.recognition.do(self, request, Priority(Urgency.PARTIAL))

    def listen(self, before: Listening | None) -> Listening | None:
        """Begin a turn with a `ListeningTranscriber`, after the turn before; None with any other."""
        transcriber = self.transcriber
        if not isinstance(transcriber, ListeningTranscriber):
            return None
        if isinstance(transcriber, MultilingualTranscriber):
            return transcriber.listen(before, self._request.language)
        return transcriber.listen(before)

    def sentence_finished(self, said: Transcript) -> bool | None:
        """Whether the turn's last sentence is complete; None where its words do not tell."""
        return self._workers.sentences.finished(said.text, said.recogniser or self.transcriber.name)

    def judged_words(self, said: Transcript) -> str:
        """The words of a turn that the bundle can judge: in one of its languages, or translated."""
        return said.words_in(self._bundle.manifest.languages)

    async def embed_words(self, text: str, preceding: Sequence[str], priority: Priority) -> "Tensor | None":
        """T1 [text features] of a turn's words, given those of the preceding turns; None without words."""
        from streamer.turn_embedding.embedder import Words

        if not text:
            return None
        return await self._workers.words.do(self, Words(text, preceding), self._recorded or priority)

    async def embed_voice(self, audio: NDArray[np.int16], priority: Priority) -> "Tensor | None":
        """CARE embedding [D] of a turn, int16 [n] at 16 kHz; None if the bundle uses the words alone."""
        if self._workers.voices is None:
            return None
        return await self._workers.voices.do(self, audio, self._recorded or priority)

    async def run_context(self, step: Callable[[], Result]) -> Result:
        """Run a context step (`Conversation`) in its thread; it is short."""
        return await self._workers.context.run(step)

    async def run_recogniser(self, listen: Callable[[], Result]) -> Result:
        """Call a function of a `Listening`, which may wait for the recogniser, in a thread."""
        return await self._workers.recognisers.run(listen)

    def release(self, close: Callable[[], None]) -> None:
        """Close a `Listening` in a thread, without waiting."""
        self._workers.recognisers.submit(close)


_SWITCH_S = 0.001
_COMPILED_SHAPES = 16


def share_interpreter() -> None:
    """Make threads release Python's global lock sooner, so that the event loop is not held up by them."""
    sys.setswitchinterval(_SWITCH_S)


def bound_compiled_shapes() -> None:
    """Let oneDNN, below torch and CTranslate2, keep compiled code for a few shapes of input instead of 1,024.

    Every length of turn is a shape of its own: in a day of talk the code of them all comes to 80 MiB, and
    hardly any is used twice. To be called before either computes anything; a user's own
    ONEDNN_PRIMITIVE_CACHE_CAPACITY is left as it is.
    """
    os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", str(_COMPILED_SHAPES))


def share_cores() -> None:
    """Limit torch to a quarter of the cores, and numpy to one.

    Recognisers run in parallel, and torch gains little from a second thread for single utterances. Threads of
    numpy's matrix products go on to spin for as long as a recognition takes.
    """
    import torch

    torch.set_num_threads(torch_threads())
    threadpool_limits(1, user_api="blas")
