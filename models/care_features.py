"""Stage I of the speech modality over precomputed features, for corpora without sound."""

import torch
from torch import Tensor, nn

from models.care import SpeechClassifier, SpeechConfig


class FeatureEncoder(nn.Module):
    """Features of an utterance -> S1 and logits; standardised by the statistics of the training split."""

    def __init__(self, dimension: int, config: SpeechConfig) -> None:
        """Build it over features [F], F = `dimension`."""
        super().__init__()
        self.register_buffer("mean", torch.zeros(dimension))
        self.register_buffer("scale", torch.ones(dimension))
        self.speech = SpeechClassifier(dimension, config)

    def measure(self, features: Tensor) -> None:
        """Set mean and scale from training features [N, F]; a constant feature gets scale 0."""
        features = torch.where(features.isfinite(), features, torch.nan).double()
        mean = features.nanmean(0).nan_to_num()
        deviation = (features - mean).square().nanmean(0).sqrt().nan_to_num().float()
        self.mean = mean.float()
        self.scale = torch.where(deviation > 1e-6 * self.mean.abs().clamp_min(1e-6), 1 / deviation, 0.0)

    def standardise(self, features: Tensor) -> Tensor:
        """Features [B, F] in standard deviations from the training mean, clipped to 10; NaN becomes 0."""
        return ((features - self.mean) * self.scale).nan_to_num(0.0, 10.0, -10.0).clamp(-10, 10)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Features [B, F] -> S1 [B, width] and logits [B, classes]."""
        return self.speech(self.standardise(features))  # type: ignore[no-any-return]
