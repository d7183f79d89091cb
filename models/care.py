"""CARE, which embeds the sound of an utterance (arXiv 2409.05566), and Stage I of the speech modality."""

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
    """Kind and shape of a CARE network. Fields of the other kind are ignored.

    Attributes:
        kind: "small" works on log-mel features; "wavlm" is the published network, on WavLM and RoBERTa.
        bins: small: mel bands.
        width: small: width of both encoders; the embedding is four times as wide.
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
    """The interface of all CARE networks, which are also `nn.Module`s.

    Attributes:
        dimension: size D of the embedding.
        width: width of both encoders' states.
        hop: rows of `prepare`'s result per frame of the acoustic encoder, 20 ms.
    """

    dimension: int
    width: int
    hop: int

    def prepare(self, audio: NDArray[np.int16]) -> Tensor:
        """Input [T, ...] for one utterance of any level and length, int16 samples [n] at 16 kHz."""
        ...

    def listen(self) -> SmallCareListening | None:
        """Prepares an utterance while it is being spoken; None if that is impossible for this network."""
        ...

    def __call__(self, batch: Tensor, lengths: Tensor) -> Tensor:
        """Embeddings [B, D] of prepared inputs, padded to one length [B, T, ...], with their lengths [B]."""
        ...

    def branches(self, batch: Tensor, lengths: Tensor) -> Branches:
        """States of the acoustic and the semantic encoder for such inputs."""
        ...


def build_care(config: CareConfig) -> "SmallCare | WavLMCare":
    """Build a CARE network: the small one with random weights, the other with those of its base models.

    Raises:
        models.base_encoder.BaseEncoderError: a base model of the "wavlm" kind is not available.
    """
    if config.kind == "small":
        return SmallCare(config.bins, config.width, config.acoustic_blocks, config.semantic_blocks)
    from models.care_wavlm import WavLMCare  # imports for two seconds, not needed by the small kind

    return WavLMCare.from_bases(find_base(config.speech_base), find_base(config.text_base))


def pad(inputs: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Inputs [T_i, ...] of several utterances -> one batch [B, max T, ...], zero-padded, and lengths [B]."""
    batch = nn.utils.rnn.pad_sequence(list(inputs), batch_first=True)
    return batch, torch.tensor([len(item) for item in inputs])


@dataclass(frozen=True)
class SpeechConfig:
    """Shape of the Stage I network over CARE embeddings.

    Attributes:
        width: size of S1.
        classes: number of emotions.
        dropout: dropout rate before each layer.
        hidden: size of an additional layer before S1; 0 for none.
    """

    width: Size = 128
    classes: Size = 7
    dropout: Share = 0.3
    hidden: int = 0


class SpeechClassifier(nn.Module):
    """Stage I of the speech modality: CARE embedding -> S1, and logits from S1."""

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
