"""Decodes recordings with FFmpeg (PyAV) into 16 kHz int16, packet by packet."""

import threading
from collections.abc import Iterator
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

import av
import numpy as np
from numpy.typing import NDArray

from streamer.audio.cutter import FrameCutter
from streamer.audio.frame import SAMPLE_RATE, AudioFrame, AudioGap
from streamer.audio.promise import promised_s
from streamer.audio.resample import MonoResampler
from streamer.errors import InputError

_GAP_S = 0.1
"""A jump in the timestamps by more than this is sound that is missing."""

_SHORT_S = 0.1
"""A recording that is shorter than its header promises, by more than this, is truncated (or damaged)."""


_STREAMED = "aac,aiff,amr,au,caf,flac,matroska,mov,mp3,mpegts,ogg,w64,wav"
"""FFmpeg's demuxers that may read what strangers send: those that follow no references to other places."""

_PROBE_BYTES = 2**20
"""How much of a stream is looked at for what it may be."""


class ByteStream(Protocol):
    """The bytes of a recording as they come. `str` of it is what messages call it."""

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes: waits for some, and returns none at the end."""
        ...


class Decoder:
    """One pass over a recording, blocking; a context manager.

    Args:
        recording: any file that FFmpeg can decode, or bytes as they come in one of the containers that can be
            decoded without seeking.
        split_channels: keep the channels apart instead of mixing them down to their mean (without the
            subwoofer's).
        stop: ends it when set.

    Attributes:
        channels: how many channels come out.
        complaints: what was not as it should be, a line each, once `items` has ended.
        duration_s: length in seconds as the file states or FFmpeg estimates it; None where neither can.

    Raises:
        InputError: there is no such file, or it holds no audio that can be decoded.
    """

    def __init__(
        self, recording: Path | ByteStream, split_channels: bool, stop: threading.Event | None = None
    ) -> None:
        self.complaints: list[str] = []
        self._stop = stop or threading.Event()
        self._recording = recording
        self._split = split_channels
        self._skipped_since_sound = 0
        with ExitStack() as stack:
            self._container = stack.enter_context(_open(recording))
            stream = self._container.streams.best("audio")
            if stream is None:
                raise InputError(f"{recording} has no audio in it")
            self._stream = stream
            self.duration_s = _duration_s(self._container, stream)
            self._decoded = self._decode()
            first = next(self._decoded, None)
            if first is None:
                raise InputError(f"{recording} holds no sound that can be decoded")
            self._first = first
            self.channels = len(_planar(first)) if split_channels else 1
            self._close = stack.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close.close()

    def items(self) -> Iterator[AudioFrame | AudioGap]:
        """Yield the sound, once.

        What cannot be decoded is skipped, as an `AudioGap` where the timestamps tell its length.

        Raises:
            InputError: after everything that could be read, when the recording is truncated.
        """
        cutters = [FrameCutter(channel) for channel in range(self.channels)]
        rate = self._first.sample_rate
        resamplers = [MonoResampler(rate) for _ in cutters]
        read_s = 0.0
        expected_s: float | None = None
        for frame in self._all_frames():
            if self._stop.is_set():
                return
            if frame.sample_rate != rate:
                for cutter, resampler in zip(cutters, resamplers, strict=True):
                    cutter.append(resampler.flush())
                rate = frame.sample_rate
                resamplers = [MonoResampler(rate) for _ in cutters]
            at_s = float(frame.pts * frame.time_base) if frame.pts is not None and frame.time_base else None
            if at_s is not None and expected_s is not None and at_s - expected_s > _GAP_S:
                for cutter, resampler in zip(cutters, resamplers, strict=True):
                    cutter.append(resampler.flush())
                yield from _interleaved(cutters, flush=True)
                yield _skip(cutters, round((at_s - expected_s) * SAMPLE_RATE))
                resamplers = [MonoResampler(rate) for _ in cutters]
                read_s += at_s - expected_s
            length_s = frame.samples / rate
            expected_s = at_s + length_s if at_s is not None else None
            read_s += length_s
            for cutter, resampler, sound in zip(cutters, resamplers, self._channels_of(frame), strict=True):
                cutter.append(resampler.resample(sound))
            yield from _interleaved(cutters)
        for cutter, resampler in zip(cutters, resamplers, strict=True):
            cutter.append(resampler.flush())
        yield from _interleaved(cutters, flush=True)
        self._complain_if_truncated(read_s)

    def _all_frames(self) -> Iterator[Any]:
        yield self._first
        yield from self._decoded

    def _decode(self) -> Iterator[Any]:
        """Yield decoded frames, passing over packets that cannot be decoded."""
        packets = self._container.demux(self._stream)
        while True:
            try:
                packet = next(packets, None)
            except av.FFmpegError:
                self._skipped_since_sound += 1
                return
            if packet is None:
                return
            try:
                frames = packet.decode()
            except av.FFmpegError:
                self._skipped_since_sound += 1
                continue
            for frame in frames:
                if frame.samples and frame.sample_rate:
                    self._skipped_since_sound = 0
                    yield frame

    def _channels_of(self, frame: Any) -> NDArray[np.float32]:
        """The channels that come out of a decoded frame: float32 [channels, n] in -1..1."""
        sound = _planar(frame)
        if not self._split:
            kept = [i for i, channel in enumerate(frame.layout.channels) if channel.name != "LFE"]
            mixed: NDArray[np.float32] = sound[kept or slice(None)].mean(axis=0, keepdims=True)
            return mixed
        if len(sound) < self.channels:
            sound = np.pad(sound, ((0, self.channels - len(sound)), (0, 0)))
        return sound[: self.channels]

    def _complain_if_truncated(self, read_s: float) -> None:
        name = self._recording  # only a file is looked at for what its header promises
        promised = promised_s(name, self._container, self._stream) if isinstance(name, Path) else None
        if promised is not None and read_s < promised - _SHORT_S:
            raise InputError(
                f"{name} is truncated or damaged: {read_s:.1f} s of {promised:.1f} s could be read"
            )
        if promised is None and self._skipped_since_sound:
            raise InputError(f"{name} is damaged at its end: {read_s:.1f} s could be read")


def _interleaved(cutters: list[FrameCutter], flush: bool = False) -> Iterator[AudioFrame]:
    for frames in zip(*(cutter.cut(flush) for cutter in cutters), strict=True):
        yield from frames


def _skip(cutters: list[FrameCutter], length: int) -> AudioGap:
    gaps = [cutter.skip(length, "damaged recording") for cutter in cutters]
    return gaps[0]


def _open(recording: Path | ByteStream) -> Any:
    """Open a recording, or raise an `InputError` that says why it cannot be."""
    av.logging.set_level(av.logging.PANIC)  # FFmpeg's own messages would go to stderr
    try:
        if isinstance(recording, Path):
            _look_at(recording)
            options = {"protocol_whitelist": "file"}
            return av.open(f"file:{recording}", options=options, metadata_errors="replace")
        options = {
            "protocol_whitelist": "",
            "format_whitelist": _STREAMED,
            "probesize": str(_PROBE_BYTES),
            "analyzeduration": "1000",  # microseconds: live sound is not waited for to be looked at
        }
        return av.open(recording, options=options, metadata_errors="replace")
    except (av.FFmpegError, ValueError) as error:
        raise InputError(f"{recording} is not a recording that can be decoded") from error


def _look_at(path: Path) -> None:
    try:
        if path.is_dir():
            raise InputError(f"{path} is a folder, not a recording")
        with path.open("rb") as file:
            if not file.read(1):
                raise InputError(f"{path} is empty")
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error


def _duration_s(container: Any, stream: Any) -> float | None:
    if stream.duration is not None and stream.time_base is not None:
        return float(stream.duration * stream.time_base)
    if container.duration is not None:
        return float(Fraction(container.duration, av.time_base))
    return None


_FULL_SCALE = {"u8": 128, "s16": 2**15, "s32": 2**31, "s64": 2**63, "flt": 1, "dbl": 1}


def _planar(frame: Any) -> NDArray[np.float32]:
    """A decoded frame as float32 [channels, n] in -1..1; what is not finite becomes silence."""
    data = frame.to_ndarray()
    if frame.format.is_packed:
        data = data.reshape(-1, frame.layout.nb_channels).T
    kind = frame.format.packed.name
    sound: NDArray[np.float32] = data.astype(np.float32)
    if kind == "u8":
        sound -= 128
    sound /= np.float32(_FULL_SCALE[kind])
    if data.dtype.kind == "f":
        np.nan_to_num(sound, copy=False, nan=0.0, posinf=0.0, neginf=0.0)
    np.clip(sound, -1, 1, out=sound)
    return sound
