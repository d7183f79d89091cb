"""Serves `/metrics`, `/healthz` and `/livez` beside `merits analyze` and `merits listen`."""

import asyncio
import os
from pathlib import Path
from typing import Self

from starlette.applications import Starlette

from streamer.errors import InputError
from streamer.events import Event
from streamer.metrics.prometheus import Metrics
from streamer.server.auth import AuthMiddleware, read_token
from streamer.server.listener import open_socket, refuse_strangers
from streamer.server.metrics_routes import monitoring_routes
from streamer.server.transport.accepting import BoundedServer, make_config
from streamer.settings.server import ServerSettings
from streamer.tasks import keep_going
from streamer.turn_embedding.analyzer import Analyzer

_EXAMPLE = "127.0.0.1:9464"


class MetricsPort:
    """A listening socket for metrics, opened before any model is loaded.

    Args:
        address: HOST:PORT, or PORT to listen on this machine only; port 0 takes a free one.
        token_file: file with the token; without it, MERITS_TOKEN in the environment.

    Attributes:
        socket: the listening socket.
        token: token that requests must present; None admits all.
        url: URL of the metrics.

    Raises:
        InputError: the address is invalid, the port is taken, or a required token is missing.
    """

    def __init__(self, address: str, token_file: Path | None = None) -> None:
        self.token = read_token(token_file, os.environ.get("MERITS_TOKEN"))
        host, _, port = address.rpartition(":")
        host = host.strip("[]") or "127.0.0.1"
        if not port.isdecimal() or int(port) > 65_535:
            raise InputError(f"{address!r} is no address to serve metrics on; write it like {_EXAMPLE}")
        self.socket = open_socket(host, int(port), f"serve metrics on {address}", "choose another --metrics")
        if self.token is None:
            refuse_strangers(
                self.socket,
                f"{host} can be reached from other machines: give MERITS_TOKEN that Prometheus must show "
                f"(openssl rand -hex 32), or --metrics {_EXAMPLE}",
            )
        where, number = self.socket.getsockname()[:2]
        self.url = f"http://{f'[{where}]' if ':' in where else where}:{number}/metrics"


class MetricsServer:
    """An output that counts events, and serves the metrics while its context is entered."""

    def __init__(self, port: MetricsPort, analyzer: Analyzer) -> None:
        self._port = port
        self._metrics = Metrics(analyzer)
        application = Starlette(routes=list(monitoring_routes(self._metrics)))
        limits = ServerSettings()
        guarded = AuthMiddleware(application, token=port.token)
        self._server = BoundedServer(make_config(guarded, limits, ws="none"), limits)

    async def __aenter__(self) -> Self:
        self._task = keep_going(self._server.serve(sockets=[self._port.socket]), "metrics")
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.should_exit = True
        await asyncio.wait([self._task])
        self._port.socket.close()

    async def send(self, event: Event) -> None:
        """Count one event."""
        await self._metrics.send(event)
