"""The ASGI application: its routes, behind the guard."""

from collections.abc import Sequence

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.types import ASGIApp
from starlette.websockets import WebSocket

from streamer.server.connection import converse
from streamer.server.guard import Guard
from streamer.server.streams import Streams
from streamer.version import VERSION


def create_app(streams: Streams, *, token: str | None = None, routes: Sequence[BaseRoute] = ()) -> ASGIApp:
    """Put the application together.

    Args:
        streams: what it serves.
        token: what clients must show; None lets all in.
        routes: further ones.
    """

    async def health(_: Request) -> Response:
        return JSONResponse({"status": "ok", "version": VERSION})

    async def list_streams(_: Request) -> Response:
        return JSONResponse([stream.describe() for stream in streams])

    async def stream(websocket: WebSocket) -> None:
        await converse(websocket, streams)

    application = Starlette(
        routes=[
            Route("/healthz", health),
            Route("/v1/streams", list_streams),
            WebSocketRoute("/v1/streams/{name}", stream),
            *routes,
        ]
    )
    return Guard(application, token=token, origins=streams.settings.server.allow_origins)
