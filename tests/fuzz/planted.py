"""A target with a fault of every kind, one of them where only coverage leads."""

import ctypes
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fuzz.target import Run, Target
from models.errors import BaseEncoderError
from streamer.errors import InputError

SEEDS = Path(__file__).parent / "planted"


@contextmanager
def start(_: Path) -> Iterator[Run]:
    yield run


def run(data: bytes) -> None:
    match data:
        case b"raise":
            raise KeyError("planted")
        case b"sleep":
            time.sleep(12)
        case b"grow":
            bytearray(300_000_000)
        case b"crash":
            ctypes.string_at(0)
        case b"lines":
            error = InputError()
            error.args = ("one\ntwo",)  # as no complaint of ours is made
            raise error
    if data[:2] == b"fi" and data[3:4] == b"e":
        raise BaseEncoderError("planted deeper")
    raise InputError("as it should be")


TARGET = Target("planted", str(SEEDS), start, share=1, words=str(SEEDS.with_name("planted")), longest=16)
