"""The listening socket, TLS and token: checked before any model is loaded."""

import ipaddress
import os
import socket
import ssl
from pathlib import Path

from streamer.errors import InputError
from streamer.server.auth import read_token
from streamer.settings.server import ServerSettings

_BACKLOG = 4096
"""Connections that may wait to be accepted; the client of a further one retries after a second."""


class Listener:
    """The listening socket, and what clients need to connect.

    Attributes:
        url: websocket URL for clients, without the stream's name.
        page: URL of the web page.

    Raises:
        InputError: the port is taken, the certificate is invalid, or a required token is missing.
    """

    def __init__(self, settings: ServerSettings) -> None:
        self.token = read_token(settings.token_file, os.environ.get("MERITS_TOKEN"))
        self.tls = _tls(settings.tls_cert, settings.tls_key)
        self.socket = open_socket(
            settings.host,
            settings.port,
            f"listen on {settings.host}, port {settings.port}",
            "choose another --host or --port",
        )
        if self.token is None:
            refuse_strangers(
                self.socket,
                f"{settings.host} can be reached from other machines: give a --token-file or MERITS_TOKEN "
                "that clients must show (openssl rand -hex 32), or listen on 127.0.0.1",
            )
        host, port = self.socket.getsockname()[:2]
        shown = f"[{host}]" if ":" in host else host
        secure = "s" if self.tls else ""
        self.url = f"ws{secure}://{shown}:{port}/v1/streams/"
        at_home = {"0.0.0.0": "localhost", "::": "localhost"}
        self.page = f"http{secure}://{at_home.get(host, shown)}:{port}/"


def open_socket(host: str, port: int, what: str, instead: str) -> socket.socket:
    """Listen on a port; 0 takes one that is free.

    Raises:
        InputError: it cannot be had; says what cannot be done, and what to do instead.
    """
    try:
        [(family, _, _, _, address), *_] = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        return socket.create_server(address[:2], family=family, backlog=_BACKLOG)
    except OSError as error:
        named = error.errno is not None and not isinstance(error, socket.gaierror)
        reason = os.strerror(error.errno or 0) if named else error.strerror or str(error)
        raise InputError(f"cannot {what}: {reason}; {instead}") from error
    except UnicodeError as error:
        raise InputError(f"{host!r} is no name of a host; {instead}") from error


def refuse_strangers(listening: socket.socket, otherwise: str) -> None:
    """Close a socket that other machines can reach.

    Raises:
        InputError: they can; it says so in these words.
    """
    if not ipaddress.ip_address(listening.getsockname()[0].partition("%")[0]).is_loopback:
        listening.close()
        raise InputError(otherwise)


def _tls(cert: Path | None, key: Path | None) -> ssl.SSLContext | None:
    if cert is None or key is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    for file in (cert, key):
        if not file.is_file():
            raise InputError(f"{file}: no such file; --tls-cert and --tls-key name PEM files")
    try:
        context.load_cert_chain(cert, key, password=lambda: b"")
    except (OSError, ValueError) as error:  # SSLError is an OSError
        reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or str(error)
        raise InputError(
            f"{cert} and {key} are no certificate and its key: {reason}; PEM without a passphrase is needed"
        ) from error
    return context
