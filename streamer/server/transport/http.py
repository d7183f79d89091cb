"""HTTP on one connection: one request at a time, parsed in bounded pieces and in bounded time."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from streamer.server.transport.connections import Connection, State
from streamer.server.transport.token_bucket import TokenBucket
from streamer.server.transport.websocket import WebSocket

if TYPE_CHECKING:
    import asyncio

    from streamer.server.transport.accepting import BoundedServer

_PIECE_BYTES = 16 * 1024
_REQUESTS_PER_S, _REQUESTS_AT_ONCE = 10, 20
_BAD = b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
_TOO_MANY = b"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"

MOST_HEAD_BYTES = 16 * 1024
"""Limit of a request's first line and headers."""


class Http(H11Protocol):
    """Handles one request at a time: the next one is parsed when the response before it is written.

    No route takes a body: a request with one is answered, then the connection is closed.

    Args:
        server: the server that accepted the connection.
        connection: its entry in `server.known`.
        head: bytes that were already read from it.
    """

    transport: "asyncio.Transport"

    def __init__(self, server: "BoundedServer", connection: Connection, head: bytes = b"") -> None:
        super().__init__(server.config, server.server_state, server.lifespan.state)
        self._known = server.known
        self._connection = connection
        self._budget = TokenBucket(_REQUESTS_PER_S, _REQUESTS_AT_ONCE)
        self._unread = bytearray(head)
        self._answering = False
        if self.ws_protocol_class is not None:
            self.ws_protocol_class = partial(  # type: ignore[assignment]
                WebSocket, limits=server.limits, known=server.known, connection=connection
            )

    def connection_made(self, transport: "asyncio.Transport") -> None:  # type: ignore[override]
        """Start to parse, unless the connection was ended meanwhile."""
        super().connection_made(transport)
        self._connection.abort = transport.abort
        if self._known.now(self._connection, State.WAITING):
            self._read_on()
        else:
            transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Clean up after a closed connection."""
        self._known.leave(self._connection)
        self._unread.clear()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse received bytes, or keep them until the current response is written."""
        self._unread += data
        self._read_on()

    def handle_events(self) -> None:
        """Handle the parsed events; a new request makes the connection one that is answered."""
        before = self.cycle
        super().handle_events()
        if self.cycle is not before:
            self._answering = True
            self._known.now(self._connection, State.ANSWERED)

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        """Switch to a websocket, within the limit of websockets."""
        self._answering = True  # nothing more is parsed here
        self._unread.clear()
        if self._known.now(self._connection, State.WEBSOCKET):
            super().handle_websocket_upgrade(event)
            websocket: WebSocket = self.transport.get_protocol()  # type: ignore[assignment]
            if websocket.handshake_initiated:
                return
            answer = _BAD  # more headers than uvicorn's websocket parser accepts
        else:
            answer = _TOO_MANY
        self.transport.write(answer)
        self.transport.close()

    def send_400_response(self, msg: str) -> None:
        """Answer invalid HTTP, unless a response is being written."""
        if self.cycle is None or self.cycle.response_complete:
            super().send_400_response(msg)

    def on_response_complete(self) -> None:
        """Continue with the next request, delayed above the rate limit."""
        if self.conn.their_state is not h11.DONE:
            self.transport.close()
        after: Callable[[], None] = self._next
        if wait_s := self._budget.spend(1):
            self.loop.call_later(wait_s, after)
        else:
            after()

    def _next(self) -> None:
        self._answering = False
        if self._connection.state is State.ANSWERED and not self.transport.get_write_buffer_size():
            self._known.now(self._connection, State.WAITING)
        super().on_response_complete()
        if not self.transport.is_closing():
            self._read_on()

    def _read_on(self) -> None:
        while self._unread and not self._answering and not self.transport.is_closing():
            piece = bytes(self._unread[:_PIECE_BYTES])
            del self._unread[:_PIECE_BYTES]
            super().data_received(piece)
        if self._unread:
            self.flow.pause_reading()
        elif not self._answering:
            self.flow.resume_reading()
