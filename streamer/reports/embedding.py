"""Compresses a recording for embedding in a page: Opus in WebM, mono."""

import io
import logging
from base64 import b64encode
from collections.abc import Callable, Iterator
from itertools import chain
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from streamer.audio.decoding.decode import Decoder
from streamer.audio.frame import SAMPLE_RATE, AudioFrame, AudioGap
from streamer.errors import RunError
from streamer.reports.sound import Sound

MIME_TYPE = "audio/webm;codecs=opus"
_BITS_PER_S = 24_000
_OPUS = {"application": "voip", "compression_level": "5"}
_AT_ONCE = SAMPLE_RATE * 10


def embedded(
    sound: Sound,
    progress: Callable[[float, float | None], None] = lambda _done_s, _all_s: None,
) -> str:
    """The whole recording as a `data:` URL: about 4 kB a second.

    Damage is logged; the readable part is embedded.

    Args:
        sound: the recording; its channels are mixed.
        progress: called with the seconds done, and the total if known.

    Raises:
        InputError: it cannot be decoded.
        RunError: this machine's FFmpeg cannot write Opus.
    """
    file = io.BytesIO()
    with Decoder(sound.path, split_channels=False) as decoder:
        try:
            container = av.open(file, "w", format="webm")
            stream: Any = container.add_stream("libopus", rate=SAMPLE_RATE, layout="mono", options=_OPUS)
        except (av.FFmpegError, ValueError) as error:
            raise RunError(f"FFmpeg cannot write Opus here ({error}): use --link-audio") from error
        with container:
            stream.bit_rate = _BITS_PER_S
            done = 0
            for samples in _sound(decoder):
                frame = av.AudioFrame.from_ndarray(samples[np.newaxis], format="s16", layout="mono")
                frame.sample_rate, frame.pts = SAMPLE_RATE, done
                container.mux(stream.encode(frame))
                done += len(samples)
                progress(done / SAMPLE_RATE, decoder.duration_s)
            container.mux(stream.encode(None))
    for note in decoder.damage_notes:
        logging.getLogger("merits").warning("%s", note)
    return f"data:{MIME_TYPE};base64,{b64encode(file.getbuffer()).decode()}"


def _sound(decoder: Decoder) -> Iterator[NDArray[np.int16]]:
    """The sound in large pieces, int16 [n]; gaps become silence, so that times stay correct."""
    pieces: list[NDArray[np.int16]] = []
    length = 0
    for piece in chain.from_iterable(map(_samples, decoder.items())):
        pieces.append(piece)
        length += len(piece)
        if length >= _AT_ONCE:
            yield np.concatenate(pieces)
            pieces, length = [], 0
    if pieces:
        yield np.concatenate(pieces)


def _samples(item: AudioFrame | AudioGap) -> Iterator[NDArray[np.int16]]:
    if isinstance(item, AudioFrame):
        yield item.samples
        return
    for start in range(0, item.length, _AT_ONCE):
        yield np.zeros(min(_AT_ONCE, item.length - start), np.int16)
