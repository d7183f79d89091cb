"""One stream from source to outputs, over bounded queues.

    source --frames--> listener --turns--> analyst --events--> outputs

The listener detects turns in the event loop (cheap; the analyzer computes voice activity for several streams
together). Threads of the analyzer analyze the turns (expensive), before they end if the sound is live. The
analyst publishes them in order. Turns are never dropped: when too many wait, the listener and the source
wait. A file is then read more slowly; a microphone has its own buffer, and reports lost sound as a gap.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from functools import partial
from itertools import count
from time import monotonic, perf_counter
from typing import TYPE_CHECKING

from streamer import events, logs
from streamer.audio.frame import (
    SAMPLE_RATE,
    AudioFrame,
    AudioGap,
    AudioItem,
    AudioSource,
    DeviceBack,
    DeviceLost,
)
from streamer.errors import described
from streamer.outputs.base import Output, output_statuses
from streamer.session.channel import Channel, EndedTurn
from streamer.session.load_shedding import LoadShedder
from streamer.session.open_turn import TurnAnalysis
from streamer.session.publisher import EventPublisher
from streamer.settings.settings import Settings
from streamer.transcribers.base import Transcript
from streamer.turn_embedding.analyzer import Analyzer, AnalyzerClient
from streamer.turn_embedding.fair_queue import Priority, Urgency
from streamer.turn_embedding.running_sessions import SessionFigures
from streamer.turns.turn import Turn

if TYPE_CHECKING:
    from streamer.session.turn_revisions import Conversation, Judgement

_BETWEEN_BREATHS = SAMPLE_RATE // 5
"""After this much sound the listener lets other tasks run, even if the source never waits."""

_log = logging.getLogger("merits.health")


@dataclass(frozen=True, slots=True)
class PublishedTurn:
    """The fields that all events about a turn share."""

    number: int
    turn: Turn
    said: Transcript
    latency: events.Latency


class Pipeline:
    """Runs one session.

    Attributes:
        source_failed: whether the error that `run` raised came from the source.
    """

    _client: AnalyzerClient
    _conversation: "Conversation"

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
        """Create a session.

        Args:
            source: source of the sound; `run` enters and leaves its context.
            analyzer: the models, shared with other sessions.
            outputs: outputs of the events; the caller enters and leaves their contexts.
            settings: settings of the session.
            stream: name of the stream in events.
            speakers: speaker of each channel; None if unknown.
            live: whether the sound comes in real time: turns are then analyzed ahead, and falling behind
                causes a `health` event. A failing recogniser always causes one.
            meter: receives every frame (a level meter).
        """
        self._source = source
        self._analyzer = analyzer
        self._outputs = outputs
        self._settings = settings
        self._live = live
        self._meter = meter
        self._publisher = EventPublisher(stream, speakers, outputs, settings, analyzer)
        self._is_unjudged_said = False
        self._shedder = LoadShedder()
        self._channels: list[Channel] = []
        self._speakers = len(speakers)
        self._waiting: asyncio.Queue[EndedTurn | None] = asyncio.Queue(settings.pending_turns)
        self._analyses: set[asyncio.Task[TurnAnalysis]] = set()
        self._listener: asyncio.Task[None] | None = None
        self._stopping = False
        self._reading = False
        self._opening: asyncio.Future[None] | None = None
        self._finished = 0
        self._samples = 0
        self._gaps = 0
        self._gap_samples = 0
        self._ended = False
        self.source_failed = False
        self._published: dict[int, PublishedTurn] = {}

    @property
    def waiting(self) -> int:
        """Number of turns that have ended but are not published."""
        return self._waiting.qsize()

    def stop(self) -> None:
        """Stop listening. The turns heard so far are still analyzed and published."""
        self._stopping = True
        if self._opening is not None:
            self._opening.cancel()
        if self._reading and self._listener is not None:
            self._listener.cancel()

    async def mark(self) -> None:
        """Publish a mark at the present moment; does nothing before or after the session."""
        if self._listener is not None and not self._ended:
            heard = self._samples + self._gap_samples
            await self._publisher.publish(events.Mark, at_s=heard / SAMPLE_RATE)

    async def run(self) -> None:
        """Run until the source ends, fails or is stopped. The last event is always `session.ended`.

        The source is open, and takes sound, while models are still being loaded; the session begins then.
        If the reader of an output has gone, a recording is still published to its end to the other outputs;
        a live source is stopped, and the turns heard so far are published. If `stop` is called before the
        source is open and the models are there, there is no session and no event.

        Raises:
            InputError: the source cannot be opened, or failed; earlier turns were published. Or a model is
                not available, or does not know the language.
            RunError: an output or the recogniser failed.
            BrokenPipeError: the reader of an output has gone.
        """
        began = monotonic()
        reason = "error: cancelled"
        session = self._publisher.session
        with self._analyzer.running.session(self._figures), logs.about(session.stream, session.id):
            async with AsyncExitStack() as stack:
                if not await self._begin(stack):
                    return
                tasks: list[asyncio.Task[None]] = []
                try:
                    await self._publisher.started(self._source.name)
                    analyst = asyncio.create_task(self._analyse())
                    self._listener = listener = asyncio.create_task(self._listen())
                    tasks += listener, analyst
                    await asyncio.wait({listener, analyst}, return_when=asyncio.FIRST_EXCEPTION)
                    if analyst.done():  # everything is published, or the analyst failed
                        listener.cancel()
                    await analyst  # after a failure of the source, earlier turns are still published
                    await listener
                    reason = "interrupted" if self._stopping else "end of input"
                except (asyncio.CancelledError, BrokenPipeError):
                    reason = "interrupted"
                    raise
                except Exception as error:
                    reason = f"error: {logs.redact(described(error))}"
                    raise
                finally:
                    await self._leave(*tasks)
                    self._ended = True
                    await self._publisher.publish(
                        events.SessionEnded,
                        reason=reason,
                        turns=self._finished,
                        audio_s=self._samples / SAMPLE_RATE,
                        gaps=self._gaps,
                        gap_s=self._gap_samples / SAMPLE_RATE,
                        duration_s=monotonic() - began,
                    )
        if self._publisher.gone:
            raise BrokenPipeError

    async def _begin(self, stack: AsyncExitStack) -> bool:
        """Open the source, and wait for the models; False if `stop` is called before both are there."""
        self._opening = asyncio.ensure_future(self._open(stack))
        try:
            await self._opening
        except asyncio.CancelledError:
            if not self._stopping:
                raise
            return False
        finally:
            self._opening = None
        from streamer.session.turn_revisions import Conversation  # needs torch, which is imported by now

        settings, analyzer = self._settings, self._analyzer
        client = analyzer.client(
            live=self._live,
            language=settings.language,
            translate=settings.translate,
            word_times=settings.word_times,
        )
        self._client = stack.enter_context(client)
        self._conversation = Conversation(analyzer.bundle, settings.window, settings.revise_above)
        numbers = count(1)
        self._channels += (
            Channel(
                index,
                settings,
                self._client,
                self._conversation,
                self._publisher,
                self._shedder,
                numbers,
                self._queue,
            )
            for index in range(self._speakers)
        )
        return True

    async def _open(self, stack: AsyncExitStack) -> None:
        self.source_failed = True
        await stack.enter_async_context(self._source)
        self.source_failed = False
        opened = monotonic()
        await self._analyzer.ready()
        waited_s = monotonic() - opened
        self._shedder.excuse(monotonic() + waited_s)

    async def _leave(self, *tasks: "asyncio.Task[None]") -> None:
        for channel in self._channels:
            channel.close()
        for task in (*tasks, *self._analyses):
            task.cancel()
        await asyncio.gather(*tasks, *self._analyses, return_exceptions=True)
        self._channels.clear()  # breaks reference cycles: their memory would wait for garbage collection

    async def _listen(self) -> None:
        breathed = 0
        try:
            async for item in self._items():
                match item:
                    case AudioFrame(samples, channel=index):
                        self._samples += len(samples) if index == 0 else 0
                        if self._meter is not None:
                            self._meter(item)
                        await self._channels[index].feed(item)
                    case AudioGap(start, length, gap_reason):
                        for channel in self._channels:
                            await channel.gap(item)
                        self._gaps += 1
                        self._gap_samples += length
                        await self._publisher.publish(
                            events.AudioGap,
                            start_s=start / SAMPLE_RATE,
                            length_s=length / SAMPLE_RATE,
                            reason=gap_reason,
                        )
                    case DeviceLost(device, lost_reason):
                        await self._publisher.publish(
                            events.AudioDeviceLost, device=device, reason=lost_reason
                        )
                    case DeviceBack(device, lost_s):
                        await self._publisher.publish(events.AudioDeviceBack, device=device, lost_s=lost_s)
                if self._live and self._publisher.gone:  # nobody can see any more that a microphone is on
                    self._stopping = True
                if self._samples - breathed >= _BETWEEN_BREATHS:
                    breathed = self._samples
                    await self._report_health()
                    await asyncio.sleep(0)
        finally:
            for channel in self._channels:
                await channel.flush()
            await self._waiting.put(None)

    async def _items(self) -> AsyncIterator[AudioItem]:
        """The items of the source until `stop`, which interrupts only the wait for the next item."""
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
            except Exception:
                self.source_failed = True
                raise
            finally:
                self._reading = False
            yield item

    async def _queue(self, ended: EndedTurn) -> None:
        self._analyses.add(ended.analysis)
        if self._live and self._waiting.full():
            self._shedder.set_backlog(self._waiting.qsize())
            await self._report_health()
        await self._waiting.put(ended)

    async def _analyse(self) -> None:
        while (ended := await self._waiting.get()) is not None:
            analysis = await ended.analysis
            self._analyses.discard(ended.analysis)
            analysis = await self._refresh_text_context(ended.number, analysis)
            said, utterance = analysis.said, analysis.utterance
            if said.text and not utterance.text:
                self._warn_unjudged(said)
            began = perf_counter()
            step = self._conversation.replace if ended.was_reopened else self._conversation.add
            judged = await self._client.run_context(
                partial(step, ended.number, utterance, ended.turn.channel)
            )
            context_ms = 1e3 * (perf_counter() - began)
            transcribed_at, declared_at = analysis.transcribed_at, ended.declared_at
            latency = events.Latency(
                endpoint=max(0, ended.turn.declared - ended.turn.end) * 1e3 / SAMPLE_RATE,
                transcribe=1e3 * max(0.0, transcribed_at - declared_at),
                embed=1e3 * max(0.0, analysis.embedded_at - max(transcribed_at, declared_at)),
                context=context_ms,
                total=1e3 * (perf_counter() - declared_at),
            )
            turn = PublishedTurn(ended.number, ended.turn, said, latency)
            await self._publish(turn, judged)
            self._finished += not ended.was_reopened
            if self._waiting.empty():
                self._shedder.set_backlog(0)
                await self._report_health()

    async def _refresh_text_context(self, turn: int, analysis: TurnAnalysis) -> TurnAnalysis:
        """Embed the words again if other turns were added since."""
        preceding = self._conversation.preceding(turn)
        if analysis.preceding == preceding:
            return analysis
        text = analysis.utterance.text
        words = await self._client.embed_words(text, preceding, Priority(Urgency.FINAL))
        utterance = replace(analysis.utterance, text_embedding=words)
        return replace(analysis, utterance=utterance, preceding=preceding, embedded_at=perf_counter())

    def _warn_unjudged(self, said: Transcript) -> None:
        """Say once in a session that words are in a language that the bundle cannot judge."""
        if not self._is_unjudged_said:
            self._is_unjudged_said = True
            logging.getLogger("merits").warning(
                "%s: what is said in another language (%s) is judged by the voice alone: %s judges the words "
                "of %s only%s",
                self._publisher.session.stream,
                said.language,
                self._analyzer.bundle.name,
                ", ".join(self._analyzer.bundle.manifest.languages),
                "" if self._settings.translate else "; --translate has them translated",
            )

    async def _publish(self, newest: PublishedTurn, judged: "list[tuple[int, Judgement]]") -> None:
        self._published[newest.number] = newest
        for number, judgement in judged:
            turn = self._published[number]
            await self._publisher.judged(number, turn.turn, turn.said, turn.latency, judgement)
        while len(self._published) > self._settings.window:
            del self._published[next(iter(self._published))]

    def _figures(self) -> SessionFigures:
        return SessionFigures(
            audio_s=self._samples / SAMPLE_RATE,
            waiting=self._waiting.qsize(),
            limit=self._settings.pending_turns,
            held_back=self._shedder.behind,
            shed=Counter(self._shedder.counts),
            outputs=output_statuses(self._outputs),
        )

    async def _report_health(self) -> None:
        if (report := self._shedder.report(monotonic(), self._analyzer.trouble)) is None:
            return
        _log.info("%s: %s", report.status, report.message)
        shed = self._shedder.counts
        await self._publisher.health(
            report,
            {
                "turns": events.QueueHealth(
                    depth=self._waiting.qsize(), limit=self._settings.pending_turns, shed=0
                ),
                **{
                    name: events.QueueHealth(depth=0, limit=len(self._channels), shed=shed[name])
                    for name in ("speculation", "partials")
                },
            },
        )
