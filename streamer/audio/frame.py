"""Frames, the unit of sound that every source yields, and the interface of a source."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

SAMPLE_RATE = 16_000
"""Sample rate of all frames, in Hz."""

LOWEST_RATE, HIGHEST_RATE = 1_000, 768_000
"""Sample rates of input that can be analyzed, in Hz."""

MOST_CHANNELS = 64
"""Most channels of input that can be analyzed."""

FRAME_SAMPLES = 320
"""Samples of a frame from a live source (20 ms)."""

LONGEST_FRAME = 5 * FRAME_SAMPLES
"""Samples of the longest frame (100 ms), from other sources: each frame has a fixed cost."""


@dataclass(frozen=True, slots=True)
class AudioFrame:
    """At most `LONGEST_FRAME` samples of one channel.

    The length is a multiple of `FRAME_SAMPLES`, except for the last frame of a stream or before a gap.

    Attributes:
        samples: int16 [n], mono, 16 kHz.
        start: index of the first sample, from the start of the stream.
        channel: channel of the source, from 0.
    """

    samples: NDArray[np.int16]
    start: int
    channel: int = 0


@dataclass(frozen=True, slots=True)
class AudioGap:
    """Lost sound. The next frames continue after it (`start + length`).

    Attributes:
        start: index of the first lost sample.
        length: number of lost samples.
        reason: the reason, in a few words ("overflow", "device lost").
    """

    start: int
    length: int
    reason: str


@dataclass(frozen=True, slots=True)
class DeviceLost:
    """The device stopped delivering; the source is trying to reopen it."""

    device: str
    reason: str


@dataclass(frozen=True, slots=True)
class DeviceBack:
    """The device delivers sound again."""

    device: str
    lost_s: float


AudioItem = AudioFrame | AudioGap | DeviceLost | DeviceBack


class AudioSource(Protocol):
    """A source of sound: an async context manager and iterator.

    Frames of all channels are interleaved in order of time. Leaving the context releases the device or file,
    even after an error.
    """

    @property
    def name(self) -> str:
        """The name in events and messages: a file's or a device's name."""
        ...

    @property
    def channels(self) -> int:
        """Number of channels of the frames: 1 unless channels are split."""
        ...

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def __aiter__(self) -> AsyncIterator[AudioItem]: ...
