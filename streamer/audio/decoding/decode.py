"""Decodes recordings with FFmpeg (PyAV) into 16 kHz int16, packet by packet."""

import threading
from collections.abc import Iterator
from contextlib import ExitStack
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import Any, Self

import av
import numpy as np
from av.format import Flags
from av.stream import Discard, Disposition
from numpy.typing import NDArray

from streamer.audio.decoding.byte_reader import ByteReader
from streamer.audio.decoding.clock import ContainerClock
from streamer.audio.decoding.damage_notes import damage_notes
from streamer.audio.decoding.demuxers import LARGEST_FRAME, is_out_of_proportion, options
from streamer.audio.decoding.ogg_links import ByteStream
from streamer.audio.decoding.planar import planar
from streamer.audio.frame import HIGHEST_RATE, LOWEST_RATE, MOST_CHANNELS, AudioFrame, AudioGap
from streamer.audio.resample import Lanes
from streamer.errors import InputError

_LOST = "damaged recording"

_QUIET = 10 ** (-50 / 20)
"""Sound below this level counts as quiet, relative to full scale 1 ..."""

_QUIET_BESIDE_SPEECH = 0.05
"""... or relative to the loud sound of the recording."""

_TAIL_S = 0.02
"""Length of the sound that decides whether a pause begins."""

_CONCEALED_S = 0.065
"""Losses up to this length are concealed by the sound before: edges of holes can pass for speech."""


class Decoder:
    """One pass over a recording, blocking; a context manager.

    Times are the container's, as players show them: they start with the container, not with its sound.
    Missing sound is concealed (a few lost packets), or becomes silence (more packets, pauses that were not
    sent) or an `AudioGap`. Jumps of the clock are ignored. Memory is bounded, whatever the headers state.

    Args:
        recording: any file that FFmpeg can decode, or a stream of bytes in a container that can be decoded
            without seeking. References to other files are not followed.
        split_channels: keep the channels separate instead of mixing them to their mean (without the
            subwoofer's).
        stop: ends decoding when set (see `stop`), even before the recording is open.

    Attributes:
        channels: number of channels of the output.
        duration_s: length in seconds as stated by the file or estimated by FFmpeg, possibly wrong; None if
            unknown.
        damage_notes: damage found, one line each, after `items` has ended.

    Raises:
        InputError: there is no such file, or it contains no decodable audio.
    """

    def __init__(
        self, recording: Path | ByteStream, split_channels: bool, stop: threading.Event | None = None
    ) -> None:
        self._recording = recording
        self._split = split_channels
        self._stop = stop or threading.Event()
        self._is_damaged_at_end = False
        self.damage_notes: list[str] = []
        with ExitStack() as stack:
            self._reader = ByteReader(recording, self._stop)
            stack.callback(self._reader.close)
            self._container = self._open()
            stack.callback(lambda: self._container.close())
            self._stream = self._best_stream()
            self._first_packets: list[Any] = []
            self._clock = self._new_clock()
            self.duration_s = _duration_s(self._container, self._stream)
            self._decoded = self._decode()
            first = next(self._decoded, None)
            if first is None:
                raise InputError(f"{recording} holds no sound that can be decoded")
            self._first = first
            self.channels = first[0].layout.nb_channels if split_channels else 1
            self._close = stack.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._close.close()

    def stop(self) -> None:
        """End `items` soon, from any thread; if it waits for a stream's bytes, when some come or it ends."""
        self._stop.set()

    def items(self) -> Iterator[AudioFrame | AudioGap]:
        """Yield the sound, once.

        Raises:
            InputError: the recording continues with data that is no sound; raised after all sound before.
        """
        for item in self._placed():
            if self._stop.is_set():
                return
            yield item

    def _placed(self) -> Iterator[AudioFrame | AudioGap]:
        """The sound on the container's clock."""
        lanes = Lanes(self.channels)
        clock = self._clock
        tail, loudest = 0.0, 0.0
        before: NDArray[np.float32] | None = None
        for frame, is_damaged in chain([self._first], self._decoded):
            rate, sound = frame.sample_rate, self._channels_of(frame)
            placement = clock.place(
                None if frame.pts is None else float(frame.pts * self._stream.time_base),
                lanes.position_s,
                quiet=tail < max(_QUIET, _QUIET_BESIDE_SPEECH * loudest),
                damaged=is_damaged,
            )
            if placement.gap_s:
                yield from lanes.end()
                yield lanes.skip(placement.gap_s, _LOST)
            if 0 < placement.silence_s <= _CONCEALED_S and before is not None:
                yield from lanes.take_in(_mirrored(before, round(placement.silence_s * rate)), rate)
            else:
                yield from lanes.silence(placement.silence_s, rate)
            yield from lanes.take_in(sound[:, round(placement.surplus_s * rate) :], rate)
            tail = float(np.abs(sound[:, -round(_TAIL_S * rate) :]).max())
            loudest = max(loudest, tail)
            before = sound
        yield from lanes.end()
        if not self._stop.is_set():
            self.damage_notes = damage_notes(
                self._recording, lanes.position_s, clock, self._reader.ending(), self._is_damaged_at_end
            )

    def _new_clock(self) -> ContainerClock:
        container = self._container
        starts_s = [] if container.start_time is None else [container.start_time / av.time_base]
        if "matroska" in container.format.name:
            starts_s += self._pictures_start_s()
        return ContainerClock(
            min(starts_s, default=None), broadcast=bool(container.format.flags & Flags.ts_discont.value)
        )

    def _pictures_start_s(self) -> list[float]:
        """Presentation times of pictures before the sound.

        Matroska states presentation times, not decoding times. If the two differ (as in H.264), FFmpeg
        ignores these pictures for the start of the container.
        """
        starts_s: list[float] = []
        for packet in self._packets(self._container.demux()):
            if packet.stream.index == self._stream.index:
                self._first_packets = [packet]
                break
            if packet.stream.type == "video" and packet.pts is not None and not _is_cover(packet.stream):
                starts_s = [min([float(packet.pts * packet.time_base), *starts_s])]
        return starts_s

    def _decode(self) -> Iterator[tuple[Any, bool]]:
        """Yield decoded frames, and whether data just before was skipped because it could not be decoded."""
        yield from self._decode_link()
        while self._reader.go_on():
            self._container.close()
            try:
                self._container = self._open()
                self._stream = self._best_stream()
            except InputError:
                self._is_damaged_at_end = True
                continue
            self._first_packets = []
            self._clock.restart()
            yield from self._decode_link()
        self._reader.check()

    def _decode_link(self) -> Iterator[tuple[Any, bool]]:
        skipped = False
        codec = self._stream.codec_context.codec
        for other in self._container.streams:
            if other.index != self._stream.index:
                other.discard = Discard.all
        following = self._container.demux(self._stream)
        for packet in chain(self._first_packets, self._packets(following)):
            if is_out_of_proportion(codec, packet):
                skipped = self._is_damaged_at_end = True
                continue
            try:
                frames = packet.decode()
            except av.FFmpegError:
                skipped = self._is_damaged_at_end = True
                continue
            for frame in frames:
                if frame.samples and frame.sample_rate:
                    self._check(frame)
                    yield frame, skipped
                    skipped = self._is_damaged_at_end = False

    def _packets(self, packets: Iterator[Any]) -> Iterator[Any]:
        while not self._stop.is_set():
            try:
                packet = next(packets, None)
            except av.FFmpegError:
                self._is_damaged_at_end = True
                break
            if packet is None:
                break
            yield packet

    def _check(self, frame: Any) -> None:
        rate, channels = frame.sample_rate, frame.layout.nb_channels
        if not LOWEST_RATE <= rate <= HIGHEST_RATE:
            raise InputError(
                f"{self._recording} is said to have {rate} samples a second: what has {LOWEST_RATE} to "
                f"{HIGHEST_RATE} can be analyzed"
            )
        if channels > MOST_CHANNELS:
            raise InputError(
                f"{self._recording} has {channels} channels: what has {MOST_CHANNELS} at most can be analyzed"
            )

    def _channels_of(self, frame: Any) -> NDArray[np.float32]:
        """The output channels of a decoded frame: float32 [channels, n] in -1..1."""
        sound = planar(frame)
        if not self._split:
            kept = [i for i, channel in enumerate(frame.layout.channels) if channel.name != "LFE"]
            mixed: NDArray[np.float32] = sound[kept or slice(None)].mean(axis=0, keepdims=True)
            return mixed
        if len(sound) < self.channels:
            sound = np.pad(sound, ((0, self.channels - len(sound)), (0, 0)))
        return sound[: self.channels]

    def _open(self) -> Any:
        """Open the recording, or raise an `InputError` with the reason."""
        reader = self._reader
        allowed = options(as_it_comes=not isinstance(self._recording, Path))
        try:
            container = av.open(reader, options=allowed, metadata_errors="replace")
        except (av.FFmpegError, ValueError) as error:
            reader.check()
            raise InputError(f"{self._recording} is not a recording that can be decoded") from error
        reader.check()
        reader.opened()
        return container

    def _best_stream(self) -> Any:
        streams = self._container.streams
        candidates = [it for it in (streams.best("audio"), *streams.audio) if it is not None]
        if not candidates:
            raise InputError(f"{self._recording} has no audio in it")
        stream = next((it for it in candidates if it.codec_context is not None), None)
        if stream is None:
            raise InputError(f"{self._recording} has no audio in it that can be decoded")
        stream.codec_context.thread_count = 1
        stream.codec_context.options = {"max_samples": str(LARGEST_FRAME)}
        return stream


def _duration_s(container: Any, stream: Any) -> float | None:
    if stream.duration is not None and stream.time_base is not None:
        return float(stream.duration * stream.time_base)
    if container.duration is not None:
        return float(Fraction(container.duration, av.time_base))
    return None


def _is_cover(stream: Any) -> bool:
    return bool(stream.disposition & Disposition.attached_pic)


def _mirrored(sound: NDArray[np.float32], length: int) -> NDArray[np.float32]:
    """Sound that continues another by mirroring its end back and forth: float32 [channels, length]."""
    end = sound[:, -length:]
    there_and_back = np.concatenate([end[:, ::-1], end], axis=1)
    return there_and_back[:, np.arange(length) % there_and_back.shape[1]]
