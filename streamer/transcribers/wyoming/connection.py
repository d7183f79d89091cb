"""Connections to a Wyoming server, in a separate thread with an event loop."""

import asyncio
import os
import socket
import threading
from collections.abc import Coroutine, Iterable
from concurrent.futures import CancelledError
from contextlib import suppress
from typing import Any, Self, TypeVar

import numpy as np
from numpy.typing import NDArray
from wyoming.asr import Transcribe
from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.event import Eventable, async_write_event

from streamer.audio.frame import SAMPLE_RATE
from streamer.errors import RunError
from streamer.transcribers.base import Transcript, Unanswered
from streamer.transcribers.clean_words import clean_words
from streamer.transcribers.wyoming import messages
from streamer.transcribers.wyoming.address import WyomingAddress

CONNECT_S = 3.0
"""Time limit for a server to accept a connection."""

CHUNK = SAMPLE_RATE // 10
"""Samples sent at a time."""

MOST_EVENTS = 10_000
"""Most events from a server for one turn; servers that stream words send a few a second."""

_WIDTH = 2
_DISCONNECT_S = 1.0
_THREAD_ANSWERS_S = 5.0
"""After this, the thread is assumed to be dead."""

Result = TypeVar("Result")


class ConnectionThread:
    """Runs coroutines for callers in other threads."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._closed = False
        threading.Thread(target=self._run, name="wyoming", daemon=True).start()

    def do(self, task: Coroutine[Any, Any, Result], limit_s: float) -> Result:
        """Run a coroutine, and wait for its result.

        Raises:
            RunError: it failed, or took longer than `limit_s`.
        """
        if self._closed:
            task.close()
            raise RunError("the connection is closed")
        doing = asyncio.run_coroutine_threadsafe(asyncio.wait_for(task, limit_s), self._loop)
        try:
            return doing.result(limit_s + _THREAD_ANSWERS_S)
        except TimeoutError as error:
            raise RunError("it does not answer") from error
        except CancelledError as error:
            raise RunError("the connection is closed") from error
        except (OSError, EOFError) as error:
            raise RunError(_reason(error)) from error

    def begin(self, task: Coroutine[Any, Any, None]) -> None:
        """Start a coroutine, without waiting."""
        if self._closed:
            task.close()
        else:
            asyncio.run_coroutine_threadsafe(task, self._loop)

    def close(self) -> None:
        """Cancel everything, and end the thread."""
        if not self._closed:
            self._closed = True
            self._loop.call_soon_threadsafe(self._loop.stop)

    def _run(self) -> None:
        try:
            self._loop.run_forever()
            self._loop.run_until_complete(_give_up(asyncio.all_tasks(self._loop)))
        finally:
            self._loop.close()


async def _give_up(tasks: "Iterable[asyncio.Task[Any]]") -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


class Connection:
    """One connection; enter its context once."""

    def __init__(self, address: WyomingAddress) -> None:
        self._address = address
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def __aenter__(self) -> Self:
        async with asyncio.timeout(CONNECT_S):
            self._streams = await asyncio.open_connection(
                self._address.host, self._address.port, limit=messages.LONGEST
            )
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._streams is not None:
            writer, self._streams = self._streams[1], None
            writer.close()
            with suppress(OSError):  # it may be broken already; TimeoutError is an OSError, too
                async with asyncio.timeout(_DISCONNECT_S):
                    await writer.wait_closed()

    async def write(self, message: Eventable) -> None:
        """Send a message."""
        _, writer = self._open_streams()
        await async_write_event(message.event(), writer)

    async def read(self) -> messages.Event | None:
        """The next event; None at the end.

        Raises:
            Unanswered: the server sent no valid event.
        """
        reader, _ = self._open_streams()
        return await messages.read_event(reader)

    def _open_streams(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._streams is None:
            raise ConnectionError("the connection is closed")
        return self._streams


def _reason(error: OSError | EOFError) -> str:
    """The reason, without the address that asyncio adds to its messages."""
    if isinstance(error, socket.gaierror):
        return "there is no such host"
    if isinstance(error, EOFError):
        return "it broke off"
    if error.errno is not None:
        return os.strerror(error.errno)
    return "no connection" if str(error).startswith("Multiple exceptions") else str(error)


class Utterance:
    """One turn: sends its speech to the server, and receives the words."""

    def __init__(self, address: WyomingAddress) -> None:
        self._address = address
        self._connection = Connection(address)
        self._answer: asyncio.Task[Transcript] | None = None
        self._asked = False
        self._text = ""
        self._broken = False

    @property
    def text(self) -> str:
        """The words so far, from servers that stream them."""
        return clean_words(self._text)

    async def open(self) -> None:
        """Connect, and announce the sound."""
        await self._connection.__aenter__()
        self._answer = asyncio.create_task(self._answering())
        await self._write(Transcribe(name=self._address.model, language=self._address.language))
        await self._write(AudioStart(SAMPLE_RATE, _WIDTH, channels=1))

    async def send(self, samples: NDArray[np.int16]) -> None:
        """Send int16 [n] at 16 kHz, any n."""
        for at in range(0, len(samples), CHUNK):
            self._asked = True
            sound = samples[at : at + CHUNK].tobytes()
            await self._write(AudioChunk(SAMPLE_RATE, _WIDTH, channels=1, audio=sound))

    async def finish(self) -> Transcript:
        """Announce the end of the turn, and wait for the words."""
        assert self._answer is not None
        self._asked = True
        await self._write(AudioStop())
        return await self._answer

    async def close(self) -> None:
        """Close the connection, without waiting for an answer."""
        if self._answer is not None:
            self._answer.cancel()
            await asyncio.gather(self._answer, return_exceptions=True)
        await self._connection.__aexit__()

    async def _write(self, message: Eventable) -> None:
        """Send, unless an answer has come already: raise an error; after a transcript, send nothing."""
        assert self._answer is not None
        if self._answer.done() or self._broken:
            await self._answer
        else:
            await self._connection.write(message)

    async def _answering(self) -> Transcript:
        try:
            return await self._listen()
        except BaseException:  # `close` may come too late: the thread may be ending
            self._broken = True
            await self._connection.__aexit__()
            raise

    async def _listen(self) -> Transcript:
        for _ in range(MOST_EVENTS):
            if (event := await self._connection.read()) is None:
                raise ConnectionError("it broke off")
            match event.kind:
                case "transcript" | "transcript-stop" if not self._asked:
                    raise Unanswered("it answers before it is asked")
                case "transcript":
                    said = event.read(messages.Transcript)
                    return Transcript(said.text, said.language)
                case "transcript-chunk":
                    self._text += event.read(messages.Chunk).text
                case "transcript-stop":
                    return Transcript(self.text)
                case "error":
                    raise ConnectionError(f"it says: {event.read(messages.Failure).text}")
            if len(self._text) > messages.LONGEST_TEXT:
                break
        raise Unanswered("it says too much")
