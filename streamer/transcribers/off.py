"""No recogniser: emotions from the voice alone."""

import numpy as np
from numpy.typing import NDArray

from streamer.transcribers.base import Transcript


class Off:
    """Recognises no words."""

    @property
    def name(self) -> str:
        """Always "none"."""
        return "none"

    def transcribe(self, audio: NDArray[np.int16]) -> Transcript:  # noqa: ARG002
        """Return no words."""
        return Transcript("")

    interim = transcribe
