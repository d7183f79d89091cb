"""Clients that keep to no rules: raw sockets, frames as they like, nothing read unless asked."""

import asyncio
import json
import os
import socket
import struct
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import monotonic
from typing import Any
from urllib.parse import urlsplit
from urllib.request import urlopen

CONT, TEXT, BINARY, CLOSE, PING = 0, 1, 2, 8, 9
START = json.dumps({"type": "start"}).encode()


def frame(opcode: int, data: bytes = b"", *, fin: bool = True) -> bytes:
    """A client's frame (RFC 6455, 5.2), masked with zeros."""
    head = (0x80 if fin else 0) | opcode
    if len(data) < 126:
        return struct.pack(">BB", head, 0x80 | len(data)) + bytes(4) + data
    if len(data) < 2**16:
        return struct.pack(">BBH", head, 0xFE, len(data)) + bytes(4) + data
    return struct.pack(">BBQ", head, 0xFF, len(data)) + bytes(4) + data


def place(url: str) -> tuple[str, int]:
    """Host and port of a server's URL."""
    parts = urlsplit(url)
    return parts.hostname or "", parts.port or 0


class Rude:
    """A connection without manners."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def say(self, *frames: bytes) -> None:
        """Send them, waiting as long as the server takes to read."""
        self.writer.write(b"".join(frames))
        await self.writer.drain()

    async def next(self) -> tuple[int, bytes]:
        """The next frame of the server: its opcode and what is in it."""
        first, length = await self.reader.readexactly(2)
        if length == 126:
            (length,) = struct.unpack(">H", await self.reader.readexactly(2))
        elif length == 127:
            (length,) = struct.unpack(">Q", await self.reader.readexactly(8))
        return first & 15, await self.reader.readexactly(length)

    async def until(self, kind: str) -> dict[str, Any]:
        """The next text message of a type."""
        while True:
            opcode, data = await self.next()
            if opcode == TEXT and (message := json.loads(data))["type"] == kind:
                return message  # type: ignore[no-any-return]

    async def close_code(self) -> int | None:
        """Read to the end; the code the server closes with, None where it closes without one."""
        try:
            while True:
                opcode, data = await self.next()
                if opcode == CLOSE:
                    return int(struct.unpack(">H", data[:2])[0])
        except (asyncio.IncompleteReadError, ConnectionError):
            return None

    def vanish(self) -> None:
        """Go at once: the connection is reset."""
        self.writer.transport.abort()


@asynccontextmanager
async def plain(url: str, send: bytes = b"", *, buffer: int | None = None) -> AsyncIterator[Rude]:
    """A TCP connection to a server, the first bytes on it, and how much the system takes in ahead."""
    connected = socket.socket()
    if buffer is not None:
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
    connected.connect(place(url))
    reader, writer = await asyncio.open_connection(sock=connected)
    writer.write(send)
    try:
        yield Rude(reader, writer)
    finally:
        writer.transport.abort()


@asynccontextmanager
async def rude(url: str, *headers: str) -> AsyncIterator[Rude]:
    """A websocket to a URL, opened."""
    host, port = place(url)
    asked = (
        f"GET {urlsplit(url).path} HTTP/1.1",
        f"Host: {host}:{port}",
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        f"Sec-WebSocket-Key: {b64encode(os.urandom(16)).decode()}",
        *headers,
    )
    async with plain(url, "".join(f"{line}\r\n" for line in (*asked, "")).encode()) as connection:
        head = await connection.reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 101"), head
        yield connection


def ask(url: str, path: str = "/livez") -> float:
    """Ask for something by plain HTTP; how long that took, in seconds."""
    host, port = place(url)
    began = monotonic()
    with urlopen(f"http://{host}:{port}{path}", timeout=20) as answer:
        assert answer.status == 200
        answer.read()
    return monotonic() - began
