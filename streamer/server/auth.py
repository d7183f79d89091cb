"""Authentication: checks every request before anything else handles it."""

import hmac
import ipaddress
import re
from collections.abc import Collection, Iterable
from pathlib import Path
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from streamer.errors import InputError
from streamer.server.messages import TOKEN_SUBPROTOCOL

OPEN_PATHS = frozenset({"/healthz", "/livez"})
"""Paths that need no token: they reveal only whether the server runs, and runs well."""

_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{16,256}")
"""Tokens that fit into a header and a subprotocol (RFC 9110, `token`), and are too long to guess."""

_HOW_TO = "make one with: openssl rand -hex 32"


def read_token(file: Path | None, environment: str | None) -> str | None:
    """The token that clients must present, or None. A file overrides the environment.

    Raises:
        InputError: the file cannot be read, or the token is invalid. The message does not contain the token.
    """
    if file is None:
        where, text = "MERITS_TOKEN", environment
    else:
        where = str(file)
        try:
            text = file.read_text(encoding="ascii")
        except OSError as error:
            raise InputError(f"the token file {file} cannot be read: {error.strerror}; {_HOW_TO}") from error
        except UnicodeDecodeError:
            raise InputError(f"{file} holds no token, but something else; {_HOW_TO}") from None
    if text is None:
        return None
    token = text.strip()
    if not _TOKEN.fullmatch(token):
        raise InputError(
            f"{where} holds no token: 16 to 256 letters, digits or any of -._~!#$%&'*+^`|; {_HOW_TO}"
        )
    return token


class AuthMiddleware:
    """ASGI middleware that checks token, origin and host.

    Without a token, only this machine can connect. The remaining threat is a page of a foreign web site in a
    browser on this machine. Its `Origin` header reveals it, or, if its host name was made to resolve to this
    machine (DNS rebinding), its `Host` header.

    Args:
        app: the application to protect.
        token: the token that clients must present; None admits all.
        origins: further origins whose pages may connect, as browsers write them ("https://home.example").
        open_paths: paths that need no token.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        token: str | None = None,
        origins: Iterable[str] = (),
        open_paths: Collection[str] = OPEN_PATHS,
    ) -> None:
        self._app = app
        self._open_paths = open_paths
        self._token = None if token is None else token.encode()
        self._origins = frozenset(origin.rstrip("/").lower() for origin in origins)
        self._hosts = frozenset(urlsplit(origin).netloc for origin in self._origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket") or scope["path"] in self._open_paths:
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        if not self._welcome_place(headers):
            refusal = _refusal(403, "forbidden", "pages of this web site may not connect (--allow-origin)")
        elif not self._shows_token(headers):
            refusal = _refusal(401, "unauthorized", "this server asks for a token")
            refusal.headers["WWW-Authenticate"] = "Bearer"
        else:
            await self._app(scope, receive, send)
            return
        await refusal(scope, receive, send)

    def _welcome_place(self, headers: Headers) -> bool:
        host = headers.get("host", "").lower()
        origin = headers.get("origin")
        of_server = self._token is not None or _is_unmistakable(host)
        if origin is not None and origin.lower() not in self._origins:
            return of_server and origin.lower() in (f"http://{host}", f"https://{host}")
        return of_server or host in self._hosts

    def _shows_token(self, headers: Headers) -> bool:
        if self._token is None:
            return True
        scheme, _, shown = headers.get("authorization", "").partition(" ")
        candidates = [shown.strip()] if scheme.lower() == "bearer" else []
        for offered in headers.getlist("sec-websocket-protocol"):
            for name in offered.split(","):
                if name.strip().startswith(TOKEN_SUBPROTOCOL):
                    candidates.append(name.strip().removeprefix(TOKEN_SUBPROTOCOL))
        return any(hmac.compare_digest(shown.encode(), self._token) for shown in candidates)


def _refusal(status: int, code: str, message: str) -> JSONResponse:
    return JSONResponse({"type": "error", "code": code, "message": message}, status)


def _is_unmistakable(host: str) -> bool:
    """Whether a `Host` header is an IP address or localhost, which no DNS answer can redirect."""
    try:
        name = urlsplit(f"//{host}").hostname or ""
        return name == "localhost" or ipaddress.ip_address(name) is not None
    except ValueError:
        return False
