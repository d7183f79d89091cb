"""What strangers do to a server, on loopback only: `python -m benchmarks.attackers KIND HOST:PORT SECONDS`.

Each kind goes on for so many seconds and no longer, with as many connections as stands here, at the lowest
priority that the system knows: what is measured beside it is the server. What each really did is printed as
JSON: an attacker that the server never got to see would flatter it.
"""

import asyncio
import ipaddress
import json
import os
import struct
import sys
from base64 import b64encode
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from functools import cache
from itertools import count
from time import monotonic

from streamer.server.transport.open_file_limit import raise_limit

CLIENTS = 10
"""Of each kind, where one of them is the case."""

HALF_OPEN = 3_000

_START = b'{"type":"start"}'
_GAP = b'{"type":"gap","length_s":1,"reason":"' + b"x" * 200 + b'"}'
_TEXT, _BINARY, _PING = 1, 2, 9

Place = tuple[str, int]
_numbers = count()


@dataclass
class Done:
    """What the attackers of one kind did.

    Attributes:
        connections: that were made, and, where it is a websocket, let in.
        messages: frames, requests or parts of one that the server took.
        answers: of its messages and answers, how many were seen; few look.
        ended: how connections ended, other than by the attacker.
    """

    connections: int = 0
    messages: int = 0
    answers: int = 0
    ended: dict[str, int] = field(default_factory=dict)

    def hear(self, data: bytes) -> None:
        """See what the server said."""
        self.answers += data.count(b'"type":"') + data.count(b"HTTP/1.1 ")


def frame(opcode: int, data: bytes) -> bytes:
    """A client's frame (RFC 6455, 5.2), masked with zeros."""
    size = len(data)
    if size < 126:
        length = bytes([0x80 | size])
    else:
        length = struct.pack(">BH", 0xFE, size) if size < 2**16 else struct.pack(">BQ", 0xFF, size)
    return bytes([0x80 | opcode]) + length + bytes(4) + data


async def _open(place: Place, path: str, done: Done) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection(*place)
    writer.write(
        f"GET {path} HTTP/1.1\r\nHost: {place[0]}:{place[1]}\r\nConnection: Upgrade\r\n"
        "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        f"Sec-WebSocket-Key: {b64encode(os.urandom(16)).decode()}\r\n\r\n".encode()
    )
    head = await reader.readuntil(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 101"):
        writer.transport.abort()
        raise ConnectionRefusedError(head.split(b"\r\n")[0].decode())
    done.connections += 1
    return reader, writer


async def _flood(
    place: Place, path: str, done: Done, first: bytes, message: bytes, times: int, *, reads: bool = True
) -> None:
    """Send a message so many times at once, over and over, as fast as it is taken."""
    reader, writer = await _open(place, path, done)
    block = times * message

    async def read() -> None:
        while data := await reader.read(2**16):
            done.hear(data)

    reading = asyncio.create_task(read())
    if not reads:
        reading.cancel()
        writer.transport.pause_reading()  # type: ignore[attr-defined]
    try:
        writer.write(first)
        while True:
            writer.write(block)
            await writer.drain()
            done.messages += times
            await asyncio.sleep(0)
    finally:
        reading.cancel()
        writer.transport.abort()


async def gaps(place: Place, done: Done) -> None:
    """Says that sound is missing, 500 times in a breath."""
    path = f"/v1/streams/gaps{next(_numbers)}"
    await _flood(place, path, done, frame(_TEXT, _START), frame(_TEXT, _GAP), 500)


async def pings(place: Place, done: Done) -> None:
    """Pings without reading the answers: one that streams, one that watches."""
    number = next(_numbers)
    path = "/v1/watch" if number % 2 else f"/v1/streams/pings{number}"
    await _flood(place, path, done, b"", frame(_PING, b"x" * 125), 5_000, reads=False)


async def tiny(place: Place, done: Done) -> None:
    """Sends a sample at a time."""
    path = f"/v1/streams/tiny{next(_numbers)}"
    await _flood(place, path, done, frame(_TEXT, _START), frame(_BINARY, b"\0\0"), 20_000)


async def lingering(place: Place, done: Done) -> None:
    """Starts a stream that is to be waited for, and goes; then the next one."""
    reader, writer = await _open(place, f"/v1/streams/away{next(_numbers)}", done)
    writer.write(frame(_TEXT, b'{"type":"start","linger_s":60}'))
    done.messages += 1
    done.hear(await reader.read(2**16))
    writer.transport.abort()


async def decoding(place: Place, done: Done) -> None:
    """Sends FLAC of 65 hours in 0.9 MB, as far as it is taken, and goes; then the next one."""
    reader, writer = await _open(place, f"/v1/streams/long{next(_numbers)}", done)
    writer.write(frame(_TEXT, b'{"type":"start","format":"container","live":false}'))
    done.hear(await reader.read(2**16))
    for at in range(0, len(_long_flac()), 2**16):
        writer.write(frame(_BINARY, _long_flac()[at : at + 2**16]))
        try:
            await asyncio.wait_for(writer.drain(), 3)
        except TimeoutError:
            break
        done.messages += 1
    writer.transport.abort()


async def headers(place: Place, done: Done) -> None:
    """Sends WAV files of absurd rates and many channels, one after the other."""
    for rate, channels in ((1, 1), (1_392_524_928, 1), (2**32 - 1, 2), (8_000, 65_535)):
        form = struct.pack("<HHIIHH", 1, channels, rate, rate * 2 % 2**32, 2 * channels % 2**16, 16)
        wav = b"RIFF\xff\xff\xff\xffWAVEfmt \x10\0\0\0" + form + b"data\xff\xff\xff\x7f" + bytes(4096)
        reader, writer = await _open(place, f"/v1/streams/rate{next(_numbers)}", done)
        writer.write(frame(_TEXT, b'{"type":"start","format":"container"}') + frame(_BINARY, wav))
        writer.write(frame(_TEXT, b'{"type":"end"}'))
        done.messages += 3
        with suppress(TimeoutError):
            async with asyncio.timeout(5):
                while b'"error"' not in (data := await reader.read(2**16)) and data:
                    done.hear(data)
                done.hear(data)
        writer.transport.abort()


async def half_open(place: Place, done: Done) -> None:
    """Begins a request and stays; when it is closed, the next one."""
    reader, writer = await asyncio.open_connection(*place)
    done.connections += 1
    writer.write(b"GET / HTTP/1.1\r\nX: ")
    done.messages += 1
    try:
        await reader.read()
        await asyncio.sleep(1)
    finally:
        writer.transport.abort()


async def asking(place: Place, done: Done) -> None:
    """Asks for everything that can be asked for, many times on one connection, and reads slowly."""
    reader, writer = await asyncio.open_connection(*place)
    done.connections += 1
    for path in ("/", "/metrics", "/healthz", "/v1/streams", "/nothing"):
        writer.write(100 * f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
        done.messages += 100
    try:
        while data := await reader.read(4096):
            done.hear(data)
            await asyncio.sleep(0.01)
    finally:
        writer.transport.abort()


KINDS: dict[str, tuple[Callable[[Place, Done], Awaitable[None]], int]] = {
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

_NO_LOOKING = {"half-open", "pings"}


async def attack(kinds: list[str], place: Place, seconds: float) -> dict[str, Done]:
    """Do it, over and over, until the time is up; returns what was done of each kind."""
    until = monotonic() + seconds
    done = {kind: Done() for kind in kinds}

    async def again(kind: str) -> None:
        while monotonic() < until:
            try:
                await KINDS[kind][0](place, done[kind])
            except (OSError, EOFError) as error:  # the server need not like it
                how = str(error) or type(error).__name__
                done[kind].ended[how] = done[kind].ended.get(how, 0) + 1
            await asyncio.sleep(0.01)

    with suppress(TimeoutError):
        async with asyncio.timeout(seconds), asyncio.TaskGroup() as tasks:
            for kind in kinds:
                for _ in range(KINDS[kind][1]):
                    tasks.create_task(again(kind))
    return done


def idle(done: dict[str, dict[str, int]]) -> list[str]:
    """Those kinds that did nothing, or that were never answered though they look: not attacks at all.

    Args:
        done: of each kind, as `main` prints it.
    """
    asked = ("connections", "messages")
    return [
        kind
        for kind, did in done.items()
        if not all(did[what] for what in (asked if kind in _NO_LOOKING else (*asked, "answers")))
    ]


def _crc_table(polynomial: int, bits: int) -> list[int]:
    table = []
    for value in range(256):
        value <<= bits - 8
        for _ in range(8):
            value = (value << 1) ^ (polynomial if value >> (bits - 1) else 0)
            value &= (1 << bits) - 1
        table.append(value)
    return table


def _crc(data: bytes, table: list[int], bits: int) -> int:
    value = 0
    for byte in data:
        value = (value << 8) & ((1 << bits) - 1) ^ table[value >> (bits - 8) ^ byte]
    return value


@cache
def _long_flac(frames: int = 60_000, size: int = 65_535) -> bytes:
    """FLAC (RFC 9639) of nothing but constant subframes: 15 bytes for each 4 s of 16 kHz."""
    crc_8, crc_16 = _crc_table(0x07, 8), _crc_table(0x8005, 16)
    about = (16_000 << 44) | (15 << 36) | (frames * size & (2**36 - 1))
    parts = [b"fLaC\x80\0\0\x22" + struct.pack(">HH", size, size) + bytes(6) + about.to_bytes(8, "big")]
    parts.append(bytes(16))
    for number in range(frames):
        coded = chr(number).encode("utf-8", "surrogatepass")
        head = b"\xff\xf8\x70\x08" + coded + struct.pack(">H", size - 1)
        whole = head + bytes([_crc(head, crc_8, 8)]) + b"\0\x03\xe8"
        parts.append(whole + _crc(whole, crc_16, 16).to_bytes(2, "big"))
    return b"".join(parts)


def main() -> None:
    """Command line: of one kind, or of several with commas between."""
    kinds, where, seconds = sys.argv[1:]
    host, _, port = where.rpartition(":")
    if not ipaddress.ip_address(host).is_loopback:
        sys.exit("only against this machine")
    os.nice(19)
    raise_limit()
    if "decoding" in kinds.split(","):
        _long_flac()  # it takes a moment
    done = asyncio.run(attack(kinds.split(","), (host, int(port)), float(seconds)))
    json.dump({kind: asdict(did) for kind, did in done.items()}, sys.stdout)


if __name__ == "__main__":
    main()
