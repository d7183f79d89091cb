"""CARE, which embeds the sound of an utterance (arXiv 2409.05566)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor, nn

from models.base_encoder import find_base

if TYPE_CHECKING:
    from models.care_wavlm import WavLMCare
    from models.care_whisper import WhisperCare


@dataclass(frozen=True)
class CareConfig:
    """Kind and shape of a CARE network. Fields of the other kind are ignored.

    Attributes:
        kind: "whisper" is frozen, over the lower blocks of Whisper's encoder; "wavlm" is the published
            network, on WavLM and RoBERTa.
        whisper: whisper: size of a model that a package carries (see `models.whisper.packaged_weights`).
        blocks: whisper: how many of the encoder's blocks, from the lowest.
        speech_base: wavlm: folder or hub name of the speech model, its weights as safetensors.
        text_base: wavlm: folder or hub name of the text model.
    """

    kind: Literal["whisper", "wavlm"] = "whisper"
    whisper: str = "tiny.en"
    blocks: Annotated[int, Field(ge=1, le=32)] = 2
    speech_base: str = "microsoft/wavlm-base"
    text_base: str = "roberta-base"


class Care(Protocol):
    """The interface of all CARE networks, which are also `nn.Module`s.

    Attributes:
        dimension: size D of the embedding.
    """

    dimension: int

    def prepare(self, audio: NDArray[np.int16]) -> Tensor:
        """Input [T, ...] for one utterance of any level and length, int16 samples [n] at 16 kHz."""
        ...

    def __call__(self, batch: Tensor, lengths: Tensor) -> Tensor:
        """Embeddings [B, D] of prepared inputs, padded to one length [B, T, ...], with their lengths [B]."""
        ...


def build_care(config: CareConfig) -> "WhisperCare | WavLMCare":
    """Build a CARE network with the weights of its base models.

    Raises:
        models.errors.BaseEncoderError: a base model is not available.
    """
    if config.kind == "whisper":
        from models.care_whisper import WhisperCare  # brings the recogniser's packages with it

        return WhisperCare.of_package(config.whisper, config.blocks)
    from models.care_wavlm import WavLMCare  # imports for two seconds

    return WavLMCare.from_bases(find_base(config.speech_base), find_base(config.text_base))


def pad(inputs: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Inputs [T_i, ...] of several utterances -> one batch [B, max T, ...], zero-padded, and lengths [B]."""
    batch = nn.utils.rnn.pad_sequence(list(inputs), batch_first=True)
    return batch, torch.tensor([len(item) for item in inputs])
