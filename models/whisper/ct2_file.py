"""Reads weights out of `model.bin`, CTranslate2's binary format of models.

The format is that of CTranslate2's `python/ctranslate2/specs/model_spec.py`, version 6: numbers are
little-endian, strings have a length of two bytes and end with a zero, every variable gives its shape, type
and number of bytes.
"""

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch
from torch import Tensor

from models.errors import WhisperModelError

_VERSION = 6
_TYPES: dict[int, Any] = {0: np.float32, 1: np.int8, 2: np.int16, 3: np.int32, 4: np.float16}
_LONGEST_NAME, _HIGHEST_RANK = 1024, 8


def read_variables(path: Path, wanted: Callable[[str], bool]) -> dict[str, Tensor]:
    """The variables of a model by name, floating-point ones in single precision.

    Args:
        path: of `model.bin`.
        wanted: whether a variable of this name is read; the others are skipped.

    Raises:
        WhisperModelError: the file is not of this format or is cut short.
        OSError: it can't be read.
    """
    try:
        with path.open("rb") as file:
            return _read(file, wanted)
    except (struct.error, ValueError, KeyError, UnicodeDecodeError) as error:
        raise WhisperModelError(
            f"{path} is no Whisper model in CTranslate2's format, or is damaged"
        ) from error


def _read(file: BinaryIO, wanted: Callable[[str], bool]) -> dict[str, Tensor]:
    if _number(file, "I") != _VERSION:
        raise ValueError("another version")
    _string(file)  # the name of the architecture
    _number(file, "I")  # and its revision
    found: dict[str, Tensor] = {}
    for _ in range(_number(file, "I")):
        name, rank = _string(file), _number(file, "B")
        if rank > _HIGHEST_RANK:
            raise ValueError("no shape")
        shape = [_number(file, "I") for _ in range(rank)]
        kind, size = _TYPES[_number(file, "B")], _number(file, "I")
        if not wanted(name):
            file.seek(size, 1)
            continue
        content = file.read(size)
        values = np.frombuffer(content, np.dtype(kind).newbyteorder("<")).reshape(shape)
        floating = np.issubdtype(kind, np.floating)
        found[name] = torch.from_numpy(values.astype(np.float32 if floating else np.int64))
    return found


def _number(file: BinaryIO, kind: str) -> int:
    return int(struct.unpack(f"<{kind}", file.read(struct.calcsize(f"<{kind}")))[0])


def _string(file: BinaryIO) -> str:
    length = _number(file, "H")
    if length > _LONGEST_NAME:
        raise ValueError("no name")
    return file.read(length).rstrip(b"\0").decode()
