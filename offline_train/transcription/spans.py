"""Finds speech in long recordings (silero-vad, as included in faster-whisper)."""

import numpy as np
from numpy.typing import NDArray

from models.sample_rate import SAMPLE_RATE

WINDOW_S = 30
"""Length of Whisper's input window in seconds (Radford et al. 2022, section 2.1)."""

PAUSE_MS = 500
"""Silence that ends a span, in milliseconds."""

_PAD_MS = 200


def speech_spans(audio: NDArray[np.int16]) -> list[tuple[int, int]]:
    """Cut a recording at its pauses into spans that fit into Whisper's window.

    Args:
        audio: int16 samples [n] at 16 kHz.

    Returns:
        First sample and end of each span, in order; empty without speech. No span is longer than `WINDOW_S`:
        longer speech without a pause is cut anywhere.
    """
    from faster_whisper.vad import VadOptions, get_speech_timestamps

    options = VadOptions(
        max_speech_duration_s=WINDOW_S, min_silence_duration_ms=PAUSE_MS, speech_pad_ms=_PAD_MS
    )
    found = get_speech_timestamps(audio.astype(np.float32) / 32768, options)
    return [piece for span in found for piece in grid(span["start"], span["end"])]


def grid(start: int, end: int) -> list[tuple[int, int]]:
    """Cut samples `start` to `end` into windows, regardless of the content."""
    step = WINDOW_S * SAMPLE_RATE
    return [(at, min(end, at + step)) for at in range(start, end, step)]
