"""Diarization of a whole recording by the streaming parts, as if it were live."""

import numpy as np
from numpy.typing import NDArray

from streamer.speakers.segment import Diarization


def diarize(audio: NDArray[np.int16], speakers: int | None = None) -> Diarization:
    """Tell who speaks when in a recording, window by window, without looking ahead of the newest window.

    Args:
        audio: int16 [n] at 16 kHz.
        speakers: how many speak at most; None for as many as are found.

    Raises:
        PackagedFilesError: the packaged weights are not installed or not the pinned ones.
    """
    raise NotImplementedError
