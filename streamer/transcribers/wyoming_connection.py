"""Connections to a Wyoming server, in an event loop and a thread of their own."""

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
from wyoming.asr import Transcribe, TranscriptChunk, TranscriptStop
from wyoming.asr import Transcript as WyomingTranscript
from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.client import AsyncTcpClient
from wyoming.error import Error
from wyoming.event import Event, Eventable

from streamer.audio.frame import SAMPLE_RATE
from streamer.errors import RunError
from streamer.transcribers.base import Transcript
from streamer.transcribers.wyoming_address import WyomingAddress

CONNECT_S = 3.0
"""How long a server may take to accept a connection."""

CHUNK = SAMPLE_RATE // 10
"""Samples sent at a time."""

_WIDTH = 2
_DISCONNECT_S = 1.0
Result = TypeVar("Result")


class ConnectionThread:
    """Runs what talks to servers, for callers in other threads."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._closed = False
        threading.Thread(target=self._run, name="wyoming", daemon=True).start()

    def do(self, task: Coroutine[Any, Any, Result], limit_s: float) -> Result:
        """Do something, and wait for it.

        Raises:
            RunError: it failed, or took longer than `limit_s`.
        """
        if self._closed:
            task.close()
            raise RunError("the connection is closed")
        doing = asyncio.run_coroutine_threadsafe(asyncio.wait_for(task, limit_s), self._loop)
        try:
            return doing.result()
        except TimeoutError as error:
            raise RunError("it does not answer") from error
        except CancelledError as error:
            raise RunError("the connection is closed") from error
        except (OSError, EOFError) as error:
            raise RunError(_reason(error)) from error

    def begin(self, task: Coroutine[Any, Any, None]) -> None:
        """Do something, and wait for nothing."""
        if self._closed:
            task.close()
        else:
            asyncio.run_coroutine_threadsafe(task, self._loop)

    def close(self) -> None:
        """Give up what is being done, and end the thread."""
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
    """One connection, to be entered once."""

    def __init__(self, address: WyomingAddress) -> None:
        self._client = AsyncTcpClient(address.host, address.port, connect_timeout=CONNECT_S)

    async def __aenter__(self) -> Self:
        await self._client.connect()
        return self

    async def __aexit__(self, *_: object) -> None:
        with suppress(OSError):  # it may be broken already; TimeoutError is one, too
            async with asyncio.timeout(_DISCONNECT_S):
                await self._client.disconnect()

    async def write(self, message: Eventable) -> None:
        """Send a message."""
        await self._client.write_event(message.event())

    async def read(self) -> Event | None:
        """The next event; None at the end.

        Raises:
            ConnectionError: what comes is no event.
        """
        try:
            return await self._client.read_event()
        except (KeyError, TypeError, AttributeError) as error:
            raise ConnectionError("what it says is not Wyoming") from error


def _reason(error: OSError | EOFError) -> str:
    """Why, without the address, which asyncio puts into its messages."""
    if isinstance(error, socket.gaierror):
        return "there is no such host"
    if isinstance(error, EOFError):
        return "it broke off"
    if error.errno is not None:
        return os.strerror(error.errno)
    return "no connection" if str(error).startswith("Multiple exceptions") else str(error)


class Utterance:
    """Speech on its way to the server, and the words on their way back.

    Attributes:
        text: the words so far, from servers that stream them.
    """

    def __init__(self, address: WyomingAddress) -> None:
        self.text = ""
        self._address = address
        self._connection = Connection(address)
        self._answer: asyncio.Task[Transcript] | None = None
        self._broken = False

    async def open(self) -> None:
        """Connect, and say what comes."""
        await self._connection.__aenter__()
        self._answer = asyncio.create_task(self._answering())
        await self._write(Transcribe(name=self._address.model, language=self._address.language))
        await self._write(AudioStart(SAMPLE_RATE, _WIDTH, channels=1))

    async def send(self, samples: NDArray[np.int16]) -> None:
        """Send int16 [n] at 16 kHz, any n."""
        for at in range(0, len(samples), CHUNK):
            sound = samples[at : at + CHUNK].tobytes()
            await self._write(AudioChunk(SAMPLE_RATE, _WIDTH, channels=1, audio=sound))

    async def finish(self) -> Transcript:
        """Say that it is over, and wait for the words."""
        assert self._answer is not None
        await self._write(AudioStop())
        return await self._answer

    async def close(self) -> None:
        """Leave the connection, whatever is still to come."""
        if self._answer is not None:
            self._answer.cancel()
            await asyncio.gather(self._answer, return_exceptions=True)
        await self._connection.__aexit__()

    async def _write(self, message: Eventable) -> None:
        """Send, unless the answer is there already: an error is raised, a transcript is all there will be."""
        assert self._answer is not None
        if self._answer.done() or self._broken:
            await self._answer
        else:
            await self._connection.write(message)

    async def _answering(self) -> Transcript:
        try:
            return await self._listen()
        except BaseException:  # whoever is to close may come too late: the thread may be ending
            self._broken = True
            await self._connection.__aexit__()
            raise

    async def _listen(self) -> Transcript:
        while (event := await self._connection.read()) is not None:
            try:
                if WyomingTranscript.is_type(event.type):
                    said = WyomingTranscript.from_event(event)
                    return Transcript(str(said.text), said.language)
                if TranscriptChunk.is_type(event.type):
                    self.text += str(TranscriptChunk.from_event(event).text)
                elif TranscriptStop.is_type(event.type):
                    return Transcript(self.text)
                elif Error.is_type(event.type):
                    raise ConnectionError(f"it says: {Error.from_event(event).text}")
            except KeyError as error:
                raise ConnectionError("what it says is not Wyoming") from error
        raise ConnectionError("it broke off")
