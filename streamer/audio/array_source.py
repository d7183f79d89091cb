"""An array in memory as a source."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from streamer.audio.frame import (
    FRAME_SAMPLES,
    HIGHEST_RATE,
    LOWEST_RATE,
    MOST_CHANNELS,
    AudioFrame,
    AudioItem,
)
from streamer.audio.resample import Lanes
from streamer.errors import InputError

_BLOCK_S = 1


class ArraySource:
    """A numpy array as a source, resampled to 16 kHz.

    Args:
        sound: [n] or [n, channels]; floats in -1..1, or integers that use the full range of their type.
        rate: sample rate, in Hz.
        split_channels: yield each channel separately, interleaved in time, instead of their mix.
        name: name of the source in events.

    Raises:
        InputError: the array cannot be sound.
    """

    def __init__(
        self, sound: NDArray[Any], rate: int, *, split_channels: bool = False, name: str = "array"
    ) -> None:
        if sound.ndim not in (1, 2) or not sound.size:
            raise InputError(f"sound is an array of [n] or [n, channels], not {list(sound.shape)}")
        columns = sound.reshape(len(sound), -1)
        if columns.shape[1] > min(MOST_CHANNELS, len(columns)):
            raise InputError(
                f"sound is an array of [n, channels]; transpose that of {list(sound.shape)}: sound.T"
            )
        if not (np.issubdtype(sound.dtype, np.floating) or np.issubdtype(sound.dtype, np.integer)):
            raise InputError(f"sound is an array of floats or integers, not of {sound.dtype}")
        if not LOWEST_RATE <= rate <= HIGHEST_RATE:
            raise InputError(f"rate={rate} is no sample rate: {LOWEST_RATE} to {HIGHEST_RATE} Hz")
        self._sound = columns
        self._rate = rate
        self._split = split_channels
        self._name = name

    @property
    def name(self) -> str:
        """As given."""
        return self._name

    @property
    def channels(self) -> int:
        """Number of channels of the frames: 1 unless channels are split."""
        return self._sound.shape[1] if self._split else 1

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        pass

    async def __aiter__(self) -> AsyncIterator[AudioItem]:
        for frame in self._frames():
            yield frame
            if frame.start % (50 * FRAME_SAMPLES) == 0:
                await asyncio.sleep(0)

    def _frames(self) -> Iterator[AudioFrame]:
        lanes = Lanes(self.channels)
        block = self._rate * _BLOCK_S
        for start in range(0, len(self._sound), block):
            sound = _as_floats(self._sound[start : start + block])
            yield from lanes.take_in(sound.T if self._split else sound.mean(axis=1)[None], self._rate)
        yield from lanes.end()


def _as_floats(sound: NDArray[Any]) -> NDArray[np.float32]:
    """Float32 in -1..1; NaN becomes silence."""
    if np.issubdtype(sound.dtype, np.floating):
        scaled = np.clip(np.nan_to_num(sound, posinf=0, neginf=0), -1, 1)
    else:
        limits = np.iinfo(sound.dtype)
        middle = 0 if limits.min < 0 else (limits.max + 1) / 2
        scaled = (sound - middle) / (limits.max - middle + 1)
    return np.asarray(scaled, np.float32)
