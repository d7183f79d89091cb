"""silero-vad (v6) for many listeners in one call, which releases the interpreter lock.

The network's input is 512 samples with the 64 before them, and an LSTM's state. The code that comes with it
is not imported: it cannot hold the states of several listeners, and limits torch's threads.
"""

from collections.abc import Sequence
from functools import cache
from importlib.metadata import distribution
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from streamer.audio.frame import SAMPLE_RATE

if TYPE_CHECKING:
    import onnxruntime

CHUNK_SAMPLES = 512
"""Samples per probability (32 ms at 16 kHz)."""

NETWORK = "silero_vad/data/silero_vad_16k_op15.onnx"
"""File of the package silero-vad."""

_CONTEXT_SAMPLES = 64
_STATE = (2, 128)


class Silero:
    """The network's state for one listener."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Reset the state."""
        self.state = np.zeros(_STATE, np.float32)
        self.context = np.zeros(_CONTEXT_SAMPLES, np.float32)


def hear_together(
    listeners: Sequence[Silero], sounds: Sequence[Sequence[NDArray[np.float32]]]
) -> list[list[float]]:
    """Compute the speech probabilities of each listener's next chunks, float32 [CHUNK_SAMPLES] in -1..1.

    This runs in the caller's thread, batched over the listeners.

    Returns:
        For each listener the speech probability of each of its chunks.
    """
    found: list[list[float]] = [[] for _ in listeners]
    most_first = sorted(range(len(listeners)), key=lambda i: len(sounds[i]), reverse=True)
    hearing = [i for i in most_first if sounds[i]]
    for step in range(len(sounds[hearing[0]]) if hearing else 0):
        hearing = [i for i in hearing if len(sounds[i]) > step]
        heard = np.empty((len(hearing), _CONTEXT_SAMPLES + CHUNK_SAMPLES), np.float32)
        heard[:, :_CONTEXT_SAMPLES] = [listeners[i].context for i in hearing]
        heard[:, _CONTEXT_SAMPLES:] = [sounds[i][step] for i in hearing]
        states = np.stack([listeners[i].state for i in hearing], axis=1)  # [2, listeners, 128]
        given = {"input": heard, "state": states, "sr": np.array(SAMPLE_RATE)}
        probabilities, states = load_network().run(None, given)
        for row, (i, probability) in enumerate(zip(hearing, probabilities[:, 0].tolist(), strict=True)):
            listeners[i].context = heard[row, -_CONTEXT_SAMPLES:]
            listeners[i].state = states[:, row]
            found[i].append(probability)
    return found


@cache
def load_network() -> "onnxruntime.InferenceSession":
    """The network, loaded once; call this before any speech, since loading takes a while."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    path = distribution("silero-vad").locate_file(NETWORK)
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
