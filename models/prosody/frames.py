"""A sound cut into frames: as many whole windows as fit, as far from its start as from its end."""

import math
from typing import TypeAlias

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from models.sample_rate import SAMPLE_RATE

Array: TypeAlias = NDArray[np.float64]


def frame_times(samples: int, window_s: float, step_s: float) -> Array:
    """Centres of the frames, in seconds [F]; none if the sound is shorter than a window."""
    duration_s = samples * (1 / SAMPLE_RATE)  # rounded as Praat rounds it: the last frame may depend on it
    count = math.floor((duration_s - window_s) / step_s) + 1 if duration_s >= window_s else 0
    return duration_s / 2 + step_s * (np.arange(count, dtype=np.float64) - (count - 1) / 2)


def cut(sound: Array, times: Array, width: int) -> Array:
    """The samples around each time: sound [n], times in seconds [F] -> [F, width]; n >= width."""
    starts = np.floor(times * SAMPLE_RATE - width / 2 + 0.5).astype(np.intp)
    frames: Array = sliding_window_view(sound, width)[np.clip(starts, 0, len(sound) - width)]
    return frames
