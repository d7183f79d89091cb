"""A microphone as a source, through PortAudio."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from time import monotonic
from types import ModuleType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from streamer.audio.capture import CaptureBuffer, Lost, Watchdog
from streamer.audio.cutter import FrameCutter
from streamer.audio.devices import Microphone, find_microphone, load_sounddevice
from streamer.audio.frame import SAMPLE_RATE, AudioItem, DeviceBack, DeviceLost
from streamer.audio.resample import MonoResampler
from streamer.errors import InputError, RunError

_BLOCK_S = 0.02
_LATENCY_S = 0.1
"""Buffer of the driver, in seconds; stalls of the process up to this length lose no sound."""

_BUFFER_S = 5.0
_CLOSE_S = 2.0


class MicrophoneSource:
    """A microphone, in mono.

    If a device delivers nothing for a second, or for three after opening, the source yields `DeviceLost` and
    reopens the device with growing delays. It then yields an `AudioGap` for the time between, and
    `DeviceBack`. Sound that is lost because the driver or the reader is too slow is an `AudioGap`, too.

    Args:
        device: number, name or part of the name; None for the default.

    Raises:
        InputError: there is no such microphone, or the PortAudio library is missing.
    """

    channels = 1

    def __init__(self, device: str | int | None = None) -> None:
        self._sd = load_sounddevice()
        self._microphone = find_microphone(device)
        self._stream: Any = None

    @property
    def name(self) -> str:
        """The device's name."""
        return self._microphone.name

    async def __aenter__(self) -> Self:
        """Open the device, and wait a limited time for its first sound, the start of the recording.

        Raises:
            RunError: the device exists, but cannot be opened.
        """
        self._loop = asyncio.get_running_loop()
        self._delivered = asyncio.Event()
        try:
            await asyncio.to_thread(self._open, self._microphone)
        except self._sd.PortAudioError as error:
            raise RunError(f"the microphone {self.name!r} does not open: {_reason(error)}") from error
        self._watchdog = Watchdog()
        self._watchdog.opened(monotonic())
        with suppress(TimeoutError):
            async with asyncio.timeout(self._watchdog.patience_left_s(monotonic())):
                await self._delivered.wait()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._close()

    async def __aiter__(self) -> AsyncIterator[AudioItem]:
        cutter = FrameCutter()
        watchdog = self._watchdog
        if self._delivered.is_set():
            watchdog.heard(monotonic())
        while True:
            resampler = MonoResampler(round(self._rate))
            while await self._wait(watchdog):
                blocks = self._buffer.take()
                if not blocks:
                    continue
                lost_s = watchdog.heard(monotonic())
                if lost_s is not None:
                    yield DeviceBack(self.name, lost_s)
                    yield cutter.skip(round(lost_s * SAMPLE_RATE), "device lost")
                for block in blocks:
                    if isinstance(block, Lost):
                        cutter.append(resampler.flush())
                        for frame in cutter.cut(flush=True):
                            yield frame
                        resampler = MonoResampler(round(self._rate))
                        yield cutter.skip(round(block.samples * SAMPLE_RATE / self._rate), block.reason)
                    else:
                        cutter.append(resampler.resample(block))
                for frame in cutter.cut():
                    yield frame
            cutter.append(resampler.flush())
            for frame in cutter.cut(flush=True):
                yield frame
            if watchdog.lost():
                yield DeviceLost(self.name, self._why_lost())
            await self._close()
            await self._reopen(watchdog)

    async def _wait(self, watchdog: Watchdog) -> bool:
        """Wait for sound; False if the device counts as lost."""
        self._delivered.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(watchdog.patience_left_s(monotonic())):
                await self._delivered.wait()
        return self._delivered.is_set()

    def _why_lost(self) -> str:
        return "it stopped delivering" if self._stream.active else "its stream ended"

    async def _reopen(self, watchdog: Watchdog) -> None:
        while True:
            await asyncio.sleep(watchdog.retry_in_s())
            with suppress(self._sd.PortAudioError, InputError):
                await asyncio.to_thread(self._rescan_and_open)
                watchdog.opened(monotonic())
                return

    def _rescan_and_open(self) -> None:
        _rescan(self._sd)
        self._open(find_microphone(self.name))

    def _open(self, microphone: Microphone) -> None:
        """Open the device with the best supported combination of rate and channels."""
        error: Exception | None = None
        for rate, channels in _ways(microphone):
            self._rate = rate
            self._buffer = buffer = CaptureBuffer(rate, _BUFFER_S)

            def deliver(
                data: NDArray[np.float32], _n: int, _time: Any, status: Any, buffer: CaptureBuffer = buffer
            ) -> None:
                sound = np.nan_to_num(data.mean(axis=1), nan=0.0, posinf=0.0, neginf=0.0)
                buffer.put(sound, monotonic(), status.input_overflow)
                with suppress(RuntimeError):  # the loop may be closed already
                    self._loop.call_soon_threadsafe(self._delivered.set)

            try:
                self._stream = self._sd.InputStream(
                    device=microphone.index,
                    samplerate=rate,
                    channels=channels,
                    dtype="float32",
                    blocksize=int(rate * _BLOCK_S),
                    latency=_LATENCY_S,
                    callback=deliver,
                )
                self._stream.start()
                return
            except self._sd.PortAudioError as refused:
                error = refused
                if self._stream is not None:
                    self._stream.close(ignore_errors=True)
                    self._stream = None
        assert error is not None
        raise error

    async def _close(self) -> None:
        """Close the stream; abandon it if its driver hangs."""
        if self._stream is not None:
            stream, self._stream = self._stream, None
            closing = asyncio.create_task(asyncio.to_thread(stream.close, ignore_errors=True))
            await asyncio.wait([closing], timeout=_CLOSE_S)


def _ways(microphone: Microphone) -> Iterator[tuple[float, int]]:
    """Sample rates and channel counts to try: first those that need no conversion."""
    for channels in dict.fromkeys((1, min(2, microphone.channels), microphone.channels)):
        for rate in dict.fromkeys((float(SAMPLE_RATE), microphone.default_rate)):
            yield rate, channels


def _rescan(sd: ModuleType) -> None:
    """Restart PortAudio, which lists the devices only at its start."""
    sd._terminate()
    sd._initialize()


def _reason(error: Exception) -> str:
    return str(error.args[0]) if error.args else type(error).__name__
