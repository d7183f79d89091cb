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
from streamer.server.transport.waiting_connections import FirstHead
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
    config = uvicorn.Config(
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
    config.load()  # imports the protocols: uvicorn would do so when clients wait already
    return config


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

    def _spawn(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _accept(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                self._enter(*await loop.sock_accept(listener))
                self._accept_waiting(listener)
            except ConnectionError:
                continue  # it went before it was accepted
            except OSError as error:  # no more files may be open, or there is no memory for one
                _log.warning("a connection cannot be accepted: %s", error.strerror)
                self.known.make_room()
                await asyncio.sleep(_OUT_OF_FILES_S)
            else:
                await asyncio.sleep(0)

    def _accept_waiting(self, listener: socket.socket) -> None:
        """Accept those that wait already, as many as may be accepted in a turn of the event loop."""
        until_s = monotonic() + _ACCEPTING_S
        for _ in range(self._accepted_at_once - 1):
            try:
                self._enter(*listener.accept())
            except BlockingIOError:
                return
            if monotonic() > until_s:
                return

    def _enter(self, connected: socket.socket, address: tuple[str, int]) -> None:
        connected.setblocking(False)
        connection = self.known.enter(connected, address[0])
        if self.config.ssl is None:
            FirstHead(connection, self.known, self._hand_over).read()
        else:
            self._hand_over(connection)

    def _hand_over(self, connection: Connection, head: bytes = b"") -> None:
        """Give it a transport and a parser; then it is on its own."""

        def close_cancelled(opening: asyncio.Task[None]) -> None:  # perhaps before it began
            if opening.cancelled():
                self._close(connection)

        opening = self._spawn(self._open(connection, head))
        opening.add_done_callback(close_cancelled)
        connection.abort = opening.cancel

    async def _open(self, connection: Connection, head: bytes) -> None:
        loop, tls = asyncio.get_running_loop(), self.config.ssl
        try:
            await loop.connect_accepted_socket(
                lambda: Http(self, connection, head),
                connection.socket,
                ssl=tls,
                ssl_handshake_timeout=None if tls is None else self.limits.request_timeout_s,
            )
        except OSError:  # ssl.SSLError is one
            self._close(connection)

    def _close(self, connection: Connection) -> None:
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
