"""The web page: files built from `web/`, and their cache and security headers."""

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
"""Cache header of files whose names contain a hash of their content."""


def page_routes() -> list[Route]:
    """A route for every file; `/` is the page. The files contain no secrets and need no token."""
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
