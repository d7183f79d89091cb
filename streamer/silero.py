"""silero-vad (v6), over several chunks in one call: other threads have the interpreter meanwhile.

Its sequence form takes 512 samples a step, behind the 64 before them, and carries an LSTM's state. The code
that comes with it is not imported: it can't carry the state from call to call, and limits torch's threads.
"""

from collections.abc import Sequence
from functools import cache
from importlib.metadata import distribution

import numpy as np
import onnxruntime
from numpy.typing import NDArray

CHUNK_SAMPLES = 512
"""Samples it judges at a time (32 ms at 16 kHz)."""

_CONTEXT_SAMPLES = 64
_STATE = (1, 1, 128)


class Silero:
    """One listener: it remembers what it heard. All share one network, which runs in the caller's thread."""

    def __init__(self) -> None:
        self._network = _network()
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        self._hidden = self._cell = np.zeros(_STATE, np.float32)
        self._context = np.zeros(_CONTEXT_SAMPLES, np.float32)

    def hear(self, chunks: Sequence[NDArray[np.float32]]) -> list[float]:
        """Hear the next chunks.

        Args:
            chunks: one or more, float32 [CHUNK_SAMPLES] each, in -1..1.

        Returns:
            How likely each holds speech.
        """
        steps = np.empty((len(chunks), _CONTEXT_SAMPLES + CHUNK_SAMPLES), np.float32)
        steps[:, _CONTEXT_SAMPLES:] = chunks
        steps[0, :_CONTEXT_SAMPLES] = self._context
        steps[1:, :_CONTEXT_SAMPLES] = steps[:-1, -_CONTEXT_SAMPLES:]
        self._context = steps[-1, -_CONTEXT_SAMPLES:]
        heard = {"input": steps, "h": self._hidden, "c": self._cell}
        probabilities, self._hidden, self._cell = self._network.run(None, heard)
        found: list[float] = probabilities.tolist()
        return found


@cache
def _network() -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    path = distribution("silero-vad").locate_file("silero_vad/data/silero_vad_16k_sequence.onnx")
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
