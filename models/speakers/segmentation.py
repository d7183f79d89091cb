"""Who speaks in a window of sound, up to three at once told apart: pyannote's segmentation-3.0.

SincNet (Ravanelli & Bengio 2018, arXiv 1808.00158) in the form of Bredin & Laurent 2021 (arXiv 2104.04045), a
bidirectional LSTM, and the powerset output of Plaquet & Bredin 2023 (arXiv 2310.13025).
"""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu, max_pool1d

from models.sample_rate import SAMPLE_RATE
from models.speakers.packaged_weights import SEGMENTATION_WEIGHTS, speaker_weights

WINDOW_SAMPLES = 10 * SAMPLE_RATE
"""Length of the windows that the network was trained on."""

FRAME_SAMPLES = 270
"""From one frame of the scores to the next (16.875 ms)."""

FRAME_SPAN = 991
"""Samples that one frame of the scores depends on, before the LSTM."""

LOCAL_SPEAKERS = 3
"""Speakers that are told apart in a window."""

_SPEAKER_SETS = ((), (0,), (1,), (2,), (0, 1), (0, 2), (1, 2))
"""Speakers of each class of the powerset."""

_STRIDE, _POOL = 10, 3
_TAPS, _FILTERS = 251, 80
_MIN_LOW_HZ = _MIN_BAND_HZ = 50.0


def frames_in(samples: int) -> int:
    """Number of frames of the scores of so many samples."""
    return max(0, (samples - FRAME_SPAN) // FRAME_SAMPLES + 1)


class SincFilters(nn.Module):
    """Band-pass filters that their band edges define: half of them even (cosine), half odd (sine).

    The filters are computed once, when the weights are loaded.
    """

    filters: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("filters", torch.zeros(_FILTERS, 1, _TAPS))

    @torch.no_grad()
    def set_bands(self, low_hz: Tensor, band_hz: Tensor, window: Tensor) -> None:
        """Compute the filters of learnt band edges [F / 2, 1] and widths [F / 2, 1].

        Args:
            low_hz: lower edges, above the lowest one there may be.
            band_hz: widths, beyond the smallest one there may be.
            window: rising half of the window, without its middle [125].
        """
        low = (low_hz.abs() + _MIN_LOW_HZ).double()
        high = (low + _MIN_BAND_HZ + band_hz.abs()).clamp(_MIN_LOW_HZ, SAMPLE_RATE / 2)
        half = _TAPS // 2
        steps = torch.arange(-half, 0, dtype=torch.float64)
        time = 2 * torch.pi / SAMPLE_RATE * steps  # [half]
        scale = window.double() / time / (high - low)
        even = ((high * time).sin() - (low * time).sin()) * scale  # [F / 2, half]
        odd = ((low * time).cos() - (high * time).cos()) * scale
        middle = torch.ones_like(low)
        self.filters.copy_(
            torch.cat(
                [
                    torch.cat([even, middle, even.flip(1)], dim=1),
                    torch.cat([odd, torch.zeros_like(middle), -odd.flip(1)], dim=1),
                ]
            )[:, None]
        )

    def forward(self, sound: Tensor) -> Tensor:
        """Filter sound [B, 1, n] -> [B, F, (n - 251) // 10 + 1]."""
        return torch.conv1d(sound, self.filters, stride=_STRIDE)


class SegmentationNetwork(nn.Module):
    """SincNet, LSTM and linear layers over a window, with a class for each set of at most two speakers."""

    def __init__(self, width: int = 128, layers: int = 4) -> None:
        """Make the network, with random weights.

        Args:
            width: of each direction of the LSTM, and of the linear layers.
            layers: of the LSTM.
        """
        super().__init__()
        self.sound_norm = nn.InstanceNorm1d(1, affine=True)
        self.sinc = SincFilters()
        self.convolutions = nn.ModuleList([nn.Conv1d(_FILTERS, 60, 5), nn.Conv1d(60, 60, 5)])
        self.norms = nn.ModuleList([nn.InstanceNorm1d(size, affine=True) for size in (_FILTERS, 60, 60)])
        self.lstm = nn.LSTM(60, width, layers, batch_first=True, bidirectional=True)
        self.linear = nn.ModuleList([nn.Linear(2 * width, width), nn.Linear(width, width)])
        self.classifier = nn.Linear(width, len(_SPEAKER_SETS))

    def forward(self, sound: Tensor) -> Tensor:
        """Log probability of each set of speakers.

        Args:
            sound: [B, n], full scale is 1.

        Returns:
            [B, `frames_in(n)`, 7].
        """
        states = self.sinc(self.sound_norm(sound[:, None])).abs()  # [B, 80, T]
        states = leaky_relu(self.norms[0](max_pool1d(states, _POOL)))
        for convolution, norm in zip(self.convolutions, self.norms[1:], strict=True):
            states = leaky_relu(norm(max_pool1d(convolution(states), _POOL)))
        states, _ = self.lstm(states.transpose(1, 2))  # [B, frames, 2 width]
        for linear in self.linear:
            states = leaky_relu(linear(states))
        logits: Tensor = self.classifier(states)
        return logits.log_softmax(-1)


def speaker_scores(log_probabilities: Tensor) -> Tensor:
    """Probability that each local speaker speaks: the sum over the sets that it is in.

    Args:
        log_probabilities: of the sets of speakers [..., 7].

    Returns:
        [..., 3], in 0..1.
    """
    members = torch.tensor(
        [[float(speaker in each) for speaker in range(LOCAL_SPEAKERS)] for each in _SPEAKER_SETS]
    )
    return log_probabilities.exp() @ members


def load_segmentation() -> SegmentationNetwork:
    """The network with the packaged weights, in evaluation mode.

    Raises:
        PackagedFilesError: they are not installed or not the pinned ones.
    """
    return segmentation_from(speaker_weights(SEGMENTATION_WEIGHTS))


def segmentation_from(file: Path) -> SegmentationNetwork:
    """The network with the weights of a checkpoint of pyannote's, in evaluation mode."""
    checkpoint: dict[str, Any] = torch.load(file, map_location="cpu", weights_only=True)
    weights: dict[str, Tensor] = dict(checkpoint["state_dict"])
    network = SegmentationNetwork(
        width=checkpoint["model"]["lstm"]["hidden_size"], layers=checkpoint["model"]["lstm"]["num_layers"]
    )
    bands = "sincnet.conv1d.0.filterbank."
    network.sinc.set_bands(*(weights.pop(f"{bands}{name}") for name in ("low_hz_", "band_hz_", "window_")))
    del weights[f"{bands}n_"]  # times of the taps
    weights["sinc.filters"] = network.sinc.filters
    network.load_state_dict({_our_name(name): weight for name, weight in weights.items()})
    return network.eval().requires_grad_(requires_grad=False)


def _our_name(name: str) -> str:
    for theirs, ours in (
        ("sincnet.wav_norm1d.", "sound_norm."),
        ("sincnet.norm1d.", "norms."),
        ("sincnet.conv1d.1.", "convolutions.0."),
        ("sincnet.conv1d.2.", "convolutions.1."),
    ):
        if name.startswith(theirs):
            return ours + name.removeprefix(theirs)
    return name
