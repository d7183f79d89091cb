"""Memory of decoding, whatever a recording states of itself: measured in a program of its own."""

import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.streamer.audio.containers import box, element, flac, matroska, mp4_of_stated_samples

pytestmark = pytest.mark.slow

MOST_MB = 200

pytest.importorskip("resource")

PROGRAM = """
import resource, sys
import numpy as np
from pathlib import Path
from streamer.audio.decoding.decode import Decoder
from streamer.audio.resample import Lanes
from streamer.errors import InputError

def peak_kb():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // (1024 if sys.platform == "darwin" else 1)

class Stream:
    def __init__(self, path):
        self._file = open(path, "rb")
    def __str__(self):
        return "the stream"
    def read(self, size):
        return self._file.read(size)

list(Lanes(1).take_in(np.zeros((1, 44_100), np.float32), 44_100))
idle = peak_kb()
said = "decoded"
try:
    recording = Path(sys.argv[1]) if sys.argv[2] == "file" else Stream(sys.argv[1])
    with Decoder(recording, False) as decoder:
        for item in decoder.items():
            if item.start > 16_000 * 1800:
                decoder.stop()
except InputError as error:
    said = str(error)
print((peak_kb() - idle) // 1024, said)
"""


def id3(frame: bytes, content: bytes) -> bytes:
    def syncsafe(size: int) -> bytes:
        return bytes(size >> shift & 127 for shift in (21, 14, 7, 0))

    tag = frame + syncsafe(len(content)) + b"\0\0" + content
    return b"ID3\4\0\0" + syncsafe(len(tag)) + tag


def wav(rate: int, channels: int, size: int) -> bytes:
    head = struct.pack("<HHIIHH", 1, channels, rate, rate * channels * 4, channels * 4, 32)
    return b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0" + head + b"data\0\0\0\0" + bytes(size)


MP3 = (b"\xff\xfb\x90\xc4" + bytes(413)) * 200
PCM = [bytes(3_200)] * 20
FRAMES = flac(16_000, 28_000)
MOVIE = mp4_of_stated_samples(1, 10)

BOMBS: dict[str, Callable[[], bytes]] = {
    "a picture of 30 MB": lambda: id3(b"APIC", b"\0image/png\0\3\0" + bytes(30 * 2**20)) + MP3,
    "a picture of 150 MB": lambda: id3(b"APIC", b"\0image/png\0\3\0" + bytes(150 * 2**20)) + MP3,
    "a text of 60 MB": lambda: id3(b"TXXX", b"\3x\0" + b"a" * 60 * 2**20) + MP3,
    "fonts of 38 MB": lambda: matroska(
        b"A_PCM/INT/LIT",
        b"",
        PCM,
        before=element(
            "1941A469",
            element(
                "61A7",
                element("466E", b"a.ttf")
                + element("4660", b"application/x-truetype-font")
                + element("46AE", b"\1")
                + element("465C", bytes(38 * 2**20)),
            ),
        ),
    ),
    "a title of 50 MB": lambda: MOVIE + box(b"udta", box(b"meta", bytes(50 * 2**20))),
    "frames without end in a packet": lambda: matroska(b"A_FLAC", FRAMES[:42], [FRAMES[42:400_000]]),
    "many frames in packets": lambda: matroska(b"A_FLAC", FRAMES[:42], [FRAMES[42:60_000]] * 10),
    "hours of frames": lambda: FRAMES,
    "packets of one byte": lambda: matroska(b"A_AC3", b"", [b"\xff" + bytes(256)] * 3_000).replace(
        b"\x80\xff\0",
        b"\x84\xff\0",  # laced, 256 in a block
    ),
    "64 channels at 768 kHz": lambda: wav(768_000, 64, 60_000_000),
    "an index of 80,000,000": lambda: mp4_of_stated_samples(1, 80_000_000),
    "an index of 3,900,000": lambda: mp4_of_stated_samples(1, 3_900_000),
    "an index of 50 times 2,600,000": lambda: mp4_of_stated_samples(50, 2_600_000),
    "tracks without end": lambda: mp4_of_stated_samples(3_000, 10),
    "a low rate": lambda: flac(1_000, 40),
    "a rate of 8 Hz": lambda: flac(8, 1),
}


@pytest.mark.parametrize("way", ["file", "stream"])
@pytest.mark.parametrize("bomb", BOMBS)
def test_memory_is_bounded_whatever_is_stated(tmp_path: Path, bomb: str, way: str) -> None:
    path = tmp_path / "bomb"
    path.write_bytes(BOMBS[bomb]())
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(path), way],
        capture_output=True,
        text=True,
        check=True,
        timeout=250,
    )
    grown_mb, said = done.stdout.strip().split(" ", 1)
    assert int(grown_mb) < MOST_MB, said
    assert done.stderr == ""
