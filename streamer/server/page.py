"""The web page: files that were built from `web/`, and how browsers must treat them."""

import mimetypes
from collections.abc import Awaitable, Callable
from hashlib import sha256
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

_FOLDER = Path(__file__).parent / "page"

_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; manifest-src 'self'; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Permissions-Policy": "microphone=(self), camera=(), geolocation=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_FOR_EVER = "public, max-age=31536000, immutable"
"""Of files whose names carry a hash of what they hold."""


def page_routes() -> list[Route]:
    """A route for every file; `/` is the page. They hold nothing that is secret: no token is asked for."""
    files = sorted(path for path in (_FOLDER / "assets").iterdir() if path.is_file())
    return [
        Route("/", _server_of(_FOLDER / "index.html", "no-cache")),
        *(Route(f"/assets/{path.name}", _server_of(path, _FOR_EVER)) for path in files),
    ]


def _server_of(path: Path, cache: str) -> Callable[[Request], Awaitable[Response]]:
    content = path.read_bytes()
    etag = f'"{sha256(content).hexdigest()[:32]}"'
    media_type = mimetypes.types_map.get(path.suffix, "application/octet-stream")
    headers = {**_HEADERS, "Cache-Control": cache, "ETag": etag}

    async def answer(request: Request) -> Response:
        if request.headers.get("if-none-match") == etag:
            return Response(status_code=304, headers=headers)
        return Response(content, headers=headers, media_type=media_type)

    return answer
