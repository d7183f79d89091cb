"""What strangers do to a server, on loopback only: `python -m benchmarks.attackers KIND HOST:PORT SECONDS`.

Each kind goes on for so many seconds and no longer, with as many connections as stands here, at the lowest
priority that the system knows: what is measured beside it is the server.
"""

import asyncio
import ipaddress
import os
import struct
import sys
from base64 import b64encode
from collections.abc import Awaitable, Callable
from contextlib import suppress
from itertools import count
from time import monotonic

from streamer.server.files import raise_limit

CLIENTS = 10
"""Of each kind, where one of them is the case."""

HALF_OPEN = 3_000

_START = b'{"type":"start"}'
_GAP = b'{"type":"gap","length_s":1,"reason":"' + b"x" * 200 + b'"}'
_TEXT, _BINARY, _PING = 1, 2, 9

Place = tuple[str, int]
_numbers = count()


def frame(opcode: int, data: bytes) -> bytes:
    """A client's frame (RFC 6455, 5.2), masked with zeros."""
    size = len(data)
    if size < 126:
        length = bytes([0x80 | size])
    else:
        length = struct.pack(">BH", 0xFE, size) if size < 2**16 else struct.pack(">BQ", 0xFF, size)
    return bytes([0x80 | opcode]) + length + bytes(4) + data


async def _open(place: Place, path: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection(*place)
    writer.write(
        f"GET {path} HTTP/1.1\r\nHost: {place[0]}:{place[1]}\r\nConnection: Upgrade\r\n"
        "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        f"Sec-WebSocket-Key: {b64encode(os.urandom(16)).decode()}\r\n\r\n".encode()
    )
    await reader.readuntil(b"\r\n\r\n")
    return reader, writer


async def _flood(place: Place, path: str, first: bytes, block: bytes, *, reads: bool = True) -> None:
    """Send a block over and over, as fast as it is taken."""
    reader, writer = await _open(place, path)

    async def read() -> None:
        while await reader.read(2**16):
            pass

    reading = asyncio.create_task(read())
    if not reads:
        reading.cancel()
        writer.transport.pause_reading()  # type: ignore[attr-defined]
    try:
        writer.write(first)
        while True:
            writer.write(block)
            await writer.drain()
            await asyncio.sleep(0)
    finally:
        reading.cancel()
        writer.transport.abort()


async def gaps(place: Place) -> None:
    """Says that sound is missing, 500 times in a breath."""
    path = f"/v1/streams/gaps{next(_numbers)}"
    await _flood(place, path, frame(_TEXT, _START), 500 * frame(_TEXT, _GAP))


async def pings(place: Place) -> None:
    """Pings without reading the answers: one that streams, one that watches."""
    number = next(_numbers)
    path = "/v1/watch" if number % 2 else f"/v1/streams/pings{number}"
    await _flood(place, path, b"", 5_000 * frame(_PING, b"x" * 125), reads=False)


async def tiny(place: Place) -> None:
    """Sends a sample at a time."""
    path = f"/v1/streams/tiny{next(_numbers)}"
    await _flood(place, path, frame(_TEXT, _START), 20_000 * frame(_BINARY, b"\0\0"))


async def lingering(place: Place) -> None:
    """Starts a stream that is to be waited for, and goes; then the next one."""
    reader, writer = await _open(place, f"/v1/streams/away{next(_numbers)}")
    writer.write(frame(_TEXT, b'{"type":"start","linger_s":60}'))
    await reader.read(2**16)
    writer.transport.abort()


async def decoding(place: Place) -> None:
    """Sends FLAC of 22 hours in 0.3 MB, as far as it is taken, and goes; then the next one."""
    _, writer = await _open(place, f"/v1/streams/long{next(_numbers)}")
    writer.write(frame(_TEXT, b'{"type":"start","format":"container","live":false}'))
    for at in range(0, len(_long_flac()), 2**16):
        writer.write(frame(_BINARY, _long_flac()[at : at + 2**16]))
        with suppress(TimeoutError):
            await asyncio.wait_for(writer.drain(), 1)
    writer.transport.abort()


async def headers(place: Place) -> None:
    """Sends WAV files of absurd rates and many channels, one after the other."""
    for rate, channels in ((1, 1), (1_392_524_928, 1), (2**32 - 1, 2), (8_000, 65_535)):
        form = struct.pack("<HHIIHH", 1, channels, rate, rate * 2 % 2**32, 2 * channels % 2**16, 16)
        wav = b"RIFF\xff\xff\xff\xffWAVEfmt \x10\0\0\0" + form + b"data\xff\xff\xff\x7f" + bytes(4096)
        reader, writer = await _open(place, f"/v1/streams/rate{next(_numbers)}")
        writer.write(frame(_TEXT, b'{"type":"start","format":"container"}') + frame(_BINARY, wav))
        writer.write(frame(_TEXT, b'{"type":"end"}'))
        with suppress(TimeoutError):
            await asyncio.wait_for(reader.read(), 5)
        writer.transport.abort()


async def half_open(place: Place) -> None:
    """Begins a request and stays; when it is closed, the next one."""
    reader, writer = await asyncio.open_connection(*place)
    writer.write(b"GET / HTTP/1.1\r\nX: ")
    try:
        await reader.read()
        await asyncio.sleep(1)
    finally:
        writer.transport.abort()


async def asking(place: Place) -> None:
    """Asks for everything that can be asked for, many times on one connection, and reads slowly."""
    reader, writer = await asyncio.open_connection(*place)
    for path in ("/", "/metrics", "/healthz", "/v1/streams", "/nothing"):
        writer.write(100 * f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
    try:
        while await reader.read(4096):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    finally:
        writer.transport.abort()


KINDS: dict[str, tuple[Callable[[Place], Awaitable[None]], int]] = {
    "gaps": (gaps, CLIENTS),
    "half-open": (half_open, HALF_OPEN),
    "pings": (pings, CLIENTS),
    "lingering": (lingering, CLIENTS),
    "tiny messages": (tiny, CLIENTS),
    "decoding": (decoding, CLIENTS),
    "headers": (headers, CLIENTS),
    "asking": (asking, CLIENTS),
}
"""What each does, and how many do it at once."""


async def attack(kinds: list[str], place: Place, seconds: float) -> None:
    """Do it, over and over, until the time is up."""
    until = monotonic() + seconds

    async def again(what: Callable[[Place], Awaitable[None]]) -> None:
        while monotonic() < until:
            with suppress(OSError, EOFError):  # the server need not like it
                await what(place)
            await asyncio.sleep(0.01)

    with suppress(TimeoutError):
        async with asyncio.timeout(seconds), asyncio.TaskGroup() as tasks:
            for kind in kinds:
                what, clients = KINDS[kind]
                for _ in range(clients):
                    tasks.create_task(again(what))


def _crc(data: bytes, polynomial: int, bits: int) -> int:
    value = 0
    for byte in data:
        value ^= byte << (bits - 8)
        for _ in range(8):
            value = (value << 1) ^ (polynomial if value >> (bits - 1) else 0)
            value &= (1 << bits) - 1
    return value


_flac = b""


def _long_flac(frames: int = 20_000, size: int = 65_535) -> bytes:
    """FLAC (RFC 9639) of nothing but constant subframes: 15 bytes for each 4 s of 16 kHz."""
    global _flac
    if not _flac:
        about = (16_000 << 44) | (15 << 36) | (frames * size & (2**36 - 1))
        parts = [b"fLaC\x80\0\0\x22" + struct.pack(">HH", size, size) + bytes(6) + about.to_bytes(8, "big")]
        parts.append(bytes(16))
        for number in range(frames):
            coded = chr(number).encode("utf-8", "surrogatepass")
            head = b"\xff\xf8\x70\x08" + coded + struct.pack(">H", size - 1)
            whole = head + bytes([_crc(head, 0x07, 8)]) + b"\0\x03\xe8"
            parts.append(whole + _crc(whole, 0x8005, 16).to_bytes(2, "big"))
        _flac = b"".join(parts)
    return _flac


def main() -> None:
    """Command line: of one kind, or of several with commas between."""
    kinds, where, seconds = sys.argv[1:]
    host, _, port = where.rpartition(":")
    if not ipaddress.ip_address(host).is_loopback:
        sys.exit("only against this machine")
    os.nice(19)
    raise_limit()
    _long_flac()  # it takes a moment
    asyncio.run(attack(kinds.split(","), (host, int(port)), float(seconds)))


if __name__ == "__main__":
    main()
