"""Events on their way back to the client: bounded, whatever the client does."""

import asyncio
from collections import deque
from types import TracebackType
from typing import Self

from starlette.websockets import WebSocket, WebSocketDisconnect

from streamer.events import Event, TurnPartial
from streamer.server.protocol import EventsShed


class ClientEvents:
    """Sends events as text messages, from a queue of its own: `send` never waits for the client.

    When the queue is full the oldest `turn.partial` is shed, or, where none waits, the oldest event. The
    client is told how many by an `events.shed` message in their place. A client that has gone gets nothing.

    Args:
        websocket: accepted.
        limit: events that may wait.

    Attributes:
        shed: how many were shed in all.
    """

    def __init__(self, websocket: WebSocket, limit: int) -> None:
        self._websocket = websocket
        self._limit = limit
        self._waiting: deque[Event] = deque()
        self._some = asyncio.Event()
        self._closing = False
        self._untold = 0
        self.shed = 0
        self._sender = asyncio.create_task(self._send_all())

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._sender.cancel()
        await asyncio.wait([self._sender])

    async def send(self, event: Event) -> None:
        """Take over one event."""
        if self._sender.done():
            return
        if len(self._waiting) >= self._limit:
            partials = (i for i, waiting in enumerate(self._waiting) if isinstance(waiting, TurnPartial))
            del self._waiting[next(partials, 0)]
            self.shed += 1
            self._untold += 1
        self._waiting.append(event)
        self._some.set()

    async def finish(self) -> None:
        """Wait until all is sent; returns at once when the client has gone."""
        self._closing = True
        self._some.set()
        await asyncio.wait([self._sender])

    async def _send_all(self) -> None:
        try:
            while True:
                while self._waiting:
                    if self._untold:
                        notice = EventsShed(count=self._untold)
                        self._untold = 0
                        await self._websocket.send_text(notice.model_dump_json())
                    else:
                        await self._websocket.send_text(self._waiting.popleft().model_dump_json())
                if self._closing:
                    return
                self._some.clear()
                await self._some.wait()
        except (WebSocketDisconnect, RuntimeError):  # closed by the client; by the server for a broken rule
            self._waiting.clear()
