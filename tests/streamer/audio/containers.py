"""Containers that are out of the ordinary, made packet by packet."""

import struct
from collections.abc import Callable
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from streamer.audio.decoding.decode import Decoder
from streamer.audio.decoding.ogg_links import ByteStream
from streamer.audio.frame import AudioFrame, AudioGap

Change = Callable[[int, Any], bool]
"""Is given the number of a packet and the packet, which it may change; returns whether it is kept."""


def keep(number: int, packet: Any) -> bool:
    """Every packet."""
    return True


def mux(
    path: Path,
    sound: NDArray[np.float32],
    rate: int,
    codec: str,
    change: Change = keep,
    *,
    tags: dict[str, str] | None = None,
    packet: int | None = None,
    video_s: float = 0.0,
    video: str = "mpeg4",
) -> Path:
    """Encode float32 [n] in packets that `change` may drop or move.

    Args:
        path: of the container; its ending chooses which.
        sound: float32 [n].
        rate: of it.
        codec: FFmpeg's name.
        change: what is done to the packets.
        tags: of the container.
        packet: samples in each, where the codec leaves the choice.
        video_s: how long a picture is shown, from 0 s on.
        video: FFmpeg's name of what encodes it.
    """
    with av.open(str(path), "w") as container:
        container.metadata.update(tags or {})
        picture: Any = container.add_stream(video, rate=10) if video_s else None
        if picture is not None:
            picture.width = picture.height = 32
            picture.pix_fmt = "yuv420p"
        stream: Any = container.add_stream(codec, rate=rate, layout="mono")
        if picture is not None:
            for _ in range(round(video_s * 10)):
                image = av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8), format="rgb24")
                container.mux(picture.encode(image))
            container.mux(picture.encode(None))
        made: list[Any] = []
        step = packet or 1024
        for start in range(0, len(sound), step):
            frame = av.AudioFrame.from_ndarray(
                np.ascontiguousarray(sound[None, start : start + step]), format="flt", layout="mono"
            )
            frame.sample_rate, frame.pts, frame.time_base = rate, start, Fraction(1, rate)
            made += stream.encode(frame)
        made += stream.encode(None)
        container.mux([piece for number, piece in enumerate(made) if change(number, piece)])
    return path


def later(seconds: float) -> Change:
    """All packets, so much later."""

    def change(number: int, packet: Any) -> bool:
        offset = round(seconds / packet.time_base)
        packet.pts, packet.dts = packet.pts + offset, packet.dts + offset
        return True

    return change


def bursts(seconds: float, rate: int, at_s: list[float]) -> NDArray[np.float32]:
    """Faint noise, and 0.1 s of a loud tone at each of `at_s`."""
    sound = np.random.default_rng(0).uniform(-1e-3, 1e-3, int(seconds * rate)).astype(np.float32)
    for start_s in at_s:
        start = int(start_s * rate)
        sound[start : start + rate // 10] += 0.5 * np.sin(440 * 2 * np.pi * np.arange(rate // 10) / rate)
    return sound


def starts_of_bursts(sound: NDArray[np.int16]) -> list[float]:
    """Where the loud tones begin, in seconds, to 5 ms."""
    loud = np.abs(sound[: len(sound) // 80 * 80].astype(np.float32)).reshape(-1, 80).max(axis=1) > 3000
    started = np.flatnonzero(loud)
    return [
        float(at) / 200 for at, before in zip(started, [-99, *started[:-1]], strict=True) if at - before > 10
    ]


def decoded(recording: Path | ByteStream) -> tuple[NDArray[np.int16], list[AudioGap], list[str]]:
    """All its sound (gaps as zeros), the gaps, and what was wrong."""
    parts: list[NDArray[np.int16]] = []
    gaps: list[AudioGap] = []
    with Decoder(recording, split_channels=False) as decoder:
        for item in decoder.items():
            if isinstance(item, AudioFrame):
                parts.append(item.samples)
            else:
                gaps.append(item)
                parts.append(np.zeros(item.length, np.int16))
    return np.concatenate(parts), gaps, decoder.damage_notes


def flac(rate: int, frames: int, size: int = 65_535) -> bytes:
    """FLAC of silence, mono: 15 bytes for each frame of `size` samples."""
    total = frames * size & (1 << 36) - 1
    info = struct.pack(">HH", size, size) + bytes(6) + (rate << 44 | 15 << 36 | total).to_bytes(8) + bytes(16)
    return b"fLaC\x80\x00\x00\x22" + info + b"".join(_flac_frame(number, size) for number in range(frames))


def _flac_frame(number: int, size: int) -> bytes:
    head = b"\xff\xf8\x70\x08" + chr(number).encode("utf8", "surrogatepass") + struct.pack(">H", size - 1)
    frame = head + bytes([_crc(head, 0x07, 8)]) + b"\0\0\0"
    return frame + _crc(frame, 0x8005, 16).to_bytes(2)


def _crc(data: bytes, polynomial: int, bits: int) -> int:
    value = 0
    for byte in data:
        value = value << 8 & (1 << bits) - 1 ^ _crc_of_byte(byte ^ value >> (bits - 8), polynomial, bits)
    return value


@cache
def _crc_of_byte(byte: int, polynomial: int, bits: int) -> int:
    value = byte << (bits - 8)
    for _ in range(8):
        value = ((value << 1) ^ polynomial if value >> (bits - 1) else value << 1) & ((1 << bits) - 1)
    return value


def element(name: str, content: bytes) -> bytes:
    """An element of Matroska: its name in hexadecimal digits, and what is in it."""
    return bytes.fromhex(name) + (len(content) | 1 << 56).to_bytes(8) + content


def matroska(codec: bytes, private: bytes, blocks: list[bytes], *, before: bytes = b"") -> bytes:
    """Matroska of one track at 16 kHz, mono; a block every 0.1 s, and other elements `before` them."""
    track = [
        element("D7", b"\1"),
        element("73C5", b"\1"),
        element("83", b"\2"),
        element("86", codec),
        element("63A2", private) if private else b"",
        element(
            "E1", element("B5", struct.pack(">d", 16_000)) + element("9F", b"\1") + element("6264", b"\x10")
        ),
    ]
    cluster = [
        element("A3", b"\x81" + struct.pack(">h", 100 * at % 30_000) + b"\x80" + block)
        for at, block in enumerate(blocks)
    ]
    segment = [
        element("1549A966", element("2AD7B1", struct.pack(">I", 1_000_000))),
        element("1654AE6B", element("AE", b"".join(track))),
        before,
        element("1F43B675", element("E7", b"\0") + b"".join(cluster)),
    ]
    return element("1A45DFA3", element("4282", b"matroska")) + element("18538067", b"".join(segment))


def box(name: bytes, content: bytes) -> bytes:
    """A box of MP4."""
    return struct.pack(">I4s", len(content) + 8, name) + content


def mp4_of_stated_samples(tracks: int, samples: int) -> bytes:
    """MP4 of AAC whose tables state so many samples; there is a kilobyte."""
    return (
        box(b"ftyp", b"isom\0\0\0\0isom")
        + box(b"moov", box(b"mvhd", bytes(100)) + b"".join(_track(n + 1, samples) for n in range(tracks)))
        + box(b"mdat", bytes(1000))
    )


def _track(number: int, samples: int) -> bytes:
    esds = bytes(4) + b"\x03\x19\0\1\0\x04\x11\x40\x15" + bytes(11) + b"\x05\x02\x12\x08\x06\x01\x02"
    aac = bytes(6) + b"\0\1" + bytes(8) + b"\0\1\0\x10" + bytes(4) + struct.pack(">I", 44_100 << 16)
    tables = [
        box(b"stsd", struct.pack(">II", 0, 1) + box(b"mp4a", aac + box(b"esds", esds))),
        box(b"stts", struct.pack(">IIII", 0, 1, samples, 1024)),
        box(b"stsc", struct.pack(">IIIII", 0, 1, 1, samples, 1)),
        box(b"stsz", struct.pack(">III", 0, 4, samples)),
        box(b"stco", struct.pack(">III", 0, 1, 40)),
    ]
    media = [
        box(b"mdhd", bytes(12) + struct.pack(">II", 44_100, 0) + bytes(4)),
        box(b"hdlr", bytes(8) + b"soun" + bytes(13)),
        box(b"minf", box(b"stbl", b"".join(tables))),
    ]
    header = box(b"tkhd", bytes(12) + struct.pack(">I", number) + bytes(68))
    return box(b"trak", header + box(b"mdia", b"".join(media)))
