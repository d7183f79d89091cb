"""What calls and recorders do to sound: codecs of low bit rates, by the FFmpeg that PyAV brings."""

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from models.sample_rate import SAMPLE_RATE


@dataclass(frozen=True, slots=True)
class Codec:
    """A codec that takes mono sound at 16 kHz, and gives it back in time.

    Attributes:
        encoder: FFmpeg's name of the encoder.
        decoder: FFmpeg's name of the decoder.
        samples: FFmpeg's name of the form of samples that the encoder takes.
        bit_rates: range of bits a second; None where the codec has one.
        options: further options of the encoder, chosen for speed.
    """

    encoder: str
    decoder: str
    samples: str = "s16"
    bit_rates: tuple[int, int] | None = None
    options: dict[str, str] = field(default_factory=dict)


CODECS = {
    "mulaw": Codec("pcm_mulaw", "pcm_mulaw"),
    "g722": Codec("g722", "g722"),
    "opus": Codec(
        "libopus", "libopus", "s16", (8_000, 24_000), {"compression_level": "1", "frame_duration": "60"}
    ),
    "mp3": Codec("libmp3lame", "mp3float", "s16p", (16_000, 40_000), {"compression_level": "9"}),
}
"""By name."""


def coded(audio: NDArray[np.int16], name: str, bit_rate: int | None = None) -> NDArray[np.int16]:
    """What a codec leaves of sound.

    Args:
        audio: int16 samples [n] at 16 kHz.
        name: one of `CODECS`.
        bit_rate: bits a second, for codecs that have a range of them.

    Returns:
        int16 samples [n].
    """
    codec = CODECS[name]
    encoder: Any = av.CodecContext.create(codec.encoder, "w")
    encoder.format, encoder.layout, encoder.sample_rate = codec.samples, "mono", SAMPLE_RATE
    encoder.time_base, encoder.options = Fraction(1, SAMPLE_RATE), dict(codec.options)
    if bit_rate is not None:
        encoder.bit_rate = bit_rate
    encoder.open()
    decoder: Any = av.CodecContext.create(codec.decoder, "r")
    decoder.layout, decoder.sample_rate, decoder.extradata = "mono", SAMPLE_RATE, encoder.extradata
    size = encoder.frame_size or len(audio)
    padded = np.pad(audio, (0, -len(audio) % size))
    blocks = [padded[start : start + size] for start in range(0, len(padded), size)]
    frames = [_frame(block, number * size, codec.samples) for number, block in enumerate(blocks)]
    packets = [packet for frame in [*frames, None] for packet in encoder.encode(frame)]
    heard = [frame for packet in [*packets, None] for frame in decoder.decode(packet)]
    resampler = av.AudioResampler(format="s16", layout="mono", rate=SAMPLE_RATE)
    parts = [part.to_ndarray()[0] for frame in [*heard, None] for part in resampler.resample(frame)]
    found: NDArray[np.int16] = np.concatenate(parts)[: len(audio)]
    return np.pad(found, (0, len(audio) - len(found)))


def _frame(block: NDArray[np.int16], start: int, samples: str) -> av.AudioFrame:
    frame = av.AudioFrame.from_ndarray(block[None], format=samples, layout="mono")
    frame.sample_rate, frame.pts, frame.time_base = SAMPLE_RATE, start, Fraction(1, SAMPLE_RATE)
    return frame
