"""One stream from end to end, over bounded queues.

    source --frames--> listener --turns--> analyst --events--> outputs

The listener cuts turns in the event loop (cheap); the analyst has each turn understood by a worker thread
(heavy). Turns are never dropped: when too many wait, the listener waits, and the source with it. A file is
then read more slowly; a microphone has a buffer of its own, and reports what it loses as a gap.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from time import monotonic, perf_counter
from typing import Any

from streamer import events
from streamer.analyzer import Analyzer, Utterance
from streamer.audio.frame import (
    SAMPLE_RATE,
    AudioFrame,
    AudioGap,
    AudioItem,
    AudioSource,
    DeviceBack,
    DeviceLost,
)
from streamer.config import Settings
from streamer.conversation import Conversation, Judgement
from streamer.outputs.base import Output
from streamer.turn_events import Turn, TurnEnded, TurnEvent, TurnStarted
from streamer.turns import TurnDetector
from streamer.version import VERSION

_FRAMES_BETWEEN_BREATHS = 25
"""After so many frames the listener lets other tasks run, even if the source never waits."""


@dataclass(frozen=True, slots=True)
class _Heard:
    """A turn that waits to be analyzed; `declared` is when it was over, by `perf_counter`."""

    number: int
    turn: Turn
    declared: float


@dataclass(frozen=True, slots=True)
class _Told:
    """What all events about a turn have in common."""

    number: int
    turn: Turn
    text: str
    latency: events.Latency


class Pipeline:
    """Runs one session."""

    def __init__(
        self,
        source: AudioSource,
        analyzer: Analyzer,
        outputs: Sequence[Output],
        settings: Settings,
        *,
        stream: str,
        speakers: Sequence[str | None] = (None,),
        live: bool = False,
        meter: Callable[[AudioFrame], None] | None = None,
    ) -> None:
        """Wire a session.

        Args:
            source: where sound comes from; entered and left here.
            analyzer: the heavy part, shared with other sessions.
            outputs: where events go; entered and left by the caller.
            settings: how.
            stream: the stream's name in events.
            speakers: who speaks on each channel; None where that is not known.
            live: whether sound comes in its own time, so that falling behind is worth a `health` event.
            meter: is shown every frame (a level meter).
        """
        self._source = source
        self._analyzer = analyzer
        self._outputs = outputs
        self._settings = settings
        self._speakers = speakers
        self._live = live
        self._meter = meter
        self._session = events.Session(stream)
        self._conversation = Conversation(analyzer.bundle, settings.window, settings.revise_above)
        self._waiting: asyncio.Queue[_Heard | None] = asyncio.Queue(settings.pending_turns)
        self._telling = asyncio.Lock()
        self._listener: asyncio.Task[None] | None = None
        self._stopping = False
        self._reading = False
        self._behind = False
        self._numbers = [0] * len(speakers)
        self._started = 0
        self._finished = 0
        self._samples = 0
        self._gaps: list[int] = []
        self._told: dict[int, _Told] = {}

    @property
    def waiting(self) -> int:
        """Turns that are heard but not yet told."""
        return self._waiting.qsize()

    def stop(self) -> None:
        """Stop listening. What was heard so far is still analyzed and published."""
        self._stopping = True
        if self._reading and self._listener is not None:
            self._listener.cancel()

    async def run(self) -> None:
        """Run until the source ends, fails or is stopped. The last event is always `session.ended`.

        Raises:
            InputError: the source can't be opened, or broke off; what came before was published.
            RunError: an output or the recogniser failed.
        """
        began = monotonic()
        reason = "error: cancelled"
        async with self._source:
            await self._tell(events.SessionStarted, **self._about())
            analyst = asyncio.create_task(self._analyse())
            self._listener = listener = asyncio.create_task(self._listen())
            try:
                await asyncio.wait({listener, analyst}, return_when=asyncio.FIRST_EXCEPTION)
                if analyst.done():  # all is told, or nothing more can be
                    listener.cancel()
                await analyst  # where the source failed, what it gave before is still told
                await listener
                reason = "interrupted" if self._stopping else "end of input"
            except asyncio.CancelledError:
                reason = "interrupted"
                raise
            except Exception as error:
                reason = f"error: {error or type(error).__name__}"
                raise
            finally:
                for task in (listener, analyst):
                    task.cancel()
                await asyncio.gather(listener, analyst, return_exceptions=True)
                await self._tell(
                    events.SessionEnded,
                    reason=reason,
                    turns=self._finished,
                    audio_s=self._samples / SAMPLE_RATE,
                    gaps=len(self._gaps),
                    gap_s=sum(self._gaps) / SAMPLE_RATE,
                    duration_s=monotonic() - began,
                )

    async def _listen(self) -> None:
        detectors = [TurnDetector(self._settings.turns, channel) for channel in range(len(self._speakers))]
        frames = 0
        try:
            async for item in self._items():
                match item:
                    case AudioFrame(samples, channel=channel):
                        self._samples += len(samples) if channel == 0 else 0
                        if self._meter is not None:
                            self._meter(item)
                        await self._follow(detectors[channel].feed(item))
                    case AudioGap(start, length, gap_reason):
                        for detector in detectors:
                            await self._follow(detector.gap(item))
                        self._gaps.append(length)
                        await self._tell(
                            events.AudioGap,
                            start_s=start / SAMPLE_RATE,
                            length_s=length / SAMPLE_RATE,
                            reason=gap_reason,
                        )
                    case DeviceLost(device, lost_reason):
                        await self._tell(events.AudioDeviceLost, device=device, reason=lost_reason)
                    case DeviceBack(device, lost_s):
                        await self._tell(events.AudioDeviceBack, device=device, lost_s=lost_s)
                frames += 1
                if frames % _FRAMES_BETWEEN_BREATHS == 0:
                    await asyncio.sleep(0)
        finally:
            for detector in detectors:
                await self._follow(detector.flush())
            await self._waiting.put(None)

    async def _items(self) -> AsyncIterator[AudioItem]:
        """What the source gives until `stop`, which interrupts the wait for the next item alone."""
        items = aiter(self._source)
        while not self._stopping:
            self._reading = True
            try:
                item = await anext(items)
            except StopAsyncIteration:
                return
            except asyncio.CancelledError:
                if not self._stopping:
                    raise
                return
            finally:
                self._reading = False
            yield item

    async def _follow(self, happened: Sequence[TurnEvent]) -> None:
        for what in happened:
            match what:
                case TurnStarted(channel, start):
                    self._started += 1
                    self._numbers[channel] = self._started
                    await self._tell(
                        events.TurnStarted,
                        turn=self._started,
                        speaker=self._speakers[channel],
                        start_s=start / SAMPLE_RATE,
                    )
                case TurnEnded(turn):
                    heard = _Heard(self._numbers[turn.channel], turn, perf_counter())
                    if self._live and self._waiting.full():
                        await self._fall_behind(behind=True)
                    await self._waiting.put(heard)

    async def _analyse(self) -> None:
        worker = ThreadPoolExecutor(1, thread_name_prefix="analyst")
        loop = asyncio.get_running_loop()
        try:
            while (heard := await self._waiting.get()) is not None:
                await self._publish(heard, *await loop.run_in_executor(worker, self._understand, heard))
                if self._behind and self._waiting.empty():
                    await self._fall_behind(behind=False)
        finally:
            worker.shutdown(wait=False)

    def _understand(self, heard: _Heard) -> tuple[Utterance, list[tuple[int, Judgement]], float]:
        utterance = self._analyzer.analyze(heard.turn, self._conversation.preceding)
        began = perf_counter()
        judged = self._conversation.add(heard.number, utterance)
        return utterance, judged, 1e3 * (perf_counter() - began)

    async def _publish(
        self, heard: _Heard, utterance: Utterance, judged: list[tuple[int, Judgement]], context_ms: float
    ) -> None:
        turn = heard.turn
        latency = events.Latency(
            endpoint=max(0, turn.declared - turn.end) * 1e3 / SAMPLE_RATE,
            transcribe=utterance.transcribe_ms,
            embed=utterance.embed_ms,
            context=context_ms,
            total=1e3 * (perf_counter() - heard.declared),
        )
        self._told[heard.number] = _Told(heard.number, turn, utterance.text, latency)
        for number, judgement in judged:
            kind = events.TurnRevised if judgement.revision else events.TurnFinal
            await self._tell(kind, **self._judged(self._told[number], judgement))
        self._finished += 1
        while len(self._told) > self._settings.window:
            del self._told[next(iter(self._told))]

    def _judged(self, told: _Told, judgement: Judgement) -> dict[str, Any]:
        return {
            "turn": told.number,
            "revision": judgement.revision,
            "speaker": self._speakers[told.turn.channel],
            "start_s": told.turn.start / SAMPLE_RATE,
            "end_s": told.turn.end / SAMPLE_RATE,
            "text": told.text if self._settings.text else None,
            "emotion": judgement.emotion,
            "confidence": judgement.probabilities[judgement.emotion],
            "probabilities": judgement.probabilities,
            "sentiment": judgement.sentiment,
            "valence": judgement.valence,
            "modalities": judgement.modalities,
            "latency_ms": told.latency,
            "recogniser": self._analyzer.transcriber.name,
            "bundle": self._analyzer.bundle.name,
        }

    def _about(self) -> dict[str, Any]:
        return {
            "source": self._source.name,
            "channels": len(self._speakers),
            "bundle": self._analyzer.bundle.name,
            "recogniser": self._analyzer.transcriber.name,
            "labels": list(self._analyzer.bundle.labels),
            "settings": events.SessionSettings(
                window=self._settings.window, endpoint_ms=self._settings.turns.endpoint_ms
            ),
            "version": VERSION,
        }

    async def _fall_behind(self, *, behind: bool) -> None:
        if behind == self._behind:
            return
        self._behind = behind
        depth = self._waiting.qsize()
        await self._tell(
            events.Health,
            status="degraded" if behind else "ok",
            message=f"analysis is behind: {depth} turns wait" if behind else "analysis has caught up",
            queues={
                "turns": events.QueueHealth(depth=depth, limit=self._settings.pending_turns, shed=0),
            },
        )

    async def _tell(self, kind: type[events.Event], **fields: Any) -> None:
        """Make an event and hand it to every output, one at a time: `seq` is the order they arrive in."""
        async with self._telling:
            event = kind(**self._session.stamp(), **fields)
            for output in self._outputs:
                await output.send(event)
