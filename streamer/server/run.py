"""Runs the server, and ends it in order."""

import asyncio
import contextlib
import logging
import socket
from collections.abc import Callable, Iterator, Sequence

import uvicorn
from starlette.routing import BaseRoute
from uvicorn._types import ASGISendEvent
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from streamer.interrupts import Interrupts
from streamer.outputs.terminal.controls import Controls
from streamer.server.application import create_app
from streamer.server.entrance import Entrance
from streamer.server.streams import Streams
from streamer.tasks import keep_going

_PING_EVERY_S = 20.0
_log = logging.getLogger("merits.server")


def make_server(streams: Streams, entrance: Entrance, routes: Sequence[BaseRoute] = ()) -> uvicorn.Server:
    """Put the server together; it is run by `serve(sockets=[entrance.socket])`, ended by `should_exit`.

    Args:
        streams: entered by the caller.
        entrance: where it listens.
        routes: beside the protocol's own.
    """
    limits = streams.settings.server
    config = uvicorn.Config(
        create_app(streams, token=entrance.token, routes=routes),
        http="h11",
        ws=_Protocol,
        ws_max_size=limits.max_message_bytes,
        ws_ping_interval=_PING_EVERY_S,
        ws_ping_timeout=None,  # a client that is held back is not read, its pongs neither: see idle_timeout_s
        ws_per_message_deflate=False,
        lifespan="off",
        log_config=None,
        access_log=False,
        log_level="error",  # of warnings a stranger can make as many as it likes
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=round(limits.close_timeout_s) or 1,
        ssl_context_factory=None if (tls := entrance.tls) is None else lambda *_: tls,
    )
    logging.getLogger("uvicorn.error").addFilter(_not_left)
    return _Server(config, streams)


def _not_left(record: logging.LogRecord) -> bool:
    """Connections that are left at a second Ctrl-C are no fault."""
    return not (record.exc_info and isinstance(record.exc_info[1], asyncio.CancelledError))


async def serve(
    streams: Streams,
    entrance: Entrance,
    *,
    notify: Callable[[str], None],
    routes: Sequence[BaseRoute] = (),
    control: Callable[[Controls], None] | None = None,
) -> int:
    """Serve until interrupted.

    The first Ctrl-C (or SIGTERM) accepts nothing more, and tells what was heard; the second one leaves.

    Args:
        streams: entered here.
        entrance: where.
        notify: is told what the user should know.
        routes: beside the protocol's own.
        control: is given what ends it or marks a moment (the keys of a view).

    Returns:
        The exit code: 128 plus the number of the signal that ended it; 0 when a key did, or when nobody reads
        the events on standard output any more.
    """
    async with streams:
        server = make_server(streams, entrance, routes)

        def stop() -> None:
            server.should_exit = True
            if running := sum(1 for _ in streams):
                notify(f"finishing {running} streams; interrupt again to leave them")

        with Interrupts(stop) as interrupts:
            if control is not None:
                control(Controls(quit=interrupts.ask, mark=streams.mark, outputs=streams.published))
            _log.info("listening on %sNAME; page: %s (Ctrl-C to stop)", entrance.url, entrance.page)
            watch = keep_going(_stop_without_reader(streams, server), "standard output")
            try:
                await server.serve(sockets=[entrance.socket])
            finally:
                watch.cancel()
    return 128 + interrupts.caught if interrupts.caught else 0


class _Server(uvicorn.Server):
    """Leaves signals to others, and closes no connection before its stream has been told to the end."""

    def __init__(self, config: uvicorn.Config, streams: Streams) -> None:
        super().__init__(config)
        self._streams = streams

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        await self._streams.drain()
        await super().shutdown(sockets)


class _Protocol(WebSocketsSansIOProtocol):
    """Gives up on a client that neither reads what is left nor closes: its socket would stay for ever."""

    async def send(self, message: ASGISendEvent) -> None:
        await super().send(message)
        if message["type"] == "websocket.http.response.body":
            self.handshake_complete = True  # it was refused, which uvicorn takes for a fault of ours

    async def run_asgi(self) -> None:
        await super().run_asgi()
        self.loop.call_later(self.close_timeout, self.transport.abort)


async def _stop_without_reader(streams: Streams, server: uvicorn.Server) -> None:
    await streams.reader_gone.wait()
    server.should_exit = True
