"""Recordings that are read while they are being written."""

import asyncio
import os
import struct
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest

from streamer.audio.file import FileSource
from streamer.audio.follow import without_length
from streamer.audio.frame import AudioFrame, AudioItem
from tests.streamer.audio.recordings import tone, write

LONG_S = 600.0


async def more(items: AsyncIterator[AudioItem], count: int) -> int:
    """How much sound has come, once that is at least so many samples."""
    came = 0
    while came < count:
        item = await anext(items)
        assert isinstance(item, AudioFrame)
        came += len(item.samples)
    return came


async def rest(items: AsyncIterator[AudioItem]) -> int:
    """How much sound comes up to the end."""
    return sum([len(item.samples) async for item in items if isinstance(item, AudioFrame)])


def stated(data: bytes, size: int | None) -> bytes:
    """A WAVE file whose header states another size of its sound; None leaves it."""
    at = data.index(b"data") + 4
    return data if size is None else data[:at] + struct.pack("<I", size) + data[at + 4 :]


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF, 0x7FFFF000, 32_000, None])
async def test_a_wave_file_is_followed_whatever_length_it_states(tmp_path: Path, size: int | None) -> None:
    whole = stated(write(tmp_path / "a.wav", tone(12, 16_000), 16_000, "pcm_s16le").read_bytes(), size)
    path = tmp_path / "growing.wav"
    path.write_bytes(whole[: len(whole) // 2])
    async with asyncio.timeout(40), FileSource(path, follow_s=LONG_S) as source:
        items = aiter(source)
        came = await more(items, int(5.8 * 16_000))
        assert came <= 6 * 16_000
        with path.open("ab") as file:
            file.write(whole[len(whole) // 2 :])
        came += await more(items, int(11.8 * 16_000) - came)
    assert came <= 12 * 16_000 + 100  # the program that wrote it may have added a chunk of text


@pytest.mark.parametrize(
    ("name", "codec", "rate"),
    [
        ("a.flac", "flac", 16_000),
        ("a.opus", "libopus", 48_000),
        ("a.mka", "flac", 16_000),
        ("a.mp3", "libmp3lame", 16_000),
        ("a.aiff", "pcm_s16be", 16_000),
        ("a.caf", "pcm_s16be", 16_000),
        ("a.w64", "pcm_s16le", 16_000),
        ("a.au", "pcm_s16be", 16_000),
    ],
)
async def test_other_formats_are_followed(tmp_path: Path, name: str, codec: str, rate: int) -> None:
    noise = np.random.default_rng(5).uniform(-0.5, 0.5, 12 * rate).astype(np.float32)
    short = write(tmp_path / f"short-{name}", noise[: 4 * rate], rate, codec).read_bytes()
    whole = write(tmp_path / name, noise, rate, codec).read_bytes()
    head = min(len(short), 100) if codec.startswith("pcm") else 0  # that states the length it had by then
    growing = short[:head] + whole[head:]
    path = tmp_path / f"growing-{name}"
    path.write_bytes(growing[: len(whole) // 2])
    async with asyncio.timeout(40), FileSource(path, follow_s=LONG_S) as source:
        items = aiter(source)
        came = await more(items, 3 * 16_000)
        with path.open("ab") as file:
            file.write(growing[len(whole) // 2 :])
        came += await more(items, 10 * 16_000 - came)


async def test_it_ends_when_nobody_writes(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = write(tmp_path / "a.wav", tone(2, 16_000), 16_000, "pcm_s16le")
    async with asyncio.timeout(40), FileSource(path, follow_s=0.3) as source:
        assert 32_000 <= await rest(aiter(source)) < 32_100
    assert caplog.messages == []


@pytest.mark.slow
async def test_one_that_is_still_empty_is_waited_for(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "a.wav"
    path.touch()
    async with asyncio.timeout(40):
        source = FileSource(path, follow_s=LONG_S)
        while not caplog.messages:
            await asyncio.sleep(0.05)
        path.write_bytes(write(tmp_path / "b.wav", tone(6, 16_000), 16_000, "pcm_s16le").read_bytes())
        async with source:
            await more(aiter(source), 3 * 16_000)
    assert "still waiting" in caplog.messages[0]


async def test_one_that_is_cut_short_is_told_and_ends(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = write(tmp_path / "a.wav", tone(6, 16_000), 16_000, "pcm_s16le")
    async with asyncio.timeout(40), FileSource(path, follow_s=LONG_S) as source:
        items = aiter(source)
        came = await more(items, 3 * 16_000)
        os.truncate(path, 1_000)
        came += await rest(items)
    assert 3 * 16_000 <= came < 96_100  # what had been read by then
    assert caplog.messages == [f"{path} was cut short while it was read: what was read before is analyzed"]


@pytest.mark.slow
async def test_one_that_is_replaced_is_told_and_ends_with_the_first(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = write(tmp_path / "a.wav", tone(6, 16_000), 16_000, "pcm_s16le")
    async with asyncio.timeout(40), FileSource(path, follow_s=LONG_S) as source:
        items = aiter(source)
        came = await more(items, 3 * 16_000)
        write(tmp_path / "b.wav", tone(9, 16_000), 16_000, "pcm_s16le").replace(path)
        came += await rest(items)
    assert 96_000 <= came < 96_100
    [told] = caplog.messages
    assert "was replaced by another file" in told


async def test_one_that_is_renamed_is_followed_all_the_same(tmp_path: Path) -> None:
    whole = write(tmp_path / "a.wav", tone(12, 16_000), 16_000, "pcm_s16le").read_bytes()
    path, renamed = tmp_path / "growing.wav.part", tmp_path / "growing.wav"
    path.write_bytes(whole[: len(whole) // 2])
    async with asyncio.timeout(40), FileSource(path, follow_s=LONG_S) as source:
        items = aiter(source)
        came = await more(items, 3 * 16_000)
        path.rename(renamed)
        with renamed.open("ab") as file:
            file.write(whole[len(whole) // 2 :])
        await more(items, 11 * 16_000 - came)


def test_what_states_no_length_is_left_as_it_is() -> None:
    for data in (
        b"",
        b"RIFF",
        b"RIFF\0\0\0\0WAVE",
        b"fLaC" + bytes(100),
        b"riff" + bytes(100),
        b"caff",
        b"FORM",
    ):
        assert without_length(data) == data
    rf64 = b"RF64\xff\xff\xff\xffWAVEds64" + struct.pack("<I", 28) + bytes(28) + b"data\x10\0\0\0" + bytes(16)
    opened = without_length(rf64)
    assert opened[:4] == b"RIFF"
    assert opened[48:56] == b"data\xff\xff\xff\xff"
    assert len(opened) == len(rf64)
