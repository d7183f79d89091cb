"""Embeds many utterances at a time: T1 of words, CARE embeddings of voices."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from models.care import Care, pad
from models.single_call_networks import SingleCall
from models.text_encoder import TextEncoder, Tokens


@dataclass(frozen=True, slots=True)
class Words:
    """To be embedded.

    Attributes:
        text: the words of a turn, not empty.
        preceding: texts of the stream's turns before it, oldest first, for text encoders that use them.
    """

    text: str
    preceding: Sequence[str] = ()


class WordsEmbedder:
    """Stage I of the text modality.

    Attributes:
        network: the encoder without its head.
    """

    def __init__(self, text: TextEncoder) -> None:
        self._text = text
        examples = ["oh", "how are you", "no"], ["hello"]
        self.network = SingleCall(_Reader(text), lambda: [text.tokenize(texts) for texts in examples])

    @torch.inference_mode()
    def __call__(self, jobs: Sequence[Words]) -> list[Tensor]:
        """T1 [text features] of each."""
        tokens = self._text.tokenize([each.text for each in jobs], [each.preceding for each in jobs])
        return list(self.network(*tokens))


class VoicesEmbedder:
    """CARE. Stage I of the speech modality depends on the conversation (see `models.incremental_voice`).

    Attributes:
        network: the frozen network.
    """

    def __init__(self, care: Care) -> None:
        self._care = care
        self.network = SingleCall(cast(nn.Module, care), self._examples)

    @torch.inference_mode()
    def __call__(self, jobs: Sequence[NDArray[np.int16]]) -> list[Tensor]:
        """Embeddings [D] of sounds, int16 [n] each, at 16 kHz."""
        return list(self.network(*pad([self._care.prepare(audio) for audio in jobs])))

    def _examples(self) -> list[tuple[Tensor, Tensor]]:
        tones = (np.arange(samples) * 611 % 9_999 for samples in (8_000, 16_000, 12_000))
        voices = [self._care.prepare(tone.astype(np.int16)) for tone in tones]
        return [pad(voices), pad(voices[:1])]


class _Reader(nn.Module):
    """The text encoder, without its head."""

    def __init__(self, text: TextEncoder) -> None:
        super().__init__()
        self.text = text

    def forward(self, ids: Tensor, mask: Tensor, own: Tensor) -> Tensor:
        embeddings: Tensor = self.text(Tokens(ids, mask, own))[0]
        return embeddings
