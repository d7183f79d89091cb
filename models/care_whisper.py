"""CARE over Whisper: how the states of the lower encoder blocks lie and vary over an utterance.

The lower blocks still hear how something is said; the upper ones keep what was said. Their mean and deviation
over time take the place of CARE's two encoders (arXiv 2409.05566): nothing of it is trained.
"""

import numpy as np
import torch
from faster_whisper.feature_extractor import FeatureExtractor
from numpy.typing import NDArray
from torch import Tensor, nn

from models.errors import BaseEncoderError, WhisperModelError
from models.whisper.encoder import LONGEST_FRAMES, WhisperEncoder, read_encoder
from models.whisper.packaged_weights import packaged_model

_HOP = 160  # samples a frame
_LEVEL = 0.05  # root mean square that every utterance is brought to; full scale is 1


class WhisperCare(nn.Module):
    """Mean and deviation over time of the states after each of Whisper's lowest encoder blocks; frozen."""

    def __init__(self, encoder: WhisperEncoder) -> None:
        """Build it over an encoder."""
        super().__init__()
        self.encoder = encoder
        self.dimension = 2 * encoder.width * len(encoder.blocks)
        self._features = FeatureExtractor(feature_size=encoder.mels)

    @classmethod
    def of_package(cls, whisper: str, blocks: int) -> "WhisperCare":
        """Build it from a Whisper model that a package carries, pinned by hash.

        Raises:
            BaseEncoderError: it is not installed, or was changed.
        """
        try:
            folder = packaged_model(whisper)
            if folder is None:
                raise BaseEncoderError(
                    f"the speech encoder needs Whisper {whisper}, whose package is not installed"
                )
            return cls(read_encoder(folder, blocks))
        except WhisperModelError as error:
            raise BaseEncoderError(str(error)) from error

    def prepare(self, audio: NDArray[np.int16]) -> Tensor:
        """Whisper's log-mel frames [T, mels] of the utterance, or its first 30 s, at a set level."""
        samples = audio[: LONGEST_FRAMES * _HOP].astype(np.float32) / 32768
        samples = np.pad(samples, (0, max(0, 2 * _HOP - len(samples))))
        level = float(np.sqrt(np.mean(np.square(samples))))
        frames = self._features(samples * (_LEVEL / level if level else 1.0), padding=0)
        return torch.from_numpy(np.ascontiguousarray(frames[:, : len(samples) // _HOP].T, np.float32))

    def forward(self, batch: Tensor, lengths: Tensor) -> Tensor:
        """Embed utterances: prepared frames [B, T, mels] and their numbers [B] -> [B, dimension]."""
        states, heard = self.encoder(batch, lengths)
        weight = (heard / heard.sum(1, keepdim=True))[..., None]  # [B, T', 1]
        parts = []
        for each in states:
            mean = (each * weight).sum(1)
            variance = ((each - mean[:, None]).square() * weight).sum(1)
            parts += [mean, (variance + 1e-6).sqrt()]
        return torch.cat(parts, -1)
