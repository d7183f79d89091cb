"""How fast a recogniser is on this machine."""

import wave
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

import numpy as np

from streamer.audio.frame import SAMPLE_RATE
from streamer.transcribers.base import Transcriber

SAMPLE = Path(__file__).with_name("sample.wav")
"""The second turn of samples/conversation.flac."""


def real_time_factor(recogniser: Transcriber, clock: Callable[[], float] = perf_counter) -> float:
    """Time that a second of speech takes, in seconds; what only the first turn takes is left out.

    Args:
        recogniser: what is measured.
        clock: seconds that pass, or those that the processor works.

    Raises:
        RunError: the recogniser failed.
    """
    with wave.open(str(SAMPLE)) as file:
        speech = np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.int16)
    recogniser.transcribe(speech)
    began = clock()
    recogniser.transcribe(speech)
    return (clock() - began) / (len(speech) / SAMPLE_RATE)
