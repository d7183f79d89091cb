"""The queue of events for a client: bounded, whatever the client does."""

import asyncio
from collections import deque
from collections.abc import Iterable
from typing import Protocol, Self

from starlette.websockets import WebSocketDisconnect

from streamer.events import Event, QueueHealth, TurnPartial
from streamer.outputs.base import OutputStatus
from streamer.server.messages import EventsShed


class Wire(Protocol):
    """A receiver of text messages: a websocket, or a `ResumableClient` of several."""

    async def send_text(self, data: str) -> None:
        """Send one message.

        Raises:
            WebSocketDisconnect: the client has gone.
            RuntimeError: the websocket was closed from this side.
        """
        ...


class ClientEvents:
    """Queues events and sends them as text messages: `send` never waits for the client.

    When the queue is full, the oldest `turn.partial` is shed, or, if there is none, the oldest event. An
    `events.shed` message in their place states how many. Nothing is sent to a client that has gone.

    Args:
        wire: an accepted websocket.
        limit: most events that wait.
        limit_bytes: most bytes of events that wait.
        first: messages to send before all events; each is created when it is sent.

    Attributes:
        shed: total number of events shed.
    """

    def __init__(self, wire: Wire, limit: int, limit_bytes: int, *, first: Iterable[str] = ()) -> None:
        self._wire = wire
        self._limit = limit
        self._limit_bytes = limit_bytes
        self._bytes = 0
        self._first = first
        self._waiting: deque[tuple[str, bool]] = deque()
        self._some = asyncio.Event()
        self._closing = False
        self._untold = 0
        self.shed = 0
        self._sender = asyncio.create_task(self._send_all())

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._sender.cancel()
        await asyncio.wait([self._sender])

    @property
    def idle(self) -> bool:
        """Whether everything is sent and the client is connected."""
        return not self._waiting and not self._sender.done()

    @property
    def status(self) -> OutputStatus:
        """How much waits for the client; a slow client is no fault of the server."""
        queue = QueueHealth(depth=min(len(self._waiting), self._limit), limit=self._limit, shed=self.shed)
        return OutputStatus("client", queue=queue)

    async def send(self, event: Event) -> None:
        """Queue one event."""
        self.put(event.model_dump_json(), partial=isinstance(event, TurnPartial))

    def put(self, message: str, *, partial: bool) -> None:
        """Queue one message; `partial` ones are shed first."""
        if self._sender.done():
            return
        self._bytes += len(message)
        while self._waiting and (len(self._waiting) >= self._limit or self._bytes > self._limit_bytes):
            self._shed_one()
        self._waiting.append((message, partial))
        self._some.set()

    def _shed_one(self) -> None:
        partials = (i for i, (_, is_partial) in enumerate(self._waiting) if is_partial)
        which = next(partials, 0)
        self._bytes -= len(self._waiting[which][0])
        del self._waiting[which]
        self.shed += 1
        self._untold += 1

    async def finish(self) -> None:
        """Wait until everything is sent; returns at once if the client has gone."""
        self._closing = True
        self._some.set()
        await asyncio.wait([self._sender])

    async def _send_all(self) -> None:
        try:
            for message in self._first:
                await self._wire.send_text(message)
                await asyncio.sleep(0)
            while True:
                while self._waiting:
                    if self._untold:
                        notice = EventsShed(count=self._untold)
                        self._untold = 0
                        await self._wire.send_text(notice.model_dump_json())
                    else:
                        message, _ = self._waiting.popleft()
                        self._bytes -= len(message)
                        await self._wire.send_text(message)
                if self._closing:
                    return
                self._some.clear()
                await self._some.wait()
        except (WebSocketDisconnect, RuntimeError):  # closed by the client, or after a protocol error
            self._waiting.clear()
