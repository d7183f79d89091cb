"""Answers of a Wyoming server that may be anything."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np

from fuzz.target import Run, Target
from streamer.transcribers.wyoming.address import WyomingAddress
from streamer.transcribers.wyoming.transcriber import Wyoming
from tests.streamer.sound import conversation

_BETWEEN = b"\n\n"
"""Between what the server says of itself and its words for a turn."""


@contextmanager
def start(_: Path) -> Iterator[Run]:
    """Ask a server on loopback what it is and what was said; it sends the input and hangs up."""
    sound = conversation()[16_000 : 16_000 * 3 // 2].astype(np.int16)
    answers = [b"", b""]

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            first = await reader.readline()
            writer.write(answers[0] if b'"describe"' in first else answers[1])
            await writer.drain()
            writer.write_eof()
            while await reader.read(65_536):
                pass
        writer.close()

    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(asyncio.start_server(answer, "127.0.0.1", 0))
    serving = threading.Thread(target=loop.run_forever, name="server", daemon=True)
    serving.start()
    port = server.sockets[0].getsockname()[1]
    wyoming = Wyoming(WyomingAddress.parse(f"wyoming://127.0.0.1:{port}?timeout=4"))

    def run(data: bytes) -> None:
        answers[0], _, answers[1] = data.partition(_BETWEEN)
        wyoming.look()
        wyoming.transcribe(sound)

    try:
        yield run
    finally:
        wyoming.close()
        loop.call_soon_threadsafe(server.close)
        loop.call_soon_threadsafe(loop.stop)
        serving.join()
        loop.close()


WYOMING = Target("wyoming", "wyoming", start, share=5, words="wyoming", longest=4096)
