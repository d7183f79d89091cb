"""T1 of words and S1 of voices, many utterances at a time."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from models.bundle import Bundle
from models.care import Care, SpeechClassifier, pad
from models.text import TextEncoder, Tokens
from models.traced import traced


@dataclass(frozen=True, slots=True)
class Words:
    """To be embedded.

    Attributes:
        text: what was said, not empty.
        preceding: the words of the stream's turns before it, oldest first, for text encoders that read them.
    """

    text: str
    preceding: Sequence[str] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Voice:
    """To be embedded.

    Attributes:
        audio: int16 [n] at 16 kHz.
        prepared: the same as `Care.prepare` returns it, where that was done before.
    """

    audio: NDArray[np.int16]
    prepared: Tensor | None = None


class Embedder:
    """Stage I of a bundle, each modality a single call (see `models.traced`).

    Args:
        bundle: whose.
    """

    def __init__(self, bundle: Bundle) -> None:
        self._text, self._care = bundle.text, bundle.care
        few, many = (bundle.text.tokenize(texts) for texts in (["hello"], ["oh", "how are you", "no"]))
        self._embed_words = traced(_Reader(bundle.text), many, few)
        if bundle.care is not None and bundle.speech is not None:
            tones = (np.arange(samples) * 611 % 9_999 for samples in (8_000, 16_000, 12_000))
            voices = [bundle.care.prepare(tone.astype(np.int16)) for tone in tones]
            self._embed_voices = traced(_Hearer(bundle.care, bundle.speech), pad(voices), pad(voices[:1]))

    @torch.inference_mode()
    def __call__(self, jobs: Sequence[Words | Voice]) -> list[Tensor]:
        """T1 [text features] or S1 [speech features] of each, as it is words or a voice."""
        words = [job for job in jobs if isinstance(job, Words)]
        voices = [job for job in jobs if isinstance(job, Voice)]
        texts = iter(self._words(words) if words else ())
        sounds = iter(self._voices(voices) if voices else ())
        return [next(texts) if isinstance(job, Words) else next(sounds) for job in jobs]

    def _words(self, words: Sequence[Words]) -> Tensor:
        tokens = self._text.tokenize([each.text for each in words], [each.preceding for each in words])
        embeddings: Tensor = self._embed_words(*tokens)
        return embeddings

    def _voices(self, voices: Sequence[Voice]) -> Tensor:
        assert self._care is not None, "a bundle that judges by the words alone embeds no voices"
        inputs = [self._care.prepare(v.audio) if v.prepared is None else v.prepared for v in voices]
        embeddings: Tensor = self._embed_voices(*pad(inputs))
        return embeddings


class _Reader(nn.Module):
    """The text encoder, without its head."""

    def __init__(self, text: TextEncoder) -> None:
        super().__init__()
        self.text = text

    def forward(self, ids: Tensor, mask: Tensor, own: Tensor) -> Tensor:
        embeddings: Tensor = self.text(Tokens(ids, mask, own))[0]
        return embeddings


class _Hearer(nn.Module):
    """CARE and the network over it, without its head."""

    def __init__(self, care: Care, speech: SpeechClassifier) -> None:
        super().__init__()
        self.care, self.speech = cast(nn.Module, care), speech

    def forward(self, batch: Tensor, lengths: Tensor) -> Tensor:
        embeddings: Tensor = self.speech(self.care(batch, lengths))[0]
        return embeddings
