"""The unit of sound that every source yields, and the contract of a source."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

SAMPLE_RATE = 16_000
"""Samples a second of everything downstream of a source."""

LOWEST_RATE, HIGHEST_RATE = 1_000, 768_000
"""Samples a second of what can be analyzed."""

MOST_CHANNELS = 64
"""Channels of what can be analyzed."""

FRAME_SAMPLES = 320
"""Samples in a frame of a source that gives sound as it comes (20 ms)."""

LONGEST_FRAME = 5 * FRAME_SAMPLES
"""Samples in the longest frame (100 ms), of a source that gives more at a time: each costs as much again."""


@dataclass(frozen=True, slots=True)
class AudioFrame:
    """At most `LONGEST_FRAME` of one channel.

    It is a whole number of `FRAME_SAMPLES`; only the last of a stream, or before a gap, may be another.

    Attributes:
        samples: int16 [n], mono, 16 kHz.
        start: index of the first sample, counted from the start of the stream.
        channel: which channel of the source, from 0.
    """

    samples: NDArray[np.int16]
    start: int
    channel: int = 0


@dataclass(frozen=True, slots=True)
class AudioGap:
    """Sound that was lost. The frames that follow continue after it (`start + length`).

    Attributes:
        start: index of the first lost sample.
        length: lost samples.
        reason: why, in a few words ("overflow", "device lost").
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
    """The device delivers again."""

    device: str
    lost_s: float


AudioItem = AudioFrame | AudioGap | DeviceLost | DeviceBack


class AudioSource(Protocol):
    """Sound as an async context manager and iterator.

    Frames of all channels are interleaved in order of time. Leaving the context releases the device
    or file whatever happened.
    """

    @property
    def name(self) -> str:
        """What to call this source in events and messages: a file's or device's name."""
        ...

    @property
    def channels(self) -> int:
        """How many channels it yields: 1 unless channels are split."""
        ...

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def __aiter__(self) -> AsyncIterator[AudioItem]: ...
