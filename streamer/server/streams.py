"""The streams there are: who may use which name, and where their events go besides the client."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Collection, Coroutine, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from streamer.analysis.analyzer import Analyzer
from streamer.events import Event, SessionEnded, SessionStarted, TurnFinal
from streamer.machine.memory_left import Memory
from streamer.metrics.prometheus import Metrics
from streamer.outputs.base import Output, OutputStatus
from streamer.outputs.jsonl import STDOUT, JsonLines
from streamer.outputs.jsonl_folder import SessionFile
from streamer.outputs.lines import ended_line
from streamer.outputs.mqtt.address import BrokerAddress
from streamer.outputs.mqtt.publishing import Publishing, publishing
from streamer.server.protocol import Problem, Refused, Start
from streamer.server.resumable_client import ResumableClient
from streamer.server.transport.token_bucket import TokenBucket
from streamer.server.watchers.watchers import Watchers
from streamer.settings.settings import Settings

_COST = {"pcm_s16le": 1, "container": 4}
"""Of beginning a stream, by its format: a decoder has a thread, and memory of its own."""

log = logging.getLogger("merits.server")


class Stream(Output):
    """A stream that runs; an output of its own session, which tells it how that goes.

    Attributes:
        since: when it began.
        session: ULID of the session, once it has begun.
        turns: turns told so far.
        connected: whether its client is still there: afterwards its name can be had by waiting.
        stopped: why it was told to stop, if it was.
        ended: set when all is written and released.
        mark: marks this moment of its session, once it runs.
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
        """Say what makes it take in nothing more; called at once if it was told to stop already."""
        self._interrupt = interrupt
        if self.stopped is not None:
            interrupt()

    def stop(self, why: Problem) -> None:
        """Take in nothing more; what was heard is still told."""
        if self.stopped is None:
            self.stopped = why
            if self._interrupt is not None:
                self._interrupt()

    def close(self) -> None:
        """All is written and released: nothing keeps the session from being forgotten."""
        self.mark = self._interrupt = None
        self.ended.set()

    def describe(self) -> dict[str, Any]:
        """As listed by `GET /v1/streams`."""
        return {
            "stream": self.name,
            "session": self.session,
            "since": self.since.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "turns": self.turns,
            "connected": self.connected and not self.client.away,
        }

    async def send(self, event: Event) -> None:
        """Take note of an event of the session."""
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
        analyzer: understands the turns of all of them.
        settings: of the server and of every session.
        events: where events go besides the clients: a folder, "-" for standard output, or nowhere.
        broker: where they are published too.
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
        """Of streams at once, those that wait for their clients included."""
        self._starts = TokenBucket(settings.server.max_starts_per_s, settings.server.max_streams)
        self._starting = asyncio.Lock()
        self.memory = Memory(settings.server.max_memory_mb)
        self.stopping = False
        self.watchers = Watchers(analyzer.bundle, settings)
        self.reader_gone = asyncio.Event()
        """Set when nobody reads standard output any more."""
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
        """Whether each session has a file of its own."""
        return self._events not in (None, STDOUT)

    @property
    def publishes(self) -> bool:
        """Whether there is a broker."""
        return self._broker is not None

    @contextmanager
    def place(self) -> Iterator[None]:
        """A place for one connection, stream or not yet, or to go on with one.

        Raises:
            Refused: there is none left.
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
        """The stream that a client comes back to, None where there is none like it."""
        stream = self._running.get(name)
        if stream is None or start.resume is None or stream.session != start.resume:
            return None
        goes_on = stream.connected and stream.stopped is None and stream.client.resumable
        return stream if goes_on and stream.start.sound == start.sound else None

    @asynccontextmanager
    async def admit(self, name: str, start: Start, client: ResumableClient) -> AsyncIterator[Stream]:
        """Run a stream under a name, once whoever had it has ended, and whoever has to give way.

        Raises:
            Refused: another client is connected under the name, and is not to be taken over; there are too
                many; memory is short; the server is stopping; or the client has gone meanwhile.
        """
        async with self._starting:  # in the order in which they came
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
        """A stream that must have ended before another can begin, and will; None where nothing hinders it."""
        other = self._running.get(name)
        if other is None and len(self._running) >= self.limit:
            other = next((stream for stream in self if stream.client.away), None)  # the oldest one
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
        """The outputs of one session besides its client."""
        async with AsyncExitStack() as stack:
            outputs: list[Output] = [self.metrics]
            outputs += await stack.enter_async_context(self._publishing.stream(name))
            if self._stdout is not None:
                outputs.append(self._stdout)
            elif self._events is not None:
                outputs.append(await stack.enter_async_context(SessionFile(Path(self._events))))
            yield outputs

    def published(self) -> list[OutputStatus]:
        """How the broker fares with each stream that runs, and with what ended ones have left."""
        return self._publishing.statuses

    async def mark(self, names: Collection[str]) -> None:
        """Mark this moment in the sessions of those names."""
        for stream in list(self):
            if stream.name in names and stream.mark is not None:
                await stream.mark()

    async def drain(self) -> None:
        """Stop all streams, admit no more, and wait until what was heard is told and written."""
        self.stopping = True
        for stream in self:
            stream.stop(Problem.SHUTTING_DOWN)
        while self._running:
            await next(iter(self)).ended.wait()
        await self.watchers.close()
