"""The ASGI application: its routes, behind the token check."""

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.types import ASGIApp
from starlette.websockets import WebSocket

from streamer.server.auth import OPEN_PATHS, AuthMiddleware
from streamer.server.metrics_routes import monitoring_routes
from streamer.server.page import page_routes
from streamer.server.stream_connection import converse
from streamer.server.streams import Streams
from streamer.server.watchers.watch_connection import watch


def create_app(streams: Streams, *, token: str | None = None) -> ASGIApp:
    """Create the application."""
    settings = streams.settings.server
    page = page_routes()

    async def list_streams(_: Request) -> Response:
        return JSONResponse([stream.describe() for stream in streams])

    async def stream(websocket: WebSocket) -> None:
        await converse(websocket, streams)

    async def watcher(websocket: WebSocket) -> None:
        await watch(websocket, streams.watchers, settings.close_timeout_s)

    application = Starlette(
        routes=[
            *monitoring_routes(streams.metrics),
            Route("/v1/streams", list_streams),
            WebSocketRoute("/v1/streams/{name}", stream),
            WebSocketRoute("/v1/watch", watcher),
            *page,
        ]
    )
    open_paths = OPEN_PATHS.union(route.path for route in page)
    return AuthMiddleware(application, token=token, origins=settings.allow_origins, open_paths=open_paths)
