"""Converts decoded sound of any sample format to floats."""

from typing import Any

import numpy as np
from av.audio.plane import AudioPlane
from numpy.typing import NDArray

_FORMATS: dict[str, tuple[type[np.number[Any]], int]] = {
    "u8": (np.uint8, 128),
    "s16": (np.int16, 2**15),
    "s32": (np.int32, 2**31),
    "s64": (np.int64, 2**63),
    "flt": (np.float32, 1),
    "dbl": (np.float64, 1),
}
"""Type and full scale of each sample format."""


def planar(frame: Any) -> NDArray[np.float32]:
    """A decoded frame as float32 [channels, n] in -1..1; values that are not finite become silence.

    With more than eight channels, `planes` and `to_ndarray` of PyAV 18.1 read beyond the last one, outside
    the frame's memory.
    """
    channels, kind = frame.layout.nb_channels, frame.format.packed.name
    dtype, full_scale = _FORMATS[kind]
    number, count = (1, channels * frame.samples) if frame.format.is_packed else (channels, frame.samples)
    planes: list[Any] = [AudioPlane(frame, index) for index in range(number)]
    data = np.stack([np.frombuffer(plane, dtype, count) for plane in planes])
    if frame.format.is_packed:
        data = data.reshape(-1, channels).T
    sound: NDArray[np.float32] = data.astype(np.float32)
    if kind == "u8":
        sound -= 128
    with np.errstate(invalid="ignore"):
        sound /= np.float32(full_scale)
    if data.dtype.kind == "f":
        np.nan_to_num(sound, copy=False, nan=0.0, posinf=0.0, neginf=0.0)
    np.clip(sound, -1, 1, out=sound)
    return sound
