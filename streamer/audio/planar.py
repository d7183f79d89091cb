"""Decoded sound of any sample format as floats."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

_FULL_SCALE = {"u8": 128, "s16": 2**15, "s32": 2**31, "s64": 2**63, "flt": 1, "dbl": 1}


def planar(frame: Any) -> NDArray[np.float32]:
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
