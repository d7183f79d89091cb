"""Evidence that a file was cut: chunks that are shorter than they should be."""

import io
from pathlib import Path

import numpy as np
import pytest

from streamer.audio.decoding.ending import Ending, ending_of
from tests.streamer.audio.containers import mux
from tests.streamer.audio.recordings import tone, write

CODECS = {
    "a.wav": "pcm_s16le",
    "a.aiff": "pcm_s16be",
    "a.au": "pcm_s16be",
    "a.caf": "pcm_s16be",
    "a.w64": "pcm_s16le",
    "a.avi": "pcm_s16le",
    "a.mp4": "aac",
    "a.mov": "pcm_s16le",
    "a.mka": "flac",
}
OTHERS = {"a.mp3": "libmp3lame", "a.flac": "flac", "a.ogg": "flac", "a.ts": "mp2"}


def recording(folder: Path, name: str) -> bytes:
    codec = {**CODECS, **OTHERS}[name]
    return write(folder / name, tone(1, 16_000), 16_000, codec).read_bytes()


@pytest.mark.parametrize("name", [*CODECS, *OTHERS])
def test_a_whole_file_ends_where_it_should(tmp_path: Path, name: str) -> None:
    assert ending_of(io.BytesIO(recording(tmp_path, name))) == Ending()


@pytest.mark.parametrize("name", CODECS)
def test_what_is_cut_off_is_missing(tmp_path: Path, name: str) -> None:
    data = recording(tmp_path, name)
    cut = len(data) // 2
    assert 0 < ending_of(io.BytesIO(data[:cut])).missing <= len(data) - cut


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF, 0x7FFFFFFF, 0x7FFFF000])
def test_a_wave_of_unknown_length_lacks_nothing(tmp_path: Path, size: int) -> None:
    data = bytearray(recording(tmp_path, "a.wav"))
    at = data.index(b"data") + 4
    data[at : at + 4] = size.to_bytes(4, "little")
    assert ending_of(io.BytesIO(data)) == Ending()


def test_what_goes_on_after_the_stated_end_is_found(tmp_path: Path) -> None:
    data = recording(tmp_path, "a.wav")
    more = np.random.default_rng(0).integers(128, 255, 5_000).astype(np.uint8).tobytes()
    assert ending_of(io.BytesIO(data + more)) == Ending(beyond=5_000)


@pytest.mark.parametrize("more", [b"TAG" + bytes(125), b"LIST\4\0\0\0INFO", bytes(512), b"\0"])
def test_tags_and_padding_are_not_sound(tmp_path: Path, more: bytes) -> None:
    assert ending_of(io.BytesIO(recording(tmp_path, "a.wav") + more)) == Ending()


def test_rf64_states_its_size_elsewhere(tmp_path: Path) -> None:
    data = recording(tmp_path, "a.wav")
    at = data.index(b"data")
    long = len(data) - at - 8
    ds64 = b"ds64" + (28).to_bytes(4, "little") + bytes(8) + long.to_bytes(8, "little") + bytes(12)
    whole = b"RF64\xff\xff\xff\xffWAVE" + ds64 + data[12 : at + 4] + b"\xff\xff\xff\xff" + data[at + 8 :]
    assert ending_of(io.BytesIO(whole)) == Ending()
    assert ending_of(io.BytesIO(whole[:-1000])) == Ending(missing=1000)


def test_a_chunk_may_state_more_than_any_file_can_hold(tmp_path: Path) -> None:
    data = bytearray(recording(tmp_path, "a.w64"))
    at = data.index(b"fmt ") + 16
    data[at : at + 8] = (2**64 - 8).to_bytes(8, "little")
    assert ending_of(io.BytesIO(data)) == Ending()
    (tmp_path / "a.w64").write_bytes(data)
    with (tmp_path / "a.w64").open("rb") as file:
        assert ending_of(file) == Ending()


@pytest.mark.parametrize("seed", range(30))
def test_any_bytes_have_an_end(tmp_path: Path, seed: int) -> None:
    random = np.random.default_rng(seed)
    name = list(CODECS)[seed % len(CODECS)]
    data = bytearray(mux(tmp_path / name, tone(0.2, 16_000), 16_000, CODECS[name]).read_bytes())
    for at in random.integers(0, min(len(data), 300), 20):
        data[at] = random.integers(256)
    ending = ending_of(io.BytesIO(data))
    assert ending.missing >= 0
    assert 0 <= ending.beyond <= len(data)
