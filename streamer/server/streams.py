"""The running streams: admission by name, and outputs besides the client."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Collection, Coroutine, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from streamer.events import Event, SessionEnded, SessionStarted, TurnFinal
from streamer.machine.memory_left import Memory
from streamer.metrics.prometheus import Metrics
from streamer.outputs.base import Output, OutputStatus
from streamer.outputs.jsonl import STDOUT, JsonLines
from streamer.outputs.jsonl_folder import SessionFile
from streamer.outputs.mqtt.address import BrokerAddress
from streamer.outputs.mqtt.publishing import Publishing, publishing
from streamer.outputs.plain_lines import ended_line
from streamer.server.messages import Problem, Refused, Start
from streamer.server.resumable_client import ResumableClient
from streamer.server.transport.token_bucket import TokenBucket
from streamer.server.watchers.watchers import Watchers
from streamer.settings.settings import Settings
from streamer.turn_embedding.analyzer import Analyzer

_COST = {"pcm_s16le": 1, "container": 4}
"""Rate-limit cost of starting a stream, by format: a container's decoder needs a thread and memory."""

log = logging.getLogger("merits.server")


class Stream(Output):
    """A running stream. It is also an output of its session, and so learns of its events.

    Attributes:
        since: when the stream began.
        session: ULID of the session, once it has begun.
        turns: number of final turns so far.
        connected: whether the client is still connected; if not, a new stream of the name waits for the end.
        stopped: why `stop` was called, or None.
        ended: set when everything is written and released.
        mark: marks the present moment of the session, once that runs.
    """

    def __init__(self, name: str, start: Start, client: ResumableClient, watchers: Watchers) -> None:
        self.name = name
        self.start = start
        self.client = client
        self._watchers = watchers
        self.since = datetime.now(UTC)
        self.session: str | None = None
        self.turns = 0
        self.connected = True
        self.stopped: Problem | None = None
        self.ended = asyncio.Event()
        self.mark: Callable[[], Coroutine[Any, Any, None]] | None = None
        self._interrupt: Callable[[], None] | None = None

    def on_stop(self, interrupt: Callable[[], None]) -> None:
        """Register what ends the source; called at once if the stream was stopped already."""
        self._interrupt = interrupt
        if self.stopped is not None:
            interrupt()

    def stop(self, why: Problem) -> None:
        """Accept no more sound; turns heard so far are still finished."""
        if self.stopped is None:
            self.stopped = why
            if self._interrupt is not None:
                self._interrupt()

    def close(self) -> None:
        """Record that everything is written and released, and drop references to the session."""
        self.mark = self._interrupt = None
        self.ended.set()

    def describe(self) -> dict[str, Any]:
        """The stream as `GET /v1/streams` lists it."""
        return {
            "stream": self.name,
            "session": self.session,
            "since": self.since.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "turns": self.turns,
            "connected": self.connected and not self.client.away,
        }

    async def send(self, event: Event) -> None:
        """Record an event of the session."""
        self._watchers.tell(event)
        match event:
            case SessionStarted():
                self.session = event.session
                log.info("%s: session %s", self.name, event.session)
            case TurnFinal():
                self.turns += 1
            case SessionEnded():
                log.info("%s: %s", self.name, ended_line(event))


class Streams:
    """All streams of a server, on one analyzer.

    Args:
        analyzer: analyzes the turns of all streams.
        settings: settings of the server and of every session.
        events: folder for events files, "-" for standard output, or None.
        broker: broker to publish events to, or None.
    """

    def __init__(
        self,
        analyzer: Analyzer,
        settings: Settings,
        *,
        events: str | None = None,
        broker: BrokerAddress | None = None,
    ) -> None:
        self.analyzer = analyzer
        self.metrics = Metrics(analyzer)
        self.settings = settings
        self.limit = settings.server.max_streams
        """Most streams at once, including those that wait for their clients."""
        self._starts = TokenBucket(settings.server.max_starts_per_s, settings.server.max_streams)
        self._starting = asyncio.Lock()
        self.memory = Memory(settings.server.max_memory_mb)
        self.stopping = False
        self.watchers = Watchers(analyzer, settings)
        self.reader_gone = asyncio.Event()
        """Set when the reader of standard output has gone."""
        self._publishing = Publishing()
        self._events = events
        self._broker = broker
        self._running: dict[str, Stream] = {}
        self._connections = 0
        self._stdout: JsonLines | None = None
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        self._stack.enter_context(self.analyzer.running.watch("memory", self.memory.shortage))
        if self._events == STDOUT:
            self._stdout = await self._stack.enter_async_context(JsonLines(STDOUT))
        self._publishing = await self._stack.enter_async_context(
            publishing(self._broker, self.settings.outbox, words=self.settings.text, leftovers=True)
        )
        if (leftovers := self._publishing.leftovers) is not None:
            self._stack.enter_context(self.analyzer.running.beside(lambda: leftovers.status))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    def __iter__(self) -> Iterator[Stream]:
        return iter(self._running.values())

    @property
    def writes_files(self) -> bool:
        """Whether each session has its own events file."""
        return self._events not in (None, STDOUT)

    @property
    def publishes(self) -> bool:
        """Whether events are published to a broker."""
        return self._broker is not None

    @contextmanager
    def place(self) -> Iterator[None]:
        """Reserve a place for one connection, whether its stream has begun, will begin or is resumed.

        Raises:
            Refused: no place is left.
        """
        if self.stopping:
            raise Refused(Problem.SHUTTING_DOWN, "the server is stopping")
        if self._connections >= self.limit + sum(stream.client.away for stream in self):
            raise self._too_many()
        self._connections += 1
        try:
            yield
        finally:
            self._connections -= 1

    def resumable(self, name: str, start: Start) -> Stream | None:
        """The stream that a client may resume, or None."""
        stream = self._running.get(name)
        if stream is None or start.resume is None or stream.session != start.resume:
            return None
        goes_on = stream.connected and stream.stopped is None and stream.client.resumable
        return stream if goes_on and stream.start.sound == start.sound else None

    @asynccontextmanager
    async def admit(self, name: str, start: Start, client: ResumableClient) -> AsyncIterator[Stream]:
        """Run a stream under a name, after the end of the stream that had the name or must make room.

        Raises:
            Refused: another client is connected under the name and the new one may not replace it; there are
                too many streams; memory is short; the server is stopping; or the client has gone.
        """
        async with self._starting:  # in order of arrival
            if client.gone:
                raise Refused(Problem.DISCONNECTED, "the client disconnected before its stream began")
            await self._starts.pay(_COST[start.format])
        while (other := self._in_the_way(name, start)) is not None:
            await other.ended.wait()
        if self.stopping:
            raise Refused(Problem.SHUTTING_DOWN, "the server is stopping")
        if (shortage := self.memory.shortage()) is not None:
            log.warning("%s is refused: %s", name, shortage)
            raise Refused(Problem.OUT_OF_MEMORY, "the server's memory is short; try again later")
        stream = self._running[name] = Stream(name, start, client, self.watchers)
        try:
            yield stream
        finally:
            del self._running[name]
            stream.close()

    def _in_the_way(self, name: str, start: Start) -> Stream | None:
        """The stream that has to end, and will, before a new one can begin; None if there is none."""
        other = self._running.get(name)
        if other is None and len(self._running) >= self.limit:
            other = next((stream for stream in self if stream.client.away), None)  # the oldest
            if other is None:
                raise self._too_many()
        if other is None:
            return None
        if other.name == name and start.takeover:
            other.stop(Problem.TAKEN_OVER)
        elif other.client.away:
            other.client.give_up()
        elif other.connected and other.stopped is None:
            raise Refused(
                Problem.NAME_TAKEN, f"another client streams as {name!r}; end it, or ask for takeover"
            )
        return other

    def _too_many(self) -> Refused:
        return Refused(Problem.TOO_MANY_STREAMS, f"there are {self.limit} streams already; try again later")

    @asynccontextmanager
    async def outputs(self, name: str) -> AsyncIterator[list[Output]]:
        """The outputs of one session, other than its client."""
        async with AsyncExitStack() as stack:
            outputs: list[Output] = [self.metrics]
            outputs += await stack.enter_async_context(self._publishing.stream(name))
            if self._stdout is not None:
                outputs.append(self._stdout)
            elif self._events is not None:
                outputs.append(await stack.enter_async_context(SessionFile(Path(self._events))))
            yield outputs

    def published(self) -> list[OutputStatus]:
        """Status of publishing: of each running stream, and of what ended streams left unsent."""
        return self._publishing.statuses

    async def mark(self, names: Collection[str]) -> None:
        """Mark the present moment in the sessions of the streams with these names."""
        for stream in list(self):
            if stream.name in names and stream.mark is not None:
                await stream.mark()

    async def drain(self) -> None:
        """Stop all streams, admit no more, and wait until all turns are finished and written."""
        self.stopping = True
        for stream in self:
            stream.stop(Problem.SHUTTING_DOWN)
        while self._running:
            await next(iter(self)).ended.wait()
        await self.watchers.close()
