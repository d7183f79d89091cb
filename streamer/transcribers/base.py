"""The one small interface behind which recognisers stand."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Transcript:
    """The words of one turn.

    Attributes:
        text: the words, "" where there are none (a laugh, noise).
        language: BCP 47 code of the language, where the recogniser knows it.
    """

    text: str
    language: str | None = None


class Transcriber(Protocol):
    """Turns the sound of one turn into words."""

    @property
    def name(self) -> str:
        """As published in events: "pocketsphinx", "faster-whisper:base.en"."""
        ...

    def transcribe(self, audio: NDArray[np.int16]) -> Transcript:
        """Recognise one turn.

        Blocking: call it from a worker thread, one call at a time.

        Args:
            audio: int16 [n], mono, 16 kHz.

        Returns:
            The words; an empty text where no words are heard.
        """
        ...
