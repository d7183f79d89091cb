"""CTranslate2's files: what is written is read, and what is none or cut short is refused."""

import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from models.errors import WhisperModelError
from models.whisper.ct2_file import read_variables

KINDS = [np.float32, np.int8, np.int16, np.int32, np.float16]
VARIABLES: dict[str, NDArray[Any]] = {
    "encoder/heads": np.array(6, np.int16),
    "encoder/weight": np.arange(6, dtype=np.float32).reshape(2, 3) / 4,
    "decoder/weight": np.arange(24, dtype=np.int8).reshape(2, 3, 4) - 9,
    "encoder/half": np.array([0.5, -2.0], np.float16),
    "encoder/many": np.array([70_000, -1], np.int32),
}


def written(variables: Mapping[str, NDArray[Any]], version: int = 6) -> bytes:
    """The format as `ctranslate2.specs.model_spec` writes it."""

    def string(text: str) -> bytes:
        return struct.pack("<H", len(text) + 1) + text.encode() + b"\0"

    content = struct.pack("<I", version) + string("WhisperSpec") + struct.pack("<II", 3, len(variables))
    for name, value in variables.items():
        content += string(name) + struct.pack(f"<B{value.ndim}I", value.ndim, *value.shape)
        kind = next(number for number, each in enumerate(KINDS) if value.dtype == each)
        content += struct.pack("<BI", kind, value.nbytes) + value.tobytes()
    return content + struct.pack("<I", 0)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "model.bin"


def test_variables_are_read_with_their_shapes(path: Path) -> None:
    path.write_bytes(written(VARIABLES))
    found = read_variables(path, lambda name: name.startswith("encoder/"))
    assert sorted(found) == sorted(name for name in VARIABLES if name.startswith("encoder/"))
    for name, value in found.items():
        assert value.shape == VARIABLES[name].shape
        assert value.tolist() == VARIABLES[name].tolist()
        floating = np.issubdtype(VARIABLES[name].dtype, np.floating)
        assert value.dtype == (torch.float32 if floating else torch.int64)


def test_a_file_cut_short_anywhere_is_refused(path: Path) -> None:
    whole = written(VARIABLES)[:-4]  # without the aliases, which are not read
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(WhisperModelError, match="damaged"):
            read_variables(path, lambda _: True)
    path.write_bytes(whole)
    assert len(read_variables(path, lambda _: True)) == len(VARIABLES)


@pytest.mark.parametrize(
    "content",
    [
        written(VARIABLES, version=5),
        written(VARIABLES, version=7),
        b"PK\x03\x04" * 99,
        bytes(1000),
        b"\xff" * 1000,
        written({"\u00e9" * 700: np.zeros(1, np.float32)}),
        written({"deep": np.zeros((1,) * 9, np.float32)}),
        written({"one": np.zeros(2, np.float32)}).replace(b"one\0\x01\x02", b"one\0\x01\x03"),
        written({"one": np.zeros(2, np.float32)}).replace(b"\x02\0\0\0\0\x08", b"\x02\0\0\0\x63\x08"),
    ],
    ids=["older", "newer", "zip", "zeros", "ones", "name", "rank", "shape", "type"],
)
def test_what_is_no_such_file_is_refused(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(WhisperModelError, match="no Whisper model in CTranslate2's format"):
        read_variables(path, lambda _: True)
