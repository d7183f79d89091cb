"""Small recordings that tests write themselves, with PyAV and without any other tool."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from streamer.audio.file import FileSource
from streamer.audio.frame import AudioFrame, AudioGap
from tests.logged import warnings_logged


def tone(seconds: float, rate: int, hz: float = 440.0, level: float = 0.5) -> NDArray[np.float32]:
    """A sine, float32 [n]."""
    return (level * np.sin(2 * np.pi * hz * np.arange(int(seconds * rate)) / rate)).astype(np.float32)


def write(path: Path, sound: NDArray[np.float32], rate: int, codec: str, layout: str = "mono") -> Path:
    """Encode float32 [channels, n] or [n]; the name's ending chooses the container."""
    sound = np.atleast_2d(sound)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate, layout=layout)
        assert isinstance(stream, av.AudioStream)
        step = 1024
        for start in range(0, sound.shape[1], step):
            frame = av.AudioFrame.from_ndarray(
                np.ascontiguousarray(sound[:, start : start + step]), format="fltp", layout=layout
            )
            frame.sample_rate = rate
            frame.pts = start
            frame.time_base = Fraction(1, rate)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


async def read(
    path: Path, split_channels: bool = False
) -> tuple[list[NDArray[np.int16]], list[AudioGap], str | None]:
    """All the sound of each channel (gaps as zeros), the gaps, and what was wrong with it."""
    gaps: list[AudioGap] = []
    with warnings_logged() as said:
        sound = await _read(path, split_channels, gaps)
    return sound, gaps, "; ".join(said) or None


async def _read(path: Path, split_channels: bool, gaps: list[AudioGap]) -> list[NDArray[np.int16]]:
    async with FileSource(path, split_channels=split_channels) as source:
        parts: list[list[NDArray[np.int16]]] = [[] for _ in range(source.channels)]
        at = [0] * source.channels
        async for item in source:
            if isinstance(item, AudioFrame):
                assert item.start == at[item.channel]
                assert 0 < len(item.samples) <= 320
                parts[item.channel].append(item.samples)
                at[item.channel] += len(item.samples)
            elif isinstance(item, AudioGap):
                gaps.append(item)
                for channel, channel_parts in enumerate(parts):
                    assert item.start == at[channel]
                    channel_parts.append(np.zeros(item.length, np.int16))
                    at[channel] += item.length
    return [np.concatenate(channel) for channel in parts]


def level(sound: NDArray[np.int16]) -> float:
    """Root mean square, 1 for full scale."""
    return float(np.sqrt((sound.astype(np.float64) ** 2).mean()) / 32768)
