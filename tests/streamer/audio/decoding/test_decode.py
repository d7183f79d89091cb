"""Recordings that are not what they state of themselves, or were not whole when they were made."""

import io
import struct
import threading
import wave
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np
import pytest

from streamer.audio.decoding.decode import Decoder
from streamer.audio.decoding.ogg_links import ByteStream
from streamer.errors import InputError
from tests.streamer.audio.containers import (
    Change,
    bursts,
    decoded,
    flac,
    later,
    mux,
    starts_of_bursts,
)
from tests.streamer.audio.recordings import tone, write

NEAR_S = 0.02

WAVE_FORMAT = b"fmt \x10\0\0\0" + struct.pack("<HHIIHH", 1, 1, 16_000, 32_000, 2, 16)


@pytest.mark.parametrize(
    ("name", "codec", "video"),
    [
        ("a.mkv", "libopus", "mpeg4"),
        ("a.mp4", "aac", "mpeg4"),
        ("a.mkv", "libopus", "libx264"),  # which has B-frames
        ("a.mp4", "aac", "libx264"),
        ("a.ts", "mp2", "libx264"),
    ],
)
def test_sound_that_begins_after_the_picture_keeps_its_time(
    tmp_path: Path, name: str, codec: str, video: str
) -> None:
    path = mux(tmp_path / name, bursts(3, 48_000, [1.0]), 48_000, codec, later(4.9), video_s=8, video=video)
    sound, gaps, damage_notes = decoded(path)
    assert starts_of_bursts(sound) == [pytest.approx(5.9, abs=NEAR_S)]
    assert (gaps, damage_notes) == ([], [])


@pytest.mark.parametrize(("name", "codec"), [("a.mka", "libopus"), ("a.m4a", "aac"), ("a.ts", "mp2")])
def test_a_recording_of_sound_alone_begins_with_it(tmp_path: Path, name: str, codec: str) -> None:
    path = mux(tmp_path / name, bursts(3, 48_000, [1.0]), 48_000, codec, later(4.9))
    sound, gaps, damage_notes = decoded(path)
    assert starts_of_bursts(sound) == [pytest.approx(1.0, abs=0.05)]
    assert (gaps, damage_notes) == ([], [])


def lose(every: int) -> Change:
    return lambda number, packet: number % every != every // 2


def test_packets_that_are_lost_leave_everything_else_at_its_time(tmp_path: Path) -> None:
    at_s = [1.0, 30.0, 59.0]
    sound = bursts(60, 8_000, at_s) + tone(60, 8_000, level=0.02)
    path = mux(tmp_path / "a.mka", sound, 8_000, "pcm_s16le", lose(25), packet=160)
    heard, gaps, damage_notes = decoded(path)
    assert starts_of_bursts(heard) == pytest.approx(at_s, abs=NEAR_S)
    assert len(heard) / 16_000 == pytest.approx(60, abs=NEAR_S)
    assert gaps == []
    loudness = np.abs(heard[: 59 * 16_000].reshape(-1, 160)).max(axis=1)
    assert (loudness > 300).all()  # a hole in a pause would pass for speech that begins
    assert damage_notes == [f"{path} lacks 2.40 s of sound, lost in 120 places"]


def test_pauses_that_were_not_sent_are_silence(tmp_path: Path) -> None:
    def pause(number: int, packet: Any) -> bool:
        return not 60 <= number < 140 or number % 20 == 0

    path = mux(tmp_path / "a.webm", bursts(4, 48_000, [1.0, 3.5]), 48_000, "libopus", pause)
    sound, gaps, damage_notes = decoded(path)
    assert starts_of_bursts(sound) == pytest.approx([1.0, 3.5], abs=NEAR_S)
    assert (gaps, damage_notes) == ([], [])


def test_much_that_is_missing_is_a_gap(tmp_path: Path) -> None:
    sound = bursts(20, 8_000, [1.0, 15.0]) + tone(20, 8_000, level=0.05)
    path = mux(tmp_path / "a.mka", sound, 8_000, "pcm_s16le", lambda n, _: not 200 <= n < 400, packet=160)
    heard, gaps, damage_notes = decoded(path)
    assert starts_of_bursts(heard) == pytest.approx([1.0, 15.0], abs=NEAR_S)
    assert [(gap.start, gap.length) for gap in gaps] == [(4 * 16_000, 4 * 16_000)]
    assert damage_notes == [f"{path} lacks 4.00 s of sound, lost in 1 place"]


@pytest.mark.parametrize(
    ("name", "codec", "rate"),
    [
        *((name, "aac", 44_100) for name in ("a.mka", "a.flv", "a.mp4", "a.ts", "a.nut")),
        *((name, "libmp3lame", 44_100) for name in ("a.mka", "a.flv", "a.avi", "a.mp3")),
        *((name, "libopus", 48_000) for name in ("a.webm", "a.mp4", "a.ogg")),
    ],
)
def test_rounded_timestamps_put_nothing_in(tmp_path: Path, name: str, codec: str, rate: int) -> None:
    at_s = [1.0, 6.0, 11.0]
    path = mux(tmp_path / name, bursts(12, rate, at_s), rate, codec)
    sound, gaps, damage_notes = decoded(path)
    begin_s, *rest = starts_of_bursts(sound)
    assert begin_s == pytest.approx(1.0, abs=0.06)  # what encoders put before
    assert [start_s - begin_s for start_s in rest] == pytest.approx([5.0, 10.0], abs=0.01)
    assert len(sound) / 16_000 == pytest.approx(12, abs=0.15)
    assert (gaps, damage_notes) == ([], [])


@pytest.mark.parametrize(
    ("offset_s", "back"), [(40_000.0, False), (40_000.0, True), (3_600.0, True), (20.0, False)]
)
def test_over_a_jump_of_the_clock_time_goes_on(tmp_path: Path, offset_s: float, back: bool) -> None:
    pieces = [
        mux(tmp_path / "1.ts", bursts(3, 48_000, [1.0]), 48_000, "mp2"),
        mux(tmp_path / "2.ts", bursts(3, 48_000, [1.0]), 48_000, "mp2", later(offset_s)),
    ]
    path = tmp_path / "jump.ts"
    path.write_bytes(b"".join(piece.read_bytes() for piece in (pieces[::-1] if back else pieces)))
    sound, gaps, damage_notes = decoded(path)
    assert starts_of_bursts(sound) == pytest.approx([1.0, 4.0], abs=0.08)
    assert gaps == []
    assert len(damage_notes) == 1
    assert "has a clock that jumps 1 time" in damage_notes[0]


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize(
    "links",
    [
        [("flac", 44_100), ("flac", 16_000), ("flac", 48_000)],
        [("flac", 8_000), ("flac", 44_100)],
        [("libopus", 48_000), ("flac", 22_050), ("libopus", 16_000)],
    ],
    ids=lambda links: "-".join(f"{codec}{rate}" for codec, rate in links),
)
def test_chained_ogg_goes_on_with_another_rate_and_codec(
    tmp_path: Path, links: list[tuple[str, int]], streamed: bool
) -> None:
    whole = b"".join(
        mux(tmp_path / f"{i}.ogg", bursts(3, rate, [1.0]), rate, codec).read_bytes()
        for i, (codec, rate) in enumerate(links)
    )
    path = tmp_path / "chain.ogg"
    path.write_bytes(whole)
    sound, gaps, damage_notes = decoded(io.BytesIO(whole) if streamed else path)
    assert starts_of_bursts(sound) == pytest.approx([3 * i + 1.0 for i in range(len(links))], abs=0.03)
    assert (gaps, damage_notes) == ([], [])


def test_a_link_that_is_broken_does_not_end_what_follows(tmp_path: Path) -> None:
    pieces = [mux(tmp_path / f"{i}.ogg", bursts(3, 16_000, [1.0]), 16_000, "flac") for i in range(3)]
    whole = [bytearray(piece.read_bytes()) for piece in pieces]
    at = whole[1].index(b"fLaC")
    whole[1][at : at + 4] = b"none"
    path = tmp_path / "chain.ogg"
    path.write_bytes(b"".join(whole))
    sound, _, _ = decoded(path)
    assert starts_of_bursts(sound) == pytest.approx([1.0, 4.0], abs=NEAR_S)


def test_a_block_of_wavpack_may_be_large(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, 3 * 44_100).astype(np.float32)
    sound, gaps, damage_notes = decoded(mux(tmp_path / "a.wv", noise, 44_100, "wavpack", packet=44_100))
    assert len(sound) == 3 * 16_000
    assert (gaps, damage_notes) == ([], [])


@pytest.mark.parametrize(
    "duration", ["7", "7000", "7 s", "0:07", "a:b:c", "00:00:52.9", "-1:00:00", "nan", ""]
)
@pytest.mark.parametrize("name", ["a.opus", "a.mka", "a.flac"])
def test_a_stated_length_is_a_hint(tmp_path: Path, name: str, duration: str) -> None:
    codec, rate = ("flac", 16_000) if name == "a.flac" else ("libopus", 48_000)
    path = mux(tmp_path / name, bursts(2, rate, [1.0]), rate, codec, tags={"DURATION": duration})
    sound, gaps, damage_notes = decoded(path)
    assert len(sound) / 16_000 == pytest.approx(2, abs=0.05)
    assert (gaps, damage_notes) == ([], [])


def test_the_length_of_adpcm_is_not_reckoned_by_its_byte_rate(tmp_path: Path) -> None:
    path = write(tmp_path / "a.wav", tone(30, 8_000), 8_000, "adpcm_ima_wav")
    data = bytearray(path.read_bytes())
    data[28:32] = struct.pack("<I", int.from_bytes(data[28:32], "little") * 9 // 10)
    path.write_bytes(data)
    sound, _, damage_notes = decoded(path)
    assert len(sound) / 16_000 == pytest.approx(30, abs=0.2)
    assert damage_notes == []


@pytest.mark.parametrize("rate", [1, 8, 999, 768_001, 1_392_524_928, 2**31 - 1])
def test_rates_that_are_none_are_refused(tmp_path: Path, rate: int) -> None:
    path = tmp_path / "a.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes(bytes(64_000))
    data = bytearray(path.read_bytes())
    data[24:32] = struct.pack("<II", rate, min(2 * rate, 2**32 - 1))
    path.write_bytes(data)
    with pytest.raises(InputError, match=f"{rate} samples a second|can be decoded"):
        decoded(path)


def test_sound_of_which_no_codec_is_known_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes(bytes(6_400))
    data = bytearray(path.read_bytes())
    data[34:36] = struct.pack("<H", 520)  # bits a sample
    path.write_bytes(data)
    with pytest.raises(InputError, match="no audio in it that can be decoded"):
        decoded(path)


@pytest.mark.parametrize("rate", [1_000, 4_000, 768_000])
def test_rates_that_are_odd_are_taken(tmp_path: Path, rate: int) -> None:
    path = write(tmp_path / "a.wav", tone(2, rate, hz=100), rate, "pcm_s16le")
    sound, _, damage_notes = decoded(path)
    assert len(sound) == 32_000
    assert np.abs(np.fft.rfft(sound[8_000:24_000])).argmax() == 100
    assert damage_notes == []


def test_a_rate_that_becomes_none_ends_it(tmp_path: Path) -> None:
    path = tmp_path / "chain.ogg"
    write(path, bursts(3, 16_000, [1.0]), 16_000, "flac")
    whole = path.read_bytes()
    path.write_bytes(whole + write(tmp_path / "2.ogg", tone(3, 16_000), 8, "flac").read_bytes())
    with pytest.raises(InputError, match="8 samples a second"):
        decoded(path)


class Endless:
    """Bytes that come for ever."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.asked = 0

    def __str__(self) -> str:
        return "the stream"

    def read(self, size: int, /) -> bytes:
        self.asked += 1
        return (self._data * (size // len(self._data) + 1))[:size]


def test_a_decoder_can_be_stopped_from_another_thread(tmp_path: Path) -> None:
    path = tmp_path / "long.flac"
    path.write_bytes(flac(16_000, 3_000))  # 3.4 hours
    with Decoder(path, split_channels=False) as decoder:
        items = decoder.items()
        next(items)
        threading.Timer(0.2, decoder.stop).start()
        began = monotonic()
        *_, last = items
        assert monotonic() - began < 2
        assert last.start < 3.4 * 3600 * 16_000
        assert decoder.damage_notes == []


@pytest.mark.parametrize("endless", [b"\0", b"\xff\xfb\x90\xc4" + bytes(413), b"OggS" + bytes(23)])
def test_what_never_becomes_a_recording_can_be_stopped_too(endless: bytes) -> None:
    stop = threading.Event()
    threading.Timer(0.2, stop.set).start()
    began = monotonic()
    try:
        with Decoder(Endless(endless), False, stop) as decoder:
            for _ in decoder.items():
                pass
    except InputError:
        pass
    assert monotonic() - began < 3


@pytest.mark.parametrize("error", [KeyboardInterrupt, InputError("no"), OSError(5, "Input/output error")])
def test_what_reading_raises_is_raised(error: BaseException | type[BaseException]) -> None:
    class Broken(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            if self.tell() > 20_000:
                raise error
            return super().read(size)

    stream: ByteStream = Broken(b"RIFF\0\0\0\0WAVE" + WAVE_FORMAT + b"data\0\0\0\0" + bytes(100_000))
    with pytest.raises((KeyboardInterrupt, InputError)):
        decoded(stream)
