"""No recogniser: emotions from the voice alone."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from streamer.transcribers.base import RecognitionRequest, Transcript


class Off:
    """Recognises no words."""

    @property
    def name(self) -> str:
        """Always "none"."""
        return "none"

    def transcribe(self, audio: NDArray[np.int16]) -> Transcript:  # noqa: ARG002
        """Return no words."""
        return Transcript("")

    def transcribe_together(self, turns: Sequence[RecognitionRequest]) -> list[Transcript]:
        """Return no words for each."""
        return [Transcript("") for _ in turns]
