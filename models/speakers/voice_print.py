"""Voice prints: CAM++ (Wang et al. 2023, arXiv 2303.00332), 80 mel bands -> 192 numbers.

A small residual network over bands and time, then densely connected time-delay layers whose output is
weighted by what the whole stretch and its 100 frames sound like (context-aware masking), then mean and
deviation over time.
"""

import re
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool1d, normalize, relu

from models.speakers.packaged_weights import VOICE_PRINT_WEIGHTS, speaker_weights

PRINT_SIZE = 192
"""Numbers in a voice print."""

_BANDS = 80
_CHANNELS = 32
_GROWTH = 32
_BOTTLENECK = 128
_BLOCKS = ((12, 1), (24, 2), (16, 2))
"""Layers and dilation of each dense block."""

_CONTEXT_FRAMES = 100
"""Frames of a segment whose mean is a layer's local context."""


class ResidualBlock(nn.Module):
    """Two convolutions over bands and time; the stride is over the bands."""

    def __init__(self, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(_CHANNELS, _CHANNELS, 3, stride=(stride, 1), padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(_CHANNELS)
        self.conv2 = nn.Conv2d(_CHANNELS, _CHANNELS, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(_CHANNELS)
        self.shortcut = nn.Sequential()
        if stride > 1:
            self.shortcut.append(nn.Conv2d(_CHANNELS, _CHANNELS, 1, stride=(stride, 1), bias=False))
            self.shortcut.append(nn.BatchNorm2d(_CHANNELS))

    def forward(self, states: Tensor) -> Tensor:
        """[B, C, bands, T] -> [B, C, bands / stride, T]."""
        inner = relu(self.bn1(self.conv1(states)))
        return relu(self.bn2(self.conv2(inner)) + self.shortcut(states))


class BandNetwork(nn.Module):
    """Convolutions that take 80 bands to 10 times 32 channels."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, _CHANNELS, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(_CHANNELS)
        self.layer1 = nn.Sequential(ResidualBlock(2), ResidualBlock(1))
        self.layer2 = nn.Sequential(ResidualBlock(2), ResidualBlock(1))
        self.conv2 = nn.Conv2d(_CHANNELS, _CHANNELS, 3, stride=(2, 1), padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(_CHANNELS)

    def forward(self, bands: Tensor) -> Tensor:
        """[B, 80, T] -> [B, 320, T]."""
        states = relu(self.bn1(self.conv1(bands[:, None])))
        states = relu(self.bn2(self.conv2(self.layer2(self.layer1(states)))))
        return states.flatten(1, 2)


class ContextMask(nn.Module):
    """A convolution over time, weighted channel by channel by its context."""

    def __init__(self, dilation: int) -> None:
        super().__init__()
        self.linear_local = nn.Conv1d(
            _BOTTLENECK, _GROWTH, 3, padding=dilation, dilation=dilation, bias=False
        )
        self.linear1 = nn.Conv1d(_BOTTLENECK, _BOTTLENECK // 2, 1)
        self.linear2 = nn.Conv1d(_BOTTLENECK // 2, _GROWTH, 1)

    def forward(self, states: Tensor) -> Tensor:
        """[B, 128, T] -> [B, 32, T]."""
        frames = states.shape[-1]
        segments = avg_pool1d(states, _CONTEXT_FRAMES, _CONTEXT_FRAMES, ceil_mode=True)  # [B, 128, T / 100]
        context = states.mean(-1, keepdim=True) + segments
        # The same for all frames of a segment, so computed once for each.
        weights = self.linear2(relu(self.linear1(context))).sigmoid()
        masked: Tensor = (
            self.linear_local(states) * weights.repeat_interleave(_CONTEXT_FRAMES, -1)[..., :frames]
        )
        return masked


class DenseLayer(nn.Module):
    """A layer of a dense block; its 32 channels are put behind those it was given."""

    def __init__(self, channels: int, dilation: int) -> None:
        super().__init__()
        self.norm1 = nn.BatchNorm1d(channels)
        self.linear1 = nn.Conv1d(channels, _BOTTLENECK, 1, bias=False)
        self.norm2 = nn.BatchNorm1d(_BOTTLENECK)
        self.cam_layer = ContextMask(dilation)

    def forward(self, states: Tensor) -> Tensor:
        """[B, C, T] -> [B, C + 32, T]."""
        inner = self.linear1(relu(self.norm1(states)))
        return torch.cat([states, self.cam_layer(relu(self.norm2(inner)))], dim=1)


class Transition(nn.Module):
    """Halves the channels between dense blocks."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(channels)
        self.linear = nn.Conv1d(channels, channels // 2, 1, bias=False)

    def forward(self, states: Tensor) -> Tensor:
        """[B, C, T] -> [B, C / 2, T]."""
        halved: Tensor = self.linear(relu(self.norm(states)))
        return halved


class VoicePrintNetwork(nn.Module):
    """CAM++."""

    def __init__(self) -> None:
        super().__init__()
        self.head = BandNetwork()
        channels = _BOTTLENECK
        self.entry = nn.Conv1d(_CHANNELS * _BANDS // 8, channels, 5, stride=2, padding=2, bias=False)
        self.entry_norm = nn.BatchNorm1d(channels)
        self.blocks = nn.ModuleList()
        self.transitions = nn.ModuleList()
        for layers, dilation in _BLOCKS:
            self.blocks.append(
                nn.Sequential(*(DenseLayer(channels + _GROWTH * layer, dilation) for layer in range(layers)))
            )
            channels += _GROWTH * layers
            self.transitions.append(Transition(channels))
            channels //= 2
        self.exit_norm = nn.BatchNorm1d(channels)
        self.dense = nn.Conv1d(2 * channels, PRINT_SIZE, 1, bias=False)
        self.dense_norm = nn.BatchNorm1d(PRINT_SIZE, affine=False)

    def forward(self, features: Tensor) -> Tensor:
        """Voice prints of length 1.

        Args:
            features: of `models.speakers.filterbank`, less each band's mean over time [B, T, 80]; at least
                4 frames.

        Returns:
            [B, 192]; the inner product of two is their similarity, in -1..1.
        """
        states = self.head(features.transpose(1, 2))
        states = relu(self.entry_norm(self.entry(states)))  # [B, 128, T / 2]
        for block, transition in zip(self.blocks, self.transitions, strict=True):
            states = transition(block(states))
        states = relu(self.exit_norm(states))
        pooled = torch.cat([states.mean(-1), states.std(-1)], dim=1)[..., None]
        return normalize(self.dense_norm(self.dense(pooled)).squeeze(-1), dim=-1)


def load_voice_print() -> VoicePrintNetwork:
    """The network with the packaged weights, in evaluation mode.

    Raises:
        PackagedFilesError: they are not installed or not the pinned ones.
    """
    return voice_print_from(speaker_weights(VOICE_PRINT_WEIGHTS))


def voice_print_from(file: Path) -> VoicePrintNetwork:
    """The network with the weights of a state dict of 3D-Speaker's, in evaluation mode."""
    weights: dict[str, Tensor] = torch.load(file, map_location="cpu", weights_only=True)
    network = VoicePrintNetwork()
    network.load_state_dict({_our_name(name): weight for name, weight in weights.items()})
    return network.eval().requires_grad_(requires_grad=False)


def _our_name(name: str) -> str:
    name = name.removeprefix("xvector.")
    for theirs, ours in (
        (r"^tdnn\.linear\.", "entry."),
        (r"^tdnn\.nonlinear\.batchnorm\.", "entry_norm."),
        (r"^out_nonlinear\.batchnorm\.", "exit_norm."),
        (r"^dense\.nonlinear\.batchnorm\.", "dense_norm."),
        (r"^dense\.linear\.", "dense."),
        (r"\.nonlinear(\d?)\.batchnorm\.", r".norm\1."),
    ):
        name = re.sub(theirs, ours, name)
    name = re.sub(
        r"^block(\d+)\.tdnnd(\d+)\.",
        lambda found: f"blocks.{int(found[1]) - 1}.{int(found[2]) - 1}.",
        name,
    )
    return re.sub(r"^transit(\d+)\.", lambda found: f"transitions.{int(found[1]) - 1}.", name)
