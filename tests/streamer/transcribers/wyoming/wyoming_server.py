"""A Wyoming speech-to-text server in a process of its own, made of wyoming's own server classes.

    python -m tests.streamer.transcribers.wyoming.wyoming_server PORT MANNER

MANNER: "words" answers every turn with known words, "streams" tells them in pieces before the turn is over,
"whisper" recognises with Whisper, "hangs" never answers, "errs" answers with an error, "mute" does not
describe itself, "speaks" offers text-to-speech only, "garbles" says what is no event.
"""

import asyncio
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np
from wyoming.asr import Transcribe, Transcript, TranscriptChunk, TranscriptStart, TranscriptStop
from wyoming.audio import AudioChunk, AudioStop
from wyoming.error import Error
from wyoming.event import Event
from wyoming.info import AsrModel, AsrProgram, Attribution, Describe, Info, TtsProgram
from wyoming.server import AsyncEventHandler, AsyncServer

from streamer.transcribers.base import Transcriber
from streamer.transcribers.choose import load_transcriber

WORDS = "I am so very happy today"
ORIGIN = Attribution("test", "https://example.org")
ABOUT: dict[str, Any] = {"attribution": ORIGIN, "installed": True, "description": None, "version": "1"}


class Handler(AsyncEventHandler):
    def __init__(self, manner: str, whisper: Transcriber | None, *streams: Any) -> None:
        super().__init__(*streams)
        self.manner = manner
        self.whisper = whisper
        self.sound = b""
        self.language: str | None = None

    async def handle_event(self, event: Event) -> bool:
        if Describe.is_type(event.type) and self.manner != "mute":
            await self.describe()
        elif Transcribe.is_type(event.type):
            self.language = Transcribe.from_event(event).language
            if self.manner == "streams":
                await self.write_event(TranscriptStart().event())
        elif AudioChunk.is_type(event.type):
            before = len(self.sound)
            self.sound += AudioChunk.from_event(event).audio
            if self.manner == "streams" and before // 16_000 != len(self.sound) // 16_000:
                await self.write_event(TranscriptChunk("happy ").event())
            if self.manner == "garbles":
                self.writer.write(b"[1, 2]\n")
                await self.writer.drain()
        elif AudioStop.is_type(event.type):
            return await self.answer()
        return True

    async def describe(self) -> None:
        if self.manner == "speaks":
            await self.write_event(Info(tts=[TtsProgram(name="voice", voices=[], **ABOUT)]).event())
            return
        model = AsrModel(name="tiny", languages=["en"], **ABOUT)
        await self.write_event(Info(asr=[AsrProgram(name="known-words", models=[model], **ABOUT)]).event())

    async def answer(self) -> bool:
        match self.manner:
            case "hangs":
                return True
            case "errs":
                await self.write_event(Error("out of memory").event())
            case "streams":
                await self.write_event(TranscriptStop().event())
            case "whisper":
                assert self.whisper is not None
                said = self.whisper.transcribe(np.frombuffer(self.sound, np.int16))
                await self.write_event(Transcript(said.text, language="en").event())
            case _:
                await self.write_event(Transcript(WORDS, language=self.language).event())
        return False  # like wyoming-faster-whisper: a connection a turn


@contextmanager
def wyoming_server(manner: str = "words", port: int | None = None) -> Iterator["tuple[int, Any]"]:
    """Run a server; yields its port and its process."""
    if port is None:
        port = free_port()
    process = subprocess.Popen([sys.executable, "-W", "ignore", "-m", __name__, str(port), manner])
    try:
        deadline = time.monotonic() + 60
        while not answers(port):
            assert process.poll() is None, "the server ended"
            assert time.monotonic() < deadline
            time.sleep(0.05)
        yield port, process
    finally:
        process.kill()
        process.wait()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        return port


def answers(port: int) -> bool:
    with socket.socket() as client:
        client.settimeout(1)
        return client.connect_ex(("127.0.0.1", port)) == 0


if __name__ == "__main__":
    server = AsyncServer.from_uri(f"tcp://127.0.0.1:{sys.argv[1]}")
    whisper = load_transcriber("auto") if sys.argv[2] == "whisper" else None
    asyncio.run(server.run(partial(Handler, sys.argv[2], whisper)))
