"""Accepts connections up to a limit, and closes those that send no request in time."""

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
from streamer.server.transport.request_head import RequestHead
from streamer.settings.server import ServerSettings

_LOOK_EVERY_S = 0.5
_OUT_OF_FILES_S = 0.1
_TURNS_TO_SPEAK = 8
"""Iterations of the event loop in which a new connection's request is read, before newer ones displace it."""
_ACCEPTING_S = 0.005
"""Longest time spent on accepting in one iteration of the event loop."""
_RETURN_EVERY_S = 10.0

_log = logging.getLogger("merits.server")
_floods = RepeatedLogFilter()


def make_config(app: ASGIApp, limits: ServerSettings, **more: object) -> uvicorn.Config:
    """The configuration of uvicorn that all servers of this program share.

    Args:
        app: the application to serve.
        limits: limits on clients.
        more: further options of `uvicorn.Config`.
    """
    config = uvicorn.Config(
        app,
        http="h11",
        h11_max_incomplete_event_size=MOST_HEAD_BYTES,
        lifespan="off",
        log_config=None,
        access_log=False,
        log_level="error",  # clients can cause any number of warnings
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=round(limits.close_timeout_s) or 1,
        **more,  # type: ignore[arg-type]
    )
    config.load()  # imports the protocols now rather than when the first client waits
    return config


class BoundedServer(uvicorn.Server):
    """A uvicorn server that handles no signals and limits the resources that clients can take.

    Args:
        config: from `make_config`.
        limits: limits on clients.
        websockets: the maximum number of websockets.

    Attributes:
        limits: limits on clients.
        known: the open connections.
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
        """Install no signal handlers."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start to accept connections, several in each iteration of the event loop.

        A flood of connections must not block the event loop, nor make others wait an iteration for each one.
        """
        await super().startup(sockets=[])
        self._spawn(self._look_after())
        for listener in sockets or ():
            listener.setblocking(False)
            keep_alive(listener, self.limits.vanished_timeout_s)
            self._spawn(self._accept(listener))

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop accepting, and end the remaining connections in bounded time."""
        self.refuse(sockets)
        ending = asyncio.get_running_loop().call_later(0.8 * self.limits.close_timeout_s, self.known.end_all)
        try:
            await super().shutdown(sockets)
        finally:
            ending.cancel()
            self.known.end_all()

    def refuse(self, sockets: list[socket.socket] | None) -> None:
        """Stop accepting connections."""
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
                continue  # the client disconnected before it was accepted
            except OSError as error:  # too many open files, or out of memory
                _log.warning("a connection cannot be accepted: %s", error.strerror)
                self.known.make_room()
                await asyncio.sleep(_OUT_OF_FILES_S)
            else:
                await asyncio.sleep(0)

    def _accept_waiting(self, listener: socket.socket) -> None:
        """Accept connections that already wait, as many as one iteration of the event loop may."""
        until_s = monotonic() + _ACCEPTING_S
        for _ in range(self._accepted_at_once - 1):
            try:
                connected, address = listener.accept()
            except BlockingIOError:
                return
            connected.setblocking(False)
            self._enter(connected, address)
            if monotonic() > until_s:
                return

    def _enter(self, connected: socket.socket, address: tuple[str, int]) -> None:
        connection = self.known.enter(connected, address[0])
        if self.config.ssl is None:
            RequestHead(connection, self.known, self._hand_over).read()
        else:
            self._hand_over(connection)

    def _hand_over(self, connection: Connection, head: bytes = b"") -> None:
        """Give a connection its transport and parser."""

        def close_cancelled(opening: asyncio.Task[None]) -> None:  # perhaps before it began
            if opening.cancelled():
                self.known.close(connection)

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
            self.known.close(connection)

    async def _look_after(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_EVERY_S)
            self.known.end_late()
            _floods.tell()
            if self._returned_s + _RETURN_EVERY_S < monotonic():
                self._returned_s = monotonic()
                await asyncio.to_thread(return_freed)
