"""From the bytes of a client to frames: raw samples, or any container in chunks."""

import asyncio
import logging
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from streamer.audio.cutter import FrameCutter
from streamer.audio.decoding.decode import Decoder
from streamer.audio.frame import LONGEST_FRAME, SAMPLE_RATE, AudioFrame, AudioGap
from streamer.audio.resample import MonoResampler
from streamer.errors import InputError
from streamer.server.protocol import Gap, Problem, Refused, Start
from streamer.server.source import StreamSource

_SAMPLE_BYTES = 2
_BATCH_FRAMES = 5
"""Decoded at a time, 100 ms of one channel: each batch costs a change of threads."""

_LAST_S = 1.0
"""How long what a client sent before it broke off may take to be decoded."""

_log = logging.getLogger("merits.server")


class AudioDecoder(Protocol):
    """Fills a source with what a client sends."""

    async def decode(self, data: bytes) -> None:
        """Take in the next bytes, cut anywhere; waits while the source is full."""
        ...

    async def gap(self, gap: Gap) -> None:
        """The client says that sound is missing here.

        Raises:
            Refused: the format has no place for it.
        """
        ...

    async def finish(self, why: Refused | None = None) -> None:
        """No more bytes come: the source ends, with `why`, when all there were have been taken in."""
        ...

    async def abandon(self, why: Refused) -> None:
        """The client has gone, though not all that it sent was taken in: the source ends, and soon."""
        ...

    async def close(self) -> None:
        """Release everything, whatever has come."""
        ...


def make_decoder(start: Start, source: StreamSource) -> AudioDecoder:
    """The decoder for what a client says that it sends."""
    if start.format == "container":
        return ContainerDecoder(source, split=start.split)
    return PcmDecoder(source, start.rate or SAMPLE_RATE, start.channels or 1, split=start.split)


class PcmDecoder:
    """Raw little-endian 16-bit samples, channels interleaved."""

    def __init__(self, source: StreamSource, rate: int, channels: int, *, split: bool) -> None:
        self._source = source
        self._rate = rate
        self._channels = channels
        self._split = split
        self._rest = b""
        self._cutters = [FrameCutter(channel, LONGEST_FRAME) for channel in range(channels if split else 1)]
        self._resamplers = self._new_resamplers()

    async def decode(self, data: bytes) -> None:
        data = self._rest + data if self._rest else data
        whole = len(data) - len(data) % (_SAMPLE_BYTES * self._channels)
        self._rest = data[whole:]
        if not whole:
            return
        samples = np.frombuffer(data, "<i2", whole // _SAMPLE_BYTES).reshape(-1, self._channels)
        if not self._split and self._channels > 1:
            samples = np.rint(samples.mean(axis=1, keepdims=True)).astype(np.int16)
        for cutter, channel, sound in zip(self._cutters, range(len(self._cutters)), samples.T, strict=True):
            cutter.append(self._resampled(channel, sound))
        await self._put(flush=False)

    async def gap(self, gap: Gap) -> None:
        self._rest = b""
        await self._flush()
        length = round(gap.length_s * SAMPLE_RATE)
        await self._source.put([cutter.skip(length, gap.reason) for cutter in self._cutters][:1])
        self._resamplers = self._new_resamplers()

    async def finish(self, why: Refused | None = None) -> None:
        await self._flush()
        self._source.end(why)

    async def abandon(self, why: Refused) -> None:
        """Nothing waits: all that is left is that the client is heard to have gone."""

    async def close(self) -> None:
        """Nothing to release."""

    def _new_resamplers(self) -> list[MonoResampler]:
        return [] if self._rate == SAMPLE_RATE else [MonoResampler(self._rate) for _ in self._cutters]

    def _resampled(self, channel: int, sound: NDArray[np.int16]) -> NDArray[np.int16]:
        if not self._resamplers:
            return sound
        return self._resamplers[channel].resample(sound.astype(np.float32) / np.float32(32768))

    async def _flush(self) -> None:
        for cutter, resampler in zip(self._cutters, self._resamplers, strict=False):
            cutter.append(resampler.flush())
        await self._put(flush=True)

    async def _put(self, *, flush: bool) -> None:
        cut = [cutter.cut(flush) for cutter in self._cutters]
        await self._source.put([frame for moment in zip(*cut, strict=True) for frame in moment])


class ContainerDecoder:
    """Any container that can be decoded as it comes, in a thread of its own.

    Between the event loop and the thread lies a socket pair: what the operating system buffers is the bound,
    and the decoder's blocking reads end when the loop's side is closed.
    """

    def __init__(self, source: StreamSource, *, split: bool) -> None:
        self._source = source
        self._split = split
        self._why: Refused | None = None
        self._loop = asyncio.get_running_loop()
        self._in, out = socket.socketpair()
        self._in.setblocking(False)
        self._stop = threading.Event()
        self._putting: Future[None] | None = None
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="decoder")
        self._decoding = self._loop.run_in_executor(self._worker, self._decode, _SocketBytes(out))

    async def decode(self, data: bytes) -> None:
        """Take in the next bytes, cut anywhere; waits while the decoder is behind."""
        try:
            await self._loop.sock_sendall(self._in, data)
        except OSError:  # the decoder has given up, and told the source why
            await asyncio.shield(self._decoding)

    async def gap(self, gap: Gap) -> None:  # noqa: ARG002
        """There is no telling where in the sound a message between two chunks belongs."""
        raise Refused(Problem.BAD_MESSAGE, "gap is for pcm_s16le: a container carries its own times")

    async def finish(self, why: Refused | None = None) -> None:
        """No more bytes come; of a client that broke off, what takes long to decode is left."""
        self._why = why
        self._shut()
        if why is not None:
            await asyncio.wait([self._decoding], timeout=_LAST_S)
            self._halt()
        await asyncio.shield(self._decoding)

    async def abandon(self, why: Refused) -> None:
        """Take in no more."""
        await self.finish(why)

    async def close(self) -> None:
        """End the thread, whatever it has still to decode."""
        self._shut()
        self._halt()
        await asyncio.wait([self._decoding])
        self._worker.shutdown(wait=False)
        self._in.close()

    def _shut(self) -> None:
        try:
            self._in.shutdown(socket.SHUT_WR)
        except OSError:
            return  # it is already

    def _halt(self) -> None:
        """The decoder ends with the piece that it is at, and waits for no room in the source."""
        self._stop.set()
        if self._putting is not None:
            self._putting.cancel()

    def _decode(self, stream: "_SocketBytes") -> None:
        error: Exception | None = None
        try:
            with stream.socket, Decoder(stream, self._split, self._stop) as decoder:
                if decoder.channels != self._source.channels:
                    raise InputError(
                        f"{stream} has {decoder.channels} channels, not {self._source.channels} as was said"
                    )
                self._fill(decoder.items())
                for note in decoder.damage_notes:
                    _log.info("%s: %s", self._source.name, note)
        except InputError as undecodable:
            error = Refused(Problem.UNDECODABLE, str(undecodable))
        except CancelledError:
            pass  # nobody waits for the rest
        except Exception as unforeseen:  # noqa: BLE001
            error = unforeseen
        self._loop.call_soon_threadsafe(lambda: self._source.end(self._why or error))

    def _fill(self, items: Iterator[AudioFrame | AudioGap]) -> None:
        batch: list[AudioFrame | AudioGap] = []
        try:
            for item in items:
                batch.append(item)
                if len(batch) == _BATCH_FRAMES:
                    self._put(batch)
                    batch = []
        finally:  # a damaged end does not take what came before with it
            self._put(batch)

    def _put(self, batch: list[AudioFrame | AudioGap]) -> None:
        self._putting = asyncio.run_coroutine_threadsafe(self._source.put(batch), self._loop)
        if self._stop.is_set():  # since it was last seen, when there was nothing yet to cancel
            self._putting.cancel()
        self._putting.result()
        if self._source.ended:
            self._stop.set()  # nothing of the rest is taken in


class _SocketBytes:
    """Reads a socket like a file."""

    def __init__(self, socket: socket.socket) -> None:
        self.socket = socket

    def __str__(self) -> str:
        return "the stream"

    def read(self, size: int, /) -> bytes:
        return self.socket.recv(size)
