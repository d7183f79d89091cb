"""Accepts connections, as many as may be, and gives up on those that do not say what they want."""

import asyncio
import contextlib
import logging
import socket
from collections.abc import Coroutine, Iterator
from time import monotonic

import uvicorn
from starlette.types import ASGIApp

from streamer.machine.memory import return_freed
from streamer.server.transport.connections import Connection, Connections, keep_alive
from streamer.server.transport.http import MOST_HEAD_BYTES, Http
from streamer.server.transport.open_file_limit import room_for_connections
from streamer.server.transport.repeated_logs import RepeatedLogFilter
from streamer.settings.server import ServerSettings

_LOOK_EVERY_S = 0.5
_OUT_OF_FILES_S = 0.1
_TURNS_TO_SPEAK = 8
"""Turns of the event loop until what a connection asks is read: before, newer ones must not displace it."""
_ACCEPTING_S = 0.005
"""In a turn of the event loop, which serves everyone else too."""
_RETURN_EVERY_S = 10.0

_log = logging.getLogger("merits.server")
_floods = RepeatedLogFilter()


def make_config(app: ASGIApp, limits: ServerSettings, **more: object) -> uvicorn.Config:
    """What every server of ours has in common, as uvicorn is told it.

    Args:
        app: what it serves.
        limits: of clients.
        more: beside it.
    """
    return uvicorn.Config(
        app,
        http="h11",
        h11_max_incomplete_event_size=MOST_HEAD_BYTES,
        lifespan="off",
        log_config=None,
        access_log=False,
        log_level="error",  # of warnings a stranger can make as many as it likes
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=round(limits.close_timeout_s) or 1,
        **more,  # type: ignore[arg-type]
    )


class BoundedServer(uvicorn.Server):
    """Leaves signals to others, and bounds what it spends on whoever connects.

    Args:
        config: by `make_config`.
        limits: of clients.
        websockets: how many connections may be websockets.

    Attributes:
        limits: as given.
        known: the connections there are.
    """

    def __init__(self, config: uvicorn.Config, limits: ServerSettings, *, websockets: int = 0) -> None:
        super().__init__(config)
        self.limits = limits
        plain = room_for_connections(limits.max_connections)
        self._accepted_at_once = max(1, plain // _TURNS_TO_SPEAK)
        self.known = Connections(
            plain=plain,
            websockets=websockets,
            request_s=limits.request_timeout_s,
            answer_s=limits.answer_timeout_s,
        )
        self._tasks: set[asyncio.Task[None]] = set()
        self._returned_s = monotonic()
        _floods.watch(("merits.server", "uvicorn.error", "asyncio", "websockets.server"))

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals alone."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Accept from now on: some connections in a turn of the event loop, which a flood must not hold up.

        Nor must others wait for as many turns as the flood has connections.
        """
        await super().startup(sockets=[])
        self._spawn(self._look_after())
        for listener in sockets or ():
            listener.setblocking(False)
            keep_alive(listener, self.limits.vanished_timeout_s)
            self._spawn(self._accept(listener))

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Accept no more, and end those that are left in bounded time."""
        self.refuse(sockets)
        ending = asyncio.get_running_loop().call_later(0.8 * self.limits.close_timeout_s, self.known.end_all)
        try:
            await super().shutdown(sockets)
        finally:
            ending.cancel()
            self.known.end_all()

    def refuse(self, sockets: list[socket.socket] | None) -> None:
        """Accept no more."""
        for task in self._tasks:
            task.cancel()
        for listener in sockets or ():
            listener.close()

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _accept(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        accepted, until_s = 0, monotonic() + _ACCEPTING_S
        while True:
            try:
                connected, address = await loop.sock_accept(listener)  # at once where there is one
            except ConnectionError:
                continue  # it went before it was accepted
            except OSError as error:  # no more files may be open, or there is no memory for one
                _log.warning("a connection cannot be accepted: %s", error.strerror)
                self.known.make_room()
                await asyncio.sleep(_OUT_OF_FILES_S)
                continue
            self._spawn(self._open(self.known.enter(connected, str(address[0]))))
            accepted += 1
            if accepted >= self._accepted_at_once or monotonic() > until_s:
                await asyncio.sleep(0)
                accepted, until_s = 0, monotonic() + _ACCEPTING_S

    async def _open(self, connection: Connection) -> None:
        """See it through its first request's head, or its TLS handshake; then it is on its own.

        Until then it costs a socket, and neither a transport nor a parser: of those that only come and stay
        there may be thousands.
        """
        if connection.socket.fileno() < 0:
            return  # it had to give way already
        loop, tls = asyncio.get_running_loop(), self.config.ssl
        opening = asyncio.current_task()
        assert opening is not None
        connection.abort = opening.cancel
        try:
            head = await _first_head(connection.socket) if tls is None else b""
            await loop.connect_accepted_socket(
                lambda: Http(self, connection, head),
                connection.socket,
                ssl=tls,
                ssl_handshake_timeout=None if tls is None else self.limits.request_timeout_s,
            )
        except (OSError, asyncio.CancelledError):  # ssl.SSLError is one
            self.known.leave(connection)
            connection.socket.close()

    async def _look_after(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_EVERY_S)
            self.known.end_late()
            _floods.tell()
            if self._returned_s + _RETURN_EVERY_S < monotonic():
                self._returned_s = monotonic()
                await asyncio.to_thread(return_freed)


async def _first_head(connected: socket.socket) -> bytes:
    """What comes until it may be a request's first line and headers, or can be none (RFC 9112, 2.1).

    Raises:
        OSError: it was closed before.
    """
    loop = asyncio.get_running_loop()
    head = b""
    while not (b"\n\r\n" in head or b"\n\n" in head or b"" < head[:1] < b"!"):
        if len(head) >= MOST_HEAD_BYTES:
            break
        if not (more := await loop.sock_recv(connected, MOST_HEAD_BYTES)):
            raise ConnectionError("closed before it asked for anything")
        head += more
    return head
