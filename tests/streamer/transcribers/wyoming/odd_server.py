"""A Wyoming server that says whatever a test wants, byte for byte, in a thread of its own."""

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

WORDS = "hello there"
_ORIGIN = {"name": "test", "url": "https://example.org"}
_ABOUT = {"attribution": _ORIGIN, "installed": True, "description": None, "version": "1"}
INFO = {"asr": [{"name": "odd", "models": [{"name": "m", "languages": ["en"], **_ABOUT}], **_ABOUT}]}


def event(kind: str, data: Any, *, inline: bool = False) -> bytes:
    """An event whose data stand in its line, or after it."""
    content = json.dumps(data).encode()
    if inline:
        return json.dumps({"type": kind, "data": data}).encode() + b"\n"
    return json.dumps({"type": kind, "data_length": len(content)}).encode() + b"\n" + content


def transcript(text: Any, *, inline: bool = False) -> bytes:
    return event("transcript", {"text": text}, inline=inline)


@dataclass
class OddServer:
    """What it says.

    Attributes:
        info: to what asks it to describe itself.
        answer: at the end of a turn.
        first: as soon as somebody connects.
        for_ever: said again and again after the answer.
        turns: how many it was asked for.
    """

    info: bytes = event("info", INFO)
    answer: bytes = transcript(WORDS)
    first: bytes = b""
    for_ever: bytes = b""
    port: int = 0
    turns: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            writer.write(self.first)
            while line := await reader.readline():
                said = json.loads(line)
                for length in ("data_length", "payload_length"):
                    await reader.readexactly(said.get(length) or 0)
                if said["type"] == "describe":
                    writer.write(self.info)
                if said["type"] == "audio-stop":
                    self.turns += 1
                    writer.write(self.answer)
                    while self.for_ever:
                        writer.write(self.for_ever)
                        await writer.drain()
                await writer.drain()
        except (OSError, EOFError):
            pass  # the client has had enough
        finally:
            writer.close()


@contextmanager
def odd_server(**says: bytes) -> Iterator[OddServer]:
    """Run one."""
    server = OddServer(**says)  # type: ignore[arg-type]
    loop = asyncio.new_event_loop()
    listening = loop.run_until_complete(asyncio.start_server(server.serve, "127.0.0.1", 0, limit=2**24))
    server.port = listening.sockets[0].getsockname()[1]
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield server
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        for task in asyncio.all_tasks(loop):
            task.cancel()
        listening.close()
        loop.run_until_complete(asyncio.sleep(0.01))
        loop.close()
