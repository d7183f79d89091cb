"""What a driver, which runs a program in its own environment, hears from the benchmark and says to it.

Standard input is raw sound (int16, mono, 16 kHz) as it is spoken; standard output are JSON lines, told apart
by their keys: `starting`; `accepts` with `pid`, whose processes are measured, and `port`; `models`; and
`id`, `final`, `tentative`, the words now shown of a turn, with `decision_ms` where a decision led to them.
"""

import asyncio
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidHandshake

_CHUNK_BYTES = 3200

# What libraries print must not come between.
_out = os.fdopen(os.dup(1), "w", encoding="utf-8")
os.dup2(2, 1)


def say(**fields: Any) -> None:
    """Tell the benchmark."""
    _out.write(json.dumps(fields) + "\n")
    _out.flush()


def sound() -> Iterator[bytes]:
    """The sound, in pieces of 100 ms, as it comes."""
    while chunk := sys.stdin.buffer.read(_CHUNK_BYTES):
        yield chunk


async def feed(websocket: ClientConnection, end: str | bytes, *, as_float: bool = False) -> None:
    """Send the sound as it comes, as it is or as float32, and then its end."""
    while chunk := await asyncio.to_thread(sys.stdin.buffer.read, _CHUNK_BYTES):
        await websocket.send(
            (np.frombuffer(chunk, "<i2") / np.float32(32768)).tobytes() if as_float else chunk
        )
    await websocket.send(end)


def free_port() -> int:
    """A port of this machine that nothing listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def start(*command: str) -> subprocess.Popen[bytes]:
    """Start a program, from when its start is timed."""
    say(starting=True)
    return subprocess.Popen(command, stdin=subprocess.DEVNULL)


async def connected(url: str) -> ClientConnection:
    """A connection to a server that is starting; the benchmark gives up on one that never answers."""
    while True:
        try:
            return await connect(url, max_size=None, ping_interval=None)
        except (OSError, InvalidHandshake):
            await asyncio.sleep(0.01)
