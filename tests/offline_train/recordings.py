"""Recordings in other formats, that tests write themselves with PyAV."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray


def encode(path: Path, audio: NDArray[np.int16], rate: int, codec: str) -> Path:
    """Write int16 [n], or [channels, n] of one or two; the name's ending chooses the container."""
    path.parent.mkdir(parents=True, exist_ok=True)
    audio = np.atleast_2d(audio)
    layout = ("mono", "stereo")[len(audio) - 1]
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate, layout=layout)
        assert isinstance(stream, av.AudioStream)
        for start in range(0, audio.shape[1], 1152):
            block = np.ascontiguousarray(audio[:, start : start + 1152])
            frame = av.AudioFrame.from_ndarray(block, format="s16p", layout=layout)
            frame.sample_rate, frame.pts, frame.time_base = rate, start, Fraction(1, rate)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path
