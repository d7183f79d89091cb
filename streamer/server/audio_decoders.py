"""Decodes the bytes of a client to frames: raw samples, or any container in chunks."""

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
from streamer.server.client_source import StreamSource
from streamer.server.messages import Gap, Problem, Refused, Start

_SAMPLE_BYTES = 2
_BATCH_FRAMES = 5
"""Samples decoded at a time, 100 ms of one channel: each batch costs a switch of threads."""

_LAST_S = 1.0
"""Time limit for decoding what a client sent before its connection broke."""

_log = logging.getLogger("merits.server")


class AudioDecoder(Protocol):
    """Decodes what a client sends, into a source."""

    async def decode(self, data: bytes) -> None:
        """Decode the next bytes, cut anywhere; waits while the source is full."""
        ...

    async def gap(self, gap: Gap) -> None:
        """Insert the gap that the client reports at this point.

        Raises:
            Refused: the format does not allow gaps.
        """
        ...

    async def finish(self, why: Refused | None = None) -> None:
        """End the source, with `why`, after all bytes that came have been decoded."""
        ...

    async def abandon(self, why: Refused) -> None:
        """End the source soon, without decoding the rest: the client has gone."""
        ...

    async def close(self) -> None:
        """Release everything, at any point."""
        ...


def make_decoder(start: Start, source: StreamSource) -> AudioDecoder:
    """The decoder for the format that the start message announces."""
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
        """End the source: no bytes wait here."""

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
    """Any container that can be decoded while it arrives, in a separate thread.

    A socket pair connects the event loop to the thread. Its buffer in the operating system bounds what waits,
    and closing the loop's side ends the decoder's blocking reads.
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
        """Decode the next bytes, cut anywhere; waits while the decoder is behind."""
        try:
            await self._loop.sock_sendall(self._in, data)
        except OSError:  # the decoder has failed, and ended the source with the reason
            await asyncio.shield(self._decoding)

    async def gap(self, gap: Gap) -> None:  # noqa: ARG002
        """Refuse: the position in the sound of a message between two chunks is unknown."""
        raise Refused(Problem.BAD_MESSAGE, "gap is for pcm_s16le: a container carries its own times")

    async def finish(self, why: Refused | None = None) -> None:
        """End the source; after a broken connection, decode the rest only for a limited time."""
        self._why = why
        self._shut()
        if why is not None:
            await asyncio.wait([self._decoding], timeout=_LAST_S)
            self._halt()
        await asyncio.shield(self._decoding)

    async def abandon(self, why: Refused) -> None:
        """End the source soon, without decoding the rest."""
        await self.finish(why)

    async def close(self) -> None:
        """End the thread, even if bytes are left to decode."""
        self._shut()
        self._halt()
        await asyncio.wait([self._decoding])
        self._worker.shutdown(wait=False)
        self._in.close()

    def _shut(self) -> None:
        try:
            self._in.shutdown(socket.SHUT_WR)
        except OSError:
            return  # already closed

    def _halt(self) -> None:
        """End the decoder after its current piece; do not wait for room in the source."""
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
            pass  # the rest is not needed
        except Exception as unforeseen:  # noqa: BLE001
            error = unforeseen
        self._loop.call_soon_threadsafe(lambda: self._source.end(self._why or error))

    def _fill(self, items: Iterator[AudioFrame | AudioGap]) -> None:
        batch: list[AudioFrame | AudioGap] = []
        try:
            for item in items:
                batch.append(item)
                if len(batch) == _BATCH_FRAMES:
                    whole, batch = batch, []  # never put twice, even if this is cancelled when it is done
                    self._put(whole)
        finally:  # what was decoded before a damaged end is kept
            self._put(batch)

    def _put(self, batch: list[AudioFrame | AudioGap]) -> None:
        self._putting = asyncio.run_coroutine_threadsafe(self._source.put(batch), self._loop)
        if self._stop.is_set():  # set since the last check, when there was no task to cancel
            self._putting.cancel()
        self._putting.result()
        if self._source.ended:
            self._stop.set()  # the rest is not decoded


class _SocketBytes:
    """A socket that can be read like a file."""

    def __init__(self, socket: socket.socket) -> None:
        self.socket = socket

    def __str__(self) -> str:
        return "the stream"

    def read(self, size: int, /) -> bytes:
        return self.socket.recv(size)
