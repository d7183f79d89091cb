"""Recordings in any container: as files, and as streams that strangers send."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any

import av
import numpy as np

from fuzz.target import Run, Target
from streamer.audio.decoding.decode import Decoder
from streamer.audio.decoding.ogg_links import ByteStream

_ITEMS = 3000
"""Frames taken of one recording: a minute of one channel. A short file can state that it is an hour long."""

_RATE = 16_000
_WORDS = (
    "RIFF", "RF64", "WAVEfmt ", "data", "ds64", "LIST", "fLaC", "OggS", "OpusHead", "OpusTags",
    "\x01vorbis", "FORM", "AIFFCOMM", "SSND", "caff", "desc", ".snd", "ID3", "\xff\xfb", "\xff\xf1",
    "ftyp", "moov", "mdat", "trak", "stts", "stsz", "elst", "\x1aE\xdf\xa3", "\x18S\x80g", "DURATION",
    "00:00:01.5", "webm", "A_OPUS", "\x47\x40", "ADIF", "#EXTM3U", "ffconcat version 1.0\nfile x",
    "\xff\xff\xff\xff", "\x00\x00\x00\x00", "\x7f\xff\xff\xff",
)  # fmt: skip

_FORMATS = {
    "s16.wav": ("wav", "pcm_s16le", 1),
    "u8.wav": ("wav", "pcm_u8", 2),
    "float.wav": ("wav", "pcm_f32le", 1),
    "adpcm.wav": ("wav", "adpcm_ima_wav", 1),
    "mulaw.au": ("au", "pcm_mulaw", 1),
    "s24.aiff": ("aiff", "pcm_s24be", 1),
    "s16.caf": ("caf", "pcm_s16be", 1),
    "s16.w64": ("w64", "pcm_s16le", 1),
    "mono.flac": ("flac", "flac", 1),
    "stereo.flac": ("flac", "flac", 2),
    "flac.ogg": ("ogg", "flac", 1),
    "opus.ogg": ("ogg", "libopus", 1),
    "opus.webm": ("webm", "libopus", 1),
    "opus.mkv": ("matroska", "libopus", 2),
    "mono.mp3": ("mp3", "libmp3lame", 1),
    "aac.aac": ("adts", "aac", 1),
    "aac.m4a": ("mp4", "aac", 1),
    "aac.ts": ("mpegts", "aac", 1),
    "alac.mov": ("mov", "alac", 1),
    "mp2.avi": ("avi", "mp2", 1),
    "wma.asf": ("asf", "wmav2", 1),
    "g722.wav": ("wav", "g722", 1),
    "tta.tta": ("tta", "tta", 1),
    "wavpack.wv": ("wv", "wavpack", 1),
}
_SECONDS = {"pcm": 0.08, "adp": 0.2, "fla": 0.15, "ala": 0.15, "tta": 0.15, "wav": 0.15}


def encoded(container: str, codec: str, channels: int, seconds: float) -> bytes:
    """A falling tone in a container; the same bytes each time, with the same FFmpeg."""
    out = io.BytesIO()
    out.name = f"seed.{container}"
    with av.open(out, "w", format=container, options={"fflags": "+bitexact"}) as file:
        stream: Any = file.add_stream(
            codec, rate=48_000 if "opus" in codec else _RATE, options={"flags": "+bitexact"}
        )
        stream.layout = "mono" if channels == 1 else "stereo"
        rate = stream.rate
        stream.bit_rate = 32_000
        at = np.arange(int(seconds * rate)) / rate
        tone = (8000 * np.sin(2 * np.pi * (600 - 900 * at) * at)).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(np.tile(tone, (channels, 1)), "s16p", stream.layout.name)
        frame.sample_rate, frame.time_base, frame.pts = rate, Fraction(1, rate), 0
        resampler = av.AudioResampler(stream.format, stream.layout, rate, frame_size=stream.frame_size or 0)
        for piece in [*resampler.resample(frame), *resampler.resample(None)]:
            file.mux(stream.encode(piece))
        file.mux(stream.encode(None))
    return out.getvalue()


def seeds() -> dict[str, bytes]:
    """One short recording of each container, and what is none."""
    made = {
        name: encoded(container, codec, channels, _SECONDS.get(codec[:3], 0.4))
        for name, (container, codec, channels) in _FORMATS.items()
    }
    made["list.m3u8"] = b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nother.ts\n#EXT-X-ENDLIST\n"
    made["list.ffconcat"] = b"ffconcat version 1.0\nfile other.wav\n"
    made["session.sdp"] = b"v=0\no=- 0 0 IN IP4 127.0.0.1\nc=IN IP4 127.0.0.1\nm=audio 9 RTP/AVP 0\n"
    return made


@contextmanager
def start_files(folder: Path) -> Iterator[Run]:
    """Decode a file, its channels apart or mixed."""
    path = folder / "recording"

    def run(data: bytes) -> None:
        path.write_bytes(data)
        _decode(path, split=len(data) % 2 == 1)

    yield run


@contextmanager
def start_streams(_: Path) -> Iterator[Run]:
    """Decode bytes that come as they do from a client."""

    def run(data: bytes) -> None:
        _decode(_Bytes(data), split=len(data) % 2 == 1)

    yield run


class _Bytes:
    def __init__(self, data: bytes) -> None:
        self._data = io.BytesIO(data)

    def __str__(self) -> str:
        return "the stream"

    def read(self, size: int, /) -> bytes:
        return self._data.read(min(size, 1000))


def _decode(recording: Path | ByteStream, *, split: bool) -> None:
    with Decoder(recording, split) as decoder:
        for _ in islice(decoder.items(), _ITEMS):
            pass


FILES = Target("files", "recordings", start_files, seeds, share=6, words=_WORDS, longest=12_000)
STREAMS = Target("streams", "recordings", start_streams, seeds, share=6, words=_WORDS, longest=12_000)
