"""Inputs that open once, read through real pipes."""

import asyncio
import io
import logging
import os
import pty
import socket
import stat
import struct
import threading
import time
import wave
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import chain
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from streamer.audio.file import FileSource
from streamer.audio.frame import AudioFrame, AudioItem
from streamer.audio.pipe import check_given_once
from streamer.errors import InputError
from tests.streamer.audio.recordings import read, tone, write

HEADER = (
    b"RIFF\xff\xff\xff\xffWAVEfmt "
    + struct.pack("<IHHIIHH", 16, 1, 1, 16_000, 32_000, 2, 16)
    + b"data\xff\xff\xff\xff"
)
"""Of 16 kHz mono, as a program writes it that does not know how much will come."""


class Written:
    """What was written to a pipe so far, and whether its reader has left."""

    def __init__(self) -> None:
        self.count = 0
        self.is_refused = False


@contextmanager
def piped(data: bytes, again: Callable[[], bytes] = bytes) -> Iterator[tuple[Path, Written]]:
    """The path of a pipe into which something is written, and then more as long as there is."""
    reading, writing = os.pipe()
    written = Written()

    def put() -> None:
        try:
            for piece in chain([data], iter(again, b"")):
                rest = memoryview(piece)
                while rest:
                    count = os.write(writing, rest[:65_536])
                    written.count, rest = written.count + count, rest[count:]
        except BrokenPipeError:
            written.is_refused = True
        finally:
            os.close(writing)

    thread = threading.Thread(target=put)
    thread.start()
    try:
        yield Path(f"/dev/fd/{reading}"), written
    finally:
        os.close(reading)
        thread.join(30)
        assert not thread.is_alive()


def wav(seconds: float) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setparams((1, 2, 16_000, 0, "NONE", ""))
        writer.writeframes((tone(seconds, 16_000) * 32_767).astype(np.int16).tobytes())
    return file.getvalue()


@pytest.mark.parametrize(
    ("name", "codec", "rate"),
    [
        ("a.wav", "pcm_s16le", 16_000),
        ("a.wav", "pcm_s24le", 96_000),
        ("a.w64", "pcm_s16le", 16_000),
        ("a.flac", "flac", 44_100),
        ("a.aiff", "pcm_s16be", 44_100),
        ("a.caf", "pcm_s16be", 44_100),
        ("a.au", "pcm_s16be", 8_000),
        ("a.mp3", "libmp3lame", 44_100),
        ("a.opus", "libopus", 48_000),
        ("a.webm", "libopus", 48_000),
        ("a.mka", "flac", 48_000),
        ("a.aac", "aac", 44_100),
        ("a.ts", "aac", 44_100),
    ],
)
async def test_any_format_comes_through_a_pipe_as_from_its_file(
    tmp_path: Path, name: str, codec: str, rate: int
) -> None:
    path = write(tmp_path / name, tone(3, rate), rate, codec)
    (expected,), _, _ = await read(path)
    with piped(path.read_bytes()) as (pipe, _):
        (sound,), gaps, error = await read(pipe)
    assert (error, gaps) == (None, [])
    assert abs(len(sound) - len(expected)) < 1_600  # by how much its end is trimmed stands in an index
    assert np.array_equal(sound[:44_800], expected[:44_800])


async def test_channels_are_known_before_the_session_where_they_are_split(tmp_path: Path) -> None:
    path = write(tmp_path / "a.flac", np.stack([tone(1, 16_000)] * 2), 16_000, "flac", "stereo")
    with piped(path.read_bytes()) as (pipe, _):
        channels, _, _ = await read(pipe, split_channels=True)
    assert [len(channel) for channel in channels] == [16_000, 16_000]


def movie(path: Path, **flags: str) -> bytes:
    with av.open(str(path), "w", options=flags) as container:
        stream = container.add_stream("aac", rate=48_000, layout="mono")
        assert isinstance(stream, av.AudioStream)
        noise = np.random.default_rng(1).uniform(-0.5, 0.5, 20 * 48_000).astype(np.float32)
        for start in range(0, len(noise), 1024):
            piece = np.ascontiguousarray(noise[None, start : start + 1024])
            frame = av.AudioFrame.from_ndarray(piece, format="fltp", layout="mono")
            frame.sample_rate, frame.pts = 48_000, start
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    content = path.read_bytes()
    assert len(content) > 100_000  # what fits into a buffer can be sought in
    return content


@pytest.mark.slow
async def test_mp4_needs_its_index_first_and_it_is_said_so(tmp_path: Path) -> None:
    with piped(movie(tmp_path / "late.mp4")) as (pipe, _):
        with pytest.raises(InputError, match="index stands at its end: save it to a file first") as caught:
            await read(pipe)
        assert "\n" not in str(caught.value)
    for flags in ("faststart", "frag_keyframe+empty_moov"):
        with piped(movie(tmp_path / "early.mp4", movflags=flags)) as (pipe, _):
            (sound,), _, error = await read(pipe)
        assert error is None
        assert len(sound) / 16_000 == pytest.approx(20, abs=0.1)


@pytest.mark.parametrize("content", [b"", b"These are words, not sound.\n" * 50, bytes(3_000_000)])
async def test_what_is_no_recording_is_refused_in_one_line(content: bytes) -> None:
    message = "save it to a file first" if content else "is empty"
    with piped(content) as (pipe, _), pytest.raises(InputError, match=message) as caught:
        await read(pipe)
    assert "\n" not in str(caught.value)


async def test_noise_without_end_is_given_up() -> None:
    noise = np.random.default_rng(0).bytes(2**20)
    # Or FFmpeg takes some of it for sound.
    with piped(noise, lambda: noise) as (pipe, written), suppress(InputError):
        async with FileSource(pipe) as source:
            async for _ in source:
                break
    assert written.is_refused
    assert written.count < 2**27


async def until(reached: int, items: AsyncIterator[AudioItem]) -> int:
    """Where the sound ends that comes, once that is at least so far."""
    end = 0
    while end < reached:
        item = await anext(items)
        assert isinstance(item, AudioFrame)
        assert item.start == end
        end += len(item.samples)
    return end


async def test_live_sound_is_not_held_back_for_more_of_it() -> None:
    """While a pipe stays open what was written to it comes out, but for some tenths of a second."""
    reading, writing = os.pipe()
    second = (tone(1, 16_000) * 32_767).astype(np.int16).tobytes()
    os.write(writing, HEADER)
    async with asyncio.timeout(60):
        opening = FileSource(f"/dev/fd/{reading}")
        await asyncio.to_thread(lambda: [os.write(writing, second) for _ in range(3)])
        async with opening as source:
            items = aiter(source)
            end = await until(int(2.8 * 16_000), items)
            for total in range(4, 8):
                await asyncio.to_thread(os.write, writing, second)
                end += await until_more(items, int((total - 0.2) * 16_000) - end)
            assert end <= 7 * 16_000
            os.close(writing)
            async for item in items:
                assert isinstance(item, AudioFrame)
                end = item.start + len(item.samples)
            assert end == 7 * 16_000
    os.close(reading)


async def until_more(items: AsyncIterator[AudioItem], count: int) -> int:
    """How much sound has come, once that is at least so many samples."""
    came = 0
    while came < count:
        item = await anext(items)
        assert isinstance(item, AudioFrame)
        came += len(item.samples)
    return came


def fifo(folder: Path) -> Path:
    path = folder / "fifo.wav"
    os.mkfifo(path)
    return path


@pytest.mark.slow
async def test_a_fifo_without_a_writer_is_waited_for_and_said_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = fifo(tmp_path)
    began = time.monotonic()
    source = FileSource(path)
    assert time.monotonic() - began < 1
    opening = asyncio.create_task(source.__aenter__())
    while not caplog.messages:
        await asyncio.sleep(0.05)
        assert time.monotonic() - began < 30
    await asyncio.sleep(1)
    assert caplog.messages == [f"nothing comes from {path}: still waiting (Ctrl-C ends it)"]
    assert not opening.done()
    await asyncio.to_thread(path.write_bytes, wav(2))
    await opening
    sound = [item async for item in source if isinstance(item, AudioFrame)]
    await source.__aexit__(None, None, None)
    assert sum(len(frame.samples) for frame in sound) == 32_000


async def test_waiting_for_a_writer_can_be_left_at_once(tmp_path: Path) -> None:
    path, threads = fifo(tmp_path), threading.active_count()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3), FileSource(path):
            pass
    writing = os.open(path, os.O_RDWR | os.O_NONBLOCK)  # a writer that writes nothing
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3), FileSource(path):
            pass
    os.close(writing)
    deadline = time.monotonic() + 30
    while threading.active_count() > threads + 4:  # those that asyncio keeps
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)


async def test_a_session_that_waits_in_the_middle_can_be_left_at_once() -> None:
    reading, writing = os.pipe()
    os.write(writing, HEADER)
    source = FileSource(f"/dev/fd/{reading}")
    await asyncio.to_thread(os.write, writing, bytes(3 * 32_000))
    async with source:
        async for _ in source:
            break
        began = time.monotonic()
    assert time.monotonic() - began < 2
    os.close(writing)
    os.close(reading)


async def test_what_is_read_slowly_is_written_slowly() -> None:
    """No more than some seconds of sound wait in memory, however fast it is written."""
    second = (tone(1, 16_000) * 32_767).astype(np.int16).tobytes()
    with piped(HEADER, lambda: second) as (pipe, written):
        async with FileSource(pipe) as source:
            async for _ in source:
                break
            await asyncio.sleep(0.5)
            before = written.count
            await asyncio.sleep(0.5)
            assert written.count == before < 20 * 32_000


async def test_it_is_read_but_once() -> None:
    with piped(wav(1)) as (pipe, _):
        source = FileSource(pipe)
        async with source:
            pass
        with pytest.raises(InputError, match="can be read but once"):
            await source.__aenter__()


async def test_realtime_pace_keeps_to_the_clock() -> None:
    with piped(wav(1)) as (pipe, _):
        async with FileSource(pipe, pace="realtime") as source:
            began = time.monotonic()
            async for item in source:
                assert isinstance(item, AudioFrame)
                assert time.monotonic() - began >= (item.start + len(item.samples)) / 16_000 - 0.002


def test_what_is_given_twice_is_refused(tmp_path: Path) -> None:
    path = fifo(tmp_path)
    (tmp_path / "other.wav").symlink_to(path)
    reading, writing = os.pipe()
    for twice in (
        [path, path],
        [path, tmp_path / "other.wav"],
        [Path(f"/dev/fd/{reading}"), tmp_path, Path(f"/proc/self/fd/{reading}")],
    ):
        with pytest.raises(InputError, match="given twice"):
            check_given_once(twice)
    os.close(reading)
    os.close(writing)
    whole = tmp_path / "a.wav"
    whole.write_bytes(wav(0.1))
    check_given_once([whole, path, whole, tmp_path / "nowhere.wav"])


def test_devices_sockets_and_terminals_are_refused_in_one_line(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "socket"))
        refused = {
            "/dev/zero": "is a device",
            "/dev/urandom": "is a device",
            "/dev/full": "is a device",
            "/dev/null": "is a device",
            str(tmp_path / "socket"): "is a socket",
            str(tmp_path): "is a folder",
            "/dev/fd/987654": "is closed",
        }
        main, other = pty.openpty()
        refused[f"/dev/fd/{other}"] = "is the terminal"
        for path, message in refused.items():
            if path.startswith("/dev/fd") or Path(path).exists():
                with pytest.raises(InputError, match=message) as caught:
                    FileSource(path)
                assert "\n" not in str(caught.value)
        os.close(main)
        os.close(other)


async def test_a_socket_that_was_inherited_is_read() -> None:
    ours, theirs = socket.socketpair()
    assert stat.S_ISSOCK(os.fstat(ours.fileno()).st_mode)
    with theirs:
        theirs.sendall(wav(0.5))
    with ours:
        (sound,), _, error = await read(Path(f"/dev/fd/{ours.fileno()}"))
    assert (len(sound), error) == (8_000, None)


async def test_the_loop_stays_free_while_it_waits(tmp_path: Path) -> None:
    source, ticks = FileSource(fifo(tmp_path)), 0
    with suppress(TimeoutError):
        async with asyncio.timeout(1):
            opening = asyncio.create_task(source.__aenter__())
            while True:
                ticks += 1
                await asyncio.sleep(0.01)
    opening.cancel()
    await asyncio.wait([opening])
    assert ticks > 10


def test_nothing_is_said_of_what_comes_at_once(caplog: pytest.LogCaptureFixture) -> None:
    async def listen() -> NDArray[np.int16]:
        with piped(wav(2)) as (pipe, _):
            (sound,), _, _ = await read(pipe)
            return sound

    with caplog.at_level(logging.INFO):
        assert len(asyncio.run(listen())) == 32_000
    assert caplog.messages == []
