"""Runs the server, and shuts it down in order."""

import asyncio
import logging
import socket
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import uvicorn

from streamer.machine.interrupts import Interrupts
from streamer.outputs.controls import Controls
from streamer.server.application import create_app
from streamer.server.listener import Listener
from streamer.server.streams import Streams
from streamer.server.transport import open_file_limit
from streamer.server.transport.accepting import BoundedServer, make_config
from streamer.server.transport.websocket import WebSocket
from streamer.tasks import keep_going

if TYPE_CHECKING:
    from streamer.outputs.terminal.view import TerminalView

_PING_EVERY_S = 20.0
_MORE_WEBSOCKETS = 16
"""Connections that are being refused, beyond the limits."""

_log = logging.getLogger("merits.server")
_user_log = logging.getLogger("merits")  # no rate limit applies to this one


def make_server(streams: Streams, listener: Listener) -> uvicorn.Server:
    """Create the server; `serve(sockets=[listener.socket])` runs it, `should_exit` ends it."""
    limits, tls = streams.settings.server, listener.tls
    config = make_config(
        create_app(streams, token=listener.token),
        limits,
        ws=WebSocket,
        ws_max_size=limits.max_message_bytes,
        ws_ping_interval=_PING_EVERY_S,
        ws_ping_timeout=None,  # a throttled client is not read, nor are its pongs: see Connections
        ws_per_message_deflate=False,
        ssl_context_factory=None if tls is None else lambda *_: tls,
    )
    logging.getLogger("uvicorn.error").addFilter(_not_left)
    return _Server(config, streams)


def _not_left(record: logging.LogRecord) -> bool:
    """Drop the message about open connections at a second Ctrl-C: they are no fault."""
    return not (record.exc_info and isinstance(record.exc_info[1], asyncio.CancelledError))


async def serve(streams: Streams, listener: Listener, view: "TerminalView | None" = None) -> int:
    """Serve until interrupted. Sound is taken while the models are still being loaded.

    The first Ctrl-C (or SIGTERM) stops accepting sound and finishes all turns; the second exits at once.

    Returns:
        The exit code: 128 plus the number of the signal that ended it; 0 if a key ended it, or the reader of
        standard output has gone.

    Raises:
        InputError: a model is not available.
    """
    async with AsyncExitStack() as stack:
        if view is not None:
            await stack.enter_async_context(view)
            streams.watchers.views.append(view)
        _fit_into_open_files(streams)
        await stack.enter_async_context(streams)
        server = make_server(streams, listener)

        def stop() -> None:
            server.should_exit = True
            if running := sum(1 for _ in streams):
                _user_log.warning("finishing %d streams; interrupt again to leave them", running)

        with Interrupts(stop) as interrupts:
            if view is not None:
                view.control(Controls(quit=interrupts.ask, mark=streams.mark, outputs=streams.published))
            _log.info("listening on %sNAME; page: %s (Ctrl-C to stop)", listener.url, listener.page)
            watch = keep_going(_stop_without_reader(streams, server), "standard output")
            loading = asyncio.create_task(_stop_without_models(streams, server))
            try:
                await server.serve(sockets=[listener.socket])
                if loading.done():
                    await loading
            finally:
                watch.cancel()
                loading.cancel()
    return interrupts.exit_code


class _Server(BoundedServer):
    """Closes no connection before the events of its stream are sent."""

    def __init__(self, config: uvicorn.Config, streams: Streams) -> None:
        limits = streams.settings.server
        super().__init__(
            config,
            limits,
            websockets=streams.limit + limits.max_onlookers + _MORE_WEBSOCKETS,
        )
        self._streams = streams

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Accept no further connections, and end everything in order."""
        self.refuse(sockets)
        await self._streams.drain()
        await super().shutdown(sockets)


def _fit_into_open_files(streams: Streams) -> None:
    """Reduce the limit of streams so that each has the open files that it may need."""
    open_file_limit.raise_limit()
    limits = streams.settings.server
    others = (
        open_file_limit.room_for_connections(limits.max_connections) + limits.max_onlookers + _MORE_WEBSOCKETS
    )
    room = open_file_limit.room_for_streams(others, file=streams.writes_files, broker=streams.publishes)
    if room is not None and room < streams.limit:
        _user_log.warning(
            "too few files may be open (ulimit -n) for %d streams: %d are let in at once", streams.limit, room
        )
        streams.limit = room


async def _stop_without_models(streams: Streams, server: uvicorn.Server) -> None:
    try:
        await streams.analyzer.ready()
        _log.info("models loaded: %s", streams.analyzer.bundle.name)
    except Exception:
        server.should_exit = True
        raise


async def _stop_without_reader(streams: Streams, server: uvicorn.Server) -> None:
    await streams.reader_gone.wait()
    server.should_exit = True
