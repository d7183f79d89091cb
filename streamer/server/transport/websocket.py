"""A websocket that is parsed in bounded pieces and within rate limits."""

import asyncio
from collections import deque
from typing import Any

from uvicorn._types import ASGIReceiveEvent, ASGISendEvent
from uvicorn.config import Config
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import CloseCode, Frame
from websockets.http11 import Request

from streamer.server.transport.connections import Connection, Connections
from streamer.server.transport.token_bucket import TokenBucket
from streamer.settings.server import ServerSettings

GONE = "merits.gone"
"""Key in the ASGI scope of an `asyncio.Event`, set when the connection is lost, even while not read."""

_PIECE_BYTES = 4 * 1024
_FRAMES_A_TURN, _BYTES_A_TURN = 16, 64 * 1024
"""Limits for one client in one iteration of the event loop."""

_SOUND_BYTES = 64 * 1024
"""Longest binary message that the application receives."""

_MOST_FRAGMENTS = 1024
"""Limit of fragments per message; each costs memory, however short it is."""


class _Inbox:
    """Messages the application has not received yet. Short pieces of sound are joined, long ones split."""

    def __init__(self) -> None:
        self._messages: deque[ASGIReceiveEvent] = deque()
        self._some = asyncio.Event()

    def put_nowait(self, message: ASGIReceiveEvent) -> None:
        """Add a message."""
        if message["type"] == "websocket.receive" and (data := message.get("bytes")) is not None:
            self._put_sound(data)
        else:
            self._messages.append(message)
        self._some.set()

    def _put_sound(self, data: bytes) -> None:
        last: Any = self._messages[-1] if self._messages else {}
        if last.get("bytes") is not None and len(last["bytes"]) + len(data) <= _SOUND_BYTES:
            last["bytes"] += data
            return
        for start in range(0, max(len(data), 1), _SOUND_BYTES):
            piece: Any = bytearray(data[start : start + _SOUND_BYTES])
            self._messages.append({"type": "websocket.receive", "bytes": piece})

    async def get(self) -> ASGIReceiveEvent:
        """The next message, as soon as there is one."""
        while not self._messages:
            self._some.clear()
            await self._some.wait()
        message: Any = self._messages.popleft()
        if message.get("bytes") is not None:
            message["bytes"] = bytes(message["bytes"])
        return message  # type: ignore[no-any-return]

    def empty(self) -> bool:
        """Whether no message is left."""
        return not self._messages


class WebSocket(WebSocketsSansIOProtocol):
    """A client's websocket; reading pauses until the application has received all messages.

    Reading also pauses while the client is above its rate limits.

    Args:
        limits: limits on clients.
        known: the open connections.
        connection: the entry of this one.
    """

    def __init__(
        self,
        config: Config,
        server_state: Any,
        app_state: dict[str, Any],
        *,
        limits: ServerSettings,
        known: Connections,
        connection: Connection,
    ) -> None:
        super().__init__(config, server_state, app_state)
        self.close_timeout = limits.close_timeout_s
        self.queue: _Inbox = _Inbox()  # type: ignore[assignment]
        self.gone = asyncio.Event()
        self._known = known
        self._connection = connection
        self._unparsed = bytearray()
        self._frames_budget = TokenBucket(limits.max_messages_per_s, limits.max_messages_per_s)
        self._bytes_budget = TokenBucket(limits.max_bytes_per_s, limits.max_bytes_per_s)
        self._next_turn: asyncio.Handle | None = None

    def connection_lost(self, exc: Exception | None) -> None:
        """Clean up after a closed connection."""
        self._known.leave(self._connection)
        self._unparsed.clear()
        if self._next_turn is not None:
            self._next_turn.cancel()
        super().connection_lost(exc)
        self.gone.set()

    def data_received(self, data: bytes) -> None:
        """Parse received bytes, or keep them until parsing may go on."""
        self._unparsed += data
        if self._next_turn is None:
            self._read_on()

    def handle_connect(self, event: Request) -> None:
        """Start the handshake, and let the application know when the connection is lost (`GONE`)."""
        super().handle_connect(event)
        if hasattr(self, "scope"):
            self.scope[GONE] = self.gone  # type: ignore[literal-required]

    def handle_cont(self, event: Frame) -> None:
        """Add a fragment to the message; too many close the connection."""
        if len(self.frames) >= _MOST_FRAGMENTS:
            self.conn.fail(CloseCode.MESSAGE_TOO_BIG, f"a message of more than {_MOST_FRAGMENTS} fragments")
            self.handle_parser_exception()
        else:
            super().handle_cont(event)

    def handle_ping(self) -> None:
        """Answer a ping, unless the client reads no answers (RFC 6455, 5.5.3, allows to skip some)."""
        answer = b"".join(self.conn.data_to_send())
        if self.writable.is_set():
            self.transport.write(answer)

    def send_receive_event_to_app(self) -> None:
        """Queue a complete message for the application."""
        data, self.frames = b"".join(self.frames), []
        if self.close_sent:
            return  # only the client's close frame is awaited
        if self.curr_msg_data_type == "bytes":
            self.queue.put_nowait({"type": "websocket.receive", "bytes": data})
            return
        try:
            self.queue.put_nowait({"type": "websocket.receive", "text": data.decode()})
        except UnicodeDecodeError:
            self.conn.fail(CloseCode.INVALID_DATA, "text that is not UTF-8")
            self.handle_parser_exception()

    async def receive(self) -> ASGIReceiveEvent:
        """The next message, for the application."""
        message = await self.queue.get()
        if self.queue.empty() and self._next_turn is None:
            self._next_turn = self.loop.call_soon(self._read_on)
        return message

    async def send(self, message: ASGISendEvent) -> None:
        """Send a message of the application."""
        await super().send(message)
        if message["type"] == "websocket.http.response.body":
            self.handshake_complete = True  # uvicorn would log a refusal as an error of the application
        elif message["type"] == "websocket.close" and self._next_turn is None:
            self._read_on()

    async def run_asgi(self) -> None:
        """Run the application; then abort the connection if the client does not close it in time."""
        await super().run_asgi()
        self.loop.call_later(self.close_timeout, self.transport.abort)

    def _read_on(self) -> None:
        """Parse received bytes within the limits of one iteration, then resume or pause reading."""
        self._next_turn = None
        frames = size = 0
        while self._unparsed and self._may_parse and frames < _FRAMES_A_TURN and size < _BYTES_A_TURN:
            piece = bytes(self._unparsed[:_PIECE_BYTES])
            del self._unparsed[:_PIECE_BYTES]
            size += len(piece)
            self.conn.receive_data(piece)
            frames += len(self.conn.events)
            self.handle_events()
            if self.conn.parser_exc is not None and not self.close_sent:
                self.handle_parser_exception()
        wait_s = max(self._frames_budget.spend(frames), self._bytes_budget.spend(size))
        if wait_s > 0 and not self.transport.is_closing():
            self._next_turn = self.loop.call_later(wait_s, self._read_on)
        elif self._unparsed and self._may_parse:
            self._next_turn = self.loop.call_soon(self._read_on)
        self._hold_back(self._next_turn is not None or not self._may_parse)

    @property
    def _may_parse(self) -> bool:
        return not self.transport.is_closing() and (self.close_sent or self.queue.empty())

    def _hold_back(self, held_back: bool) -> None:
        if held_back is not self.read_paused:
            self.read_paused = self._connection.held_back = held_back
            if held_back:
                self.transport.pause_reading()
            else:
                self.transport.resume_reading()
