import asyncio
import os
import subprocess
import sys
import tracemalloc
import wave
from pathlib import Path
from time import monotonic

import av
import numpy as np
import pytest

from streamer.audio.file import FileSource
from streamer.audio.frame import AudioFrame
from streamer.errors import InputError
from tests.streamer.audio.recordings import level, read, tone, write

SIX = "5.1"


@pytest.mark.parametrize(
    ("name", "codec", "rate"),
    [
        ("a.wav", "pcm_s16le", 8_000),
        ("a.wav", "pcm_s24le", 96_000),
        ("a.wav", "pcm_f32le", 16_000),
        ("a.wav", "pcm_u8", 22_050),
        ("a.wav", "pcm_alaw", 8_000),
        ("a.flac", "flac", 44_100),
        ("a.aiff", "pcm_s16be", 44_100),
        ("a.mp3", "libmp3lame", 44_100),
        ("a.ogg", "libopus", 48_000),
        ("a.opus", "libopus", 48_000),
        ("a.webm", "libopus", 48_000),
        ("a.m4a", "aac", 44_100),
        ("a.mka", "flac", 48_000),
    ],
)
async def test_any_format_comes_out_as_it_went_in(tmp_path: Path, name: str, codec: str, rate: int) -> None:
    path = write(tmp_path / name, tone(1.5, rate), rate, codec)
    (sound,), gaps, error = await read(path)
    assert error is None
    assert gaps == []
    assert len(sound) / 16_000 == pytest.approx(1.5, abs=0.08)  # lossy codecs pad
    middle = sound[4000:20000].astype(np.float64)
    assert level(middle.astype(np.int16)) == pytest.approx(0.5 / np.sqrt(2), rel=0.1)
    assert np.abs(np.fft.rfft(middle)).argmax() == 440  # bins of 1 Hz


async def test_sixteen_bit_at_16_khz_is_untouched(tmp_path: Path) -> None:
    samples = np.random.default_rng(0).integers(-32768, 32767, 16_001, dtype=np.int16)
    path = tmp_path / "a.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes(samples.tobytes())
    (sound,), _, error = await read(path)
    assert error is None
    assert np.array_equal(sound, samples)


async def test_channels_split_and_mixed(tmp_path: Path) -> None:
    sound = np.zeros((6, 16_000), np.float32)
    sound[0], sound[2], sound[3] = tone(1, 16_000, 300), tone(1, 16_000, 1000), tone(1, 16_000, 60)
    path = write(tmp_path / "six.wav", sound, 16_000, "pcm_s16le", SIX)
    channels, _, _ = await read(path, split_channels=True)
    assert len(channels) == 6
    assert [round(level(channel), 2) for channel in channels] == [0.35, 0, 0.35, 0.35, 0, 0]
    (mixed,), _, _ = await read(path)
    spectrum = np.abs(np.fft.rfft(mixed))
    assert spectrum[300] == pytest.approx(spectrum[1000], rel=0.05)
    assert spectrum[60] < 0.01 * spectrum[300]  # the subwoofer's channel carries no speech


async def test_split_channels_are_interleaved_in_time(tmp_path: Path) -> None:
    path = write(tmp_path / "a.flac", np.stack([tone(3, 44_100)] * 2), 44_100, "flac", "stereo")
    async with FileSource(path, split_channels=True) as source:
        frames = [item async for item in source if isinstance(item, AudioFrame)]
    assert [frame.channel for frame in frames] == [0, 1] * (len(frames) // 2)
    assert [frame.start for frame in frames[::2]] == [frame.start for frame in frames[1::2]]


async def test_mono_splits_into_one_channel(tmp_path: Path) -> None:
    path = write(tmp_path / "a.wav", tone(0.5, 16_000), 16_000, "pcm_s16le")
    channels, _, _ = await read(path, split_channels=True)
    assert len(channels) == 1


async def test_what_is_not_a_number_is_silence(tmp_path: Path) -> None:
    sound = tone(1, 16_000)
    sound[4000:8000] = np.nan
    sound[8000:9000] = np.inf
    sound[9000:9500] = 1e30
    (out,), _, error = await read(write(tmp_path / "a.wav", sound, 16_000, "pcm_f32le"))
    assert error is None
    assert not out[4000:9000].any()
    assert (out[9000:9500] == 32767).all()
    assert level(out[:4000]) == pytest.approx(0.35, abs=0.01)


async def test_the_sound_of_a_video(tmp_path: Path) -> None:
    path = tmp_path / "film.mp4"
    with av.open(str(path), "w") as container:
        video = container.add_stream("mpeg4", rate=10)
        video.width = video.height = 32
        video.pix_fmt = "yuv420p"
        audio = container.add_stream("aac", rate=48_000, layout="mono")
        for _ in range(10):
            picture = av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8), format="rgb24")
            container.mux(video.encode(picture))
        frame = av.AudioFrame.from_ndarray(tone(1, 48_000)[None], format="fltp", layout="mono")
        frame.sample_rate = 48_000
        container.mux(audio.encode(frame))
        container.mux(video.encode(None))
        container.mux(audio.encode(None))
    (sound,), _, error = await read(path)
    assert error is None
    assert len(sound) / 16_000 == pytest.approx(1, abs=0.05)


def not_recordings(folder: Path) -> dict[str, Path]:
    (folder / "empty.wav").touch()
    (folder / "text.wav").write_text("These are words, not sound.\n" * 20)
    (folder / "text.txt").write_text("These are words, not sound.\n" * 20)
    (folder / "random.mp3").write_bytes(np.random.default_rng(1).bytes(20_000))
    with av.open(str(folder / "silent.mp4"), "w") as container:
        video = container.add_stream("mpeg4", rate=10)
        video.width = video.height = 32
        video.pix_fmt = "yuv420p"
        container.mux(video.encode(av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8), "rgb24")))
        container.mux(video.encode(None))
    with wave.open(str(folder / "no samples.wav"), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
    return {
        "no such file": folder / "nowhere.wav",
        "folder": folder,
        "is empty": folder / "empty.wav",
        "not a recording": folder / "text.wav",
        "not a recording that": folder / "text.txt",
        "decoded": folder / "random.mp3",
        "has no audio": folder / "silent.mp4",
        "no sound": folder / "no samples.wav",
    }


def test_what_is_no_recording_is_refused_in_one_line(tmp_path: Path) -> None:
    for message, path in not_recordings(tmp_path).items():
        with pytest.raises(InputError, match=message) as raised:
            FileSource(path)
        assert "\n" not in str(raised.value)
        assert str(path) in str(raised.value)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="everything is readable to root")
def test_an_unreadable_file_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.wav", tone(0.1, 16_000), 16_000, "pcm_s16le")
    path.chmod(0)
    with pytest.raises(InputError, match="Permission denied"):
        FileSource(path)


@pytest.mark.parametrize(
    ("name", "codec"),
    [("a.flac", "flac"), ("a.wav", "pcm_s16le"), ("a.wav", "pcm_s24le"), ("a.aiff", "pcm_s16be")],
)
async def test_a_truncated_file_gives_all_there_is_then_says_so(
    tmp_path: Path, name: str, codec: str
) -> None:
    noise = np.random.default_rng(2).uniform(-0.5, 0.5, 4 * 44_100).astype(np.float32)
    path = write(tmp_path / name, noise, 44_100, codec)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    (sound,), _, error = await read(path)
    assert len(sound) / 16_000 == pytest.approx(2, abs=0.15)
    assert error is not None
    assert "truncated" in error
    assert f"{len(sound) / 16_000:.1f} s could be read" in error


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF, 0x7FFFFFFF])
async def test_a_streamed_wav_of_unknown_length_is_whole(tmp_path: Path, size: int) -> None:
    path = write(tmp_path / "a.wav", tone(1, 16_000), 16_000, "pcm_s16le")
    data = bytearray(path.read_bytes())
    at = data.index(b"data") + 4
    data[at : at + 4] = size.to_bytes(4, "little")
    path.write_bytes(data)
    (sound,), _, error = await read(path)
    assert error is None
    assert len(sound) == 16_000


async def test_damage_in_the_middle_is_a_gap_of_its_length(tmp_path: Path) -> None:
    noise = np.random.default_rng(3).uniform(-0.5, 0.5, 6 * 48_000).astype(np.float32)
    path = write(tmp_path / "a.opus", noise, 48_000, "libopus")
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 2000] = np.random.default_rng(4).bytes(2000)
    path.write_bytes(data)
    (sound,), gaps, _ = await read(path)
    assert len(gaps) == 1
    assert gaps[0].start == pytest.approx(3 * 16_000, abs=24_000)
    assert len(sound) / 16_000 == pytest.approx(6, abs=0.1)


def test_ffmpeg_says_nothing_itself(tmp_path: Path) -> None:
    path = write(tmp_path / "a.flac", tone(2, 44_100), 44_100, "flac")
    data = bytearray(path.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 500] = bytes(500)
    path.write_bytes(data[: len(data) * 3 // 4])
    program = (
        "import asyncio, sys; from pathlib import Path; from tests.streamer.audio.recordings import read;"
        "asyncio.run(read(Path(sys.argv[1])))"
    )
    done = subprocess.run([sys.executable, "-c", program, str(path)], capture_output=True, check=True)
    assert done.stderr == b""
    assert done.stdout == b""


async def test_realtime_pace_keeps_to_the_clock(tmp_path: Path) -> None:
    path = write(tmp_path / "a.wav", tone(1.0, 16_000), 16_000, "pcm_s16le")
    async with FileSource(path, pace="realtime") as source:
        began = monotonic()
        async for item in source:
            assert isinstance(item, AudioFrame)
            end_s = (item.start + len(item.samples)) / 16_000
            assert monotonic() - began >= end_s - 0.002
    assert monotonic() - began < 1.5


async def test_the_loop_stays_free_and_leaving_early_is_clean(tmp_path: Path) -> None:
    path = write(tmp_path / "a.flac", tone(60, 48_000), 48_000, "flac")
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            ticks += 1
            await asyncio.sleep(0)

    ticking = asyncio.create_task(tick())
    async with FileSource(path) as source:
        async for item in source:
            assert isinstance(item, AudioFrame)
            if item.start > 30 * 16_000:
                break
    ticking.cancel()
    assert ticks > 30  # once a second of sound at the least
    path.unlink()


@pytest.mark.slow
async def test_memory_does_not_grow_with_the_length(tmp_path: Path) -> None:
    async def peak(seconds: int) -> int:
        path = tmp_path / f"{seconds}.wav"
        with wave.open(str(path), "wb") as file:
            file.setparams((1, 2, 16_000, 0, "NONE", ""))
            for _ in range(seconds):
                file.writeframes(bytes(32_000))
        tracemalloc.start()
        async with FileSource(path) as source:
            async for _ in source:
                pass
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    await peak(5)
    assert await peak(240) < await peak(30) + 200_000
