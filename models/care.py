"""CARE: the sound of an utterance -> an embedding (arXiv 2409.05566), and Stage I of the speech modality."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from models.base_encoder import find_base
from models.care_small import Branches, SmallCare, SmallCareListening
from models.config_limits import Depth, Share, Size

if TYPE_CHECKING:
    from models.care_wavlm import WavLMCare


@dataclass(frozen=True)
class CareConfig:
    """Which CARE. Fields of the other kind are ignored.

    Attributes:
        kind: "small" is our own over log-mel features; "wavlm" is the published one, on WavLM and RoBERTa.
        bins: small: mel bands.
        width: small: of both encoders; the embedding is four times as wide.
        acoustic_blocks: small: depth of the acoustic encoder, at 20 ms a frame.
        semantic_blocks: small: depth of the semantic encoder, at 60 ms a frame.
        speech_base: wavlm: folder or hub name of the speech model, its weights as safetensors.
        text_base: wavlm: folder or hub name of the text model.
    """

    kind: Literal["small", "wavlm"] = "small"
    bins: Size = 80
    width: Size = 128
    acoustic_blocks: Depth = 3
    semantic_blocks: Depth = 3
    speech_base: str = "microsoft/wavlm-base"
    text_base: str = "roberta-base"


class Care(Protocol):
    """What every CARE offers besides being an `nn.Module`.

    Attributes:
        dimension: size D of the embedding.
        width: of both encoders' states.
        hop: how much of what `prepare` returns makes a frame of the acoustic encoder, 20 ms.
    """

    dimension: int
    width: int
    hop: int

    def prepare(self, audio: NDArray[np.int16]) -> Tensor:
        """One utterance's input [T, ...] from int16 samples [n] at 16 kHz, whatever its level or length."""
        ...

    def listen(self) -> SmallCareListening | None:
        """For preparing an utterance while it is being spoken; None where nothing of it can be prepared."""
        ...

    def __call__(self, batch: Tensor, lengths: Tensor) -> Tensor:
        """Embeddings [B, D] of inputs padded to one length, [B, T, ...], and their true lengths [B]."""
        ...

    def branches(self, batch: Tensor, lengths: Tensor) -> Branches:
        """What the acoustic and the semantic encoder make of the same."""
        ...


def build_care(config: CareConfig) -> "SmallCare | WavLMCare":
    """Build a CARE: the small one with random weights, the other with those of its bases.

    Raises:
        models.base_encoder.BaseEncoderError: a base of the "wavlm" kind is not to be had.
    """
    if config.kind == "small":
        return SmallCare(config.bins, config.width, config.acoustic_blocks, config.semantic_blocks)
    from models.care_wavlm import WavLMCare  # two seconds of imports, which the small kind does without

    return WavLMCare.from_bases(find_base(config.speech_base), find_base(config.text_base))


def pad(inputs: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Inputs [T_i, ...] of several utterances -> one batch [B, max T, ...], zero-padded, and lengths [B]."""
    batch = nn.utils.rnn.pad_sequence(list(inputs), batch_first=True)
    return batch, torch.tensor([len(item) for item in inputs])


@dataclass(frozen=True)
class SpeechConfig:
    """The Stage I network over CARE embeddings.

    Attributes:
        width: size of S1.
        classes: how many emotions.
        dropout: before each of its layers.
        hidden: size of a layer before S1; 0 for none.
    """

    width: Size = 128
    classes: Size = 7
    dropout: Share = 0.3
    hidden: int = 0


class SpeechClassifier(nn.Module):
    """Stage I of the speech modality: CARE embedding -> S1 and the logits read off it."""

    def __init__(self, dimension: int, config: SpeechConfig) -> None:
        """Build it over CARE embeddings of size `dimension`."""
        super().__init__()
        self.first = nn.Linear(dimension, config.hidden) if config.hidden else None
        self.hidden = nn.Linear(config.hidden or dimension, config.width)
        self.head = nn.Linear(config.width, config.classes)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, embedding: Tensor) -> tuple[Tensor, Tensor]:
        """CARE embeddings [B, D] -> S1 [B, width] and logits [B, classes]."""
        if self.first is not None:
            embedding = functional.relu(self.first(self.dropout(embedding)))
        state = functional.relu(self.hidden(self.dropout(embedding)))
        return state, self.head(self.dropout(state))
