"""Answers of a Wyoming server that may be anything."""

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
from wyoming.asr import Transcript, TranscriptChunk, TranscriptStop
from wyoming.error import Error
from wyoming.event import Eventable

from fuzz.target import Run, Target
from streamer.transcribers.wyoming.address import WyomingAddress
from streamer.transcribers.wyoming.transcriber import Wyoming
from tests.streamer.sound import conversation

_BETWEEN = b"\n\n"
"""Between what the server says of itself and its words for a turn."""

_WORDS = (
    '"type": ', '"data": ', '"data_length": ', '"payload_length": ', '"transcript"', '"transcript-chunk"',
    "null", "[]", "{}", '"transcript-stop"', '"info"', '"error"', '"text": ', '"asr": ', '"models": ',
    '"languages": ', '"name": ', "-1", "1e999", "4294967296", "\\ud800", "\\u0000", "\n",
    '"version": "1.0"', "true",
)  # fmt: skip

_ABOUT = {"attribution": {"name": "a", "url": "b"}, "installed": True, "description": None, "version": "1"}
_INFO = {"asr": [{"name": "w", **_ABOUT, "models": [{"name": "m", **_ABOUT, "languages": ["en"]}]}]}


def _said(*messages: Eventable) -> bytes:
    return b"".join(_line(event.type, event.data) for event in (message.event() for message in messages))


def _line(kind: str, data: object) -> bytes:
    return json.dumps({"type": kind, "data": data}).encode() + b"\n"


def seeds() -> dict[str, bytes]:
    """What servers say: of themselves, at once, in pieces, with data beside it, and when they fail."""
    info = _line("info", _INFO)
    beside = b'{"type": "transcript", "data_length": 16}\n{"text": "hello"}'
    return {
        "at-once": info + _BETWEEN + _said(Transcript("I am happy", language="en")),
        "in-pieces": info + _BETWEEN + _said(TranscriptChunk("I am "), TranscriptStop()),
        "beside": _BETWEEN + beside,
        "fails": info + _BETWEEN + _said(Error("out of memory")),
        "silent": _BETWEEN,
    }


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
    threading.Thread(target=loop.run_forever, name="server", daemon=True).start()
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
        loop.call_soon_threadsafe(loop.stop)


WYOMING = Target("wyoming", "wyoming", start, seeds, share=5, words=_WORDS, longest=4096)
