"""A small network after CARE (arXiv 2409.05566): its two encoders over log-mel features."""

from collections.abc import Callable
from functools import cached_property
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from models.log_mel import FRAME_LENGTH_MS, SAMPLE_RATE, LogMelStream, log_mel, whole_frames
from models.single_call_networks import SingleCall

_CHANNELS = (12, 24, 40)  # output channels of the front's convolutions, each of which halves the frequencies
_SUBSAMPLING = 2  # of the front: 10 ms frames -> 20 ms frames
_SEMANTIC_STRIDE = 3  # of the semantic encoder: 20 ms frames -> 60 ms frames
_QUIET = 1.0  # log power of a band, below one step of int16: the noise floor
_SHORTEST = int(FRAME_LENGTH_MS * SAMPLE_RATE / 1000)  # samples in one frame
_RANGE = 9.0  # nepers of power (39 dB) below the mean, the lowest value kept


class Branches(NamedTuple):
    """States of the two encoders of a CARE network for a batch.

    Attributes:
        acoustic: states at 20 ms a frame [B, T, width].
        acoustic_mask: 1 for frames, 0 for padding [B, T, 1].
        semantic: states at the semantic encoder's frame rate [B, T', width].
        semantic_mask: 1 for frames, 0 for padding [B, T', 1].
    """

    acoustic: Tensor
    acoustic_mask: Tensor
    semantic: Tensor
    semantic_mask: Tensor


class SmallCare(nn.Module):
    """Shared convolutional front, an acoustic encoder, and a semantic one of wider context and lower rate.

    States beyond the end of an utterance are zero, so that padding changes nothing.
    """

    hop = _SUBSAMPLING
    """Input frames per frame of the acoustic encoder."""

    def __init__(self, bins: int, width: int, acoustic_blocks: int, semantic_blocks: int) -> None:
        """Build it with random weights (see `models.care.CareConfig` for the arguments)."""
        super().__init__()
        self.bins = bins
        self.width = width
        self.dimension = 4 * width
        self.front = Front(bins, width)
        self.acoustic = Encoder(width, kernel=5, dilations=[1] * acoustic_blocks)
        self.stride = nn.Conv1d(width, width, _SEMANTIC_STRIDE, _SEMANTIC_STRIDE, padding=1)
        self.semantic = Encoder(width, kernel=7, dilations=[2**i for i in range(semantic_blocks)])
        self.acoustic_pool, self.semantic_pool = StatisticsPooling(width), StatisticsPooling(width)

    def prepare(self, audio: NDArray[np.int16]) -> Tensor:
        """Log-mel frames [T, bins], relative to the level of the utterance; at least one frame."""
        samples = np.pad(audio, (0, max(0, _SHORTEST - len(audio))))
        levelled: Tensor = Levelling()(torch.from_numpy(log_mel(samples, self.bins)))
        return levelled

    def listen(self) -> "SmallCareListening":
        """Prepare an utterance while it is being spoken."""
        return SmallCareListening(self, self._levelling)

    @cached_property
    def _levelling(self) -> Callable[..., Tensor]:
        few, many = (torch.arange(1.0 * n * self.bins).reshape(n, self.bins).sin() for n in (2, 30))
        return SingleCall(Levelling(), lambda: [(many,), (few,)]).trace()

    def forward(self, batch: Tensor, lengths: Tensor) -> Tensor:
        """Embed utterances: prepared frames [B, T, bins] and their numbers [B] -> [B, 4 width]."""
        branches = self.branches(batch, lengths)
        return torch.cat(
            [
                self.acoustic_pool(branches.acoustic, branches.acoustic_mask),
                self.semantic_pool(branches.semantic, branches.semantic_mask),
            ],
            dim=1,
        )

    def branches(self, batch: Tensor, lengths: Tensor) -> Branches:
        """States of both encoders before pooling; the semantic ones at 60 ms a frame."""
        states, lengths = self.front(batch, lengths)
        mask = frame_mask(lengths, states)
        slow = self.stride(states.transpose(1, 2)).transpose(1, 2)
        slow_mask = frame_mask(_strided(lengths, _SEMANTIC_STRIDE), slow)
        return Branches(self.acoustic(states, mask), mask, self.semantic(slow, slow_mask), slow_mask)


class SmallCareListening:
    """`SmallCare.prepare`, with most of the work done while the utterance is being spoken.

    Only the frames can be computed before its end: the rest depends on the level of the whole utterance.
    """

    def __init__(self, care: SmallCare, levelling: Callable[..., Tensor]) -> None:
        """Start an utterance; `levelling` is `Levelling`, or its trace."""
        self._care = care
        self._levelling = levelling
        self._stream = LogMelStream(care.bins)
        self._frames: list[NDArray[np.float32]] = []

    def hear(self, samples: NDArray[np.int16]) -> None:
        """Process the next samples [n], any number of them."""
        self._frames.append(self._stream.accept(samples))

    def prepared(self, audio: NDArray[np.int16]) -> Tensor:
        """The result of `prepare(audio)`; the samples heard so far must begin with `audio`."""
        if len(audio) < _SHORTEST:
            return self._care.prepare(audio)
        self._frames = [np.concatenate(self._frames)]
        frames = torch.from_numpy(self._frames[0][: whole_frames(len(audio))])
        levelled: Tensor = self._levelling(frames)
        return levelled


class Levelling(nn.Module):
    """Log-mel frames [T, bins] -> frames relative to their level, of about zero mean and unit variance."""

    def forward(self, log_power: Tensor) -> Tensor:
        """See the class."""
        frames = torch.logaddexp(log_power, log_power.new_tensor(_QUIET))
        level = frames.exp().mean().log()
        return ((frames - level).clamp_min(-_RANGE) + 3) / 3


def frame_mask(lengths: Tensor, states: Tensor) -> Tensor:
    """1 for frames, 0 for padding: lengths [B], states [B, T, D] -> [B, T, 1]."""
    return (torch.arange(states.shape[1], device=states.device) < lengths[:, None])[..., None].to(
        states.dtype
    )


class Front(nn.Module):
    """Convolutions over time and frequency: [B, T, bins] and lengths -> [B, T/2, width] and lengths."""

    def __init__(self, bins: int, width: int) -> None:
        super().__init__()
        self.stages = nn.ModuleList()
        before, time_stride = 1, _SUBSAMPLING
        for after in _CHANNELS:
            convolution = nn.Conv2d(before, after, 3, stride=(time_stride, 2), padding=1, bias=False)
            self.stages.append(nn.Sequential(convolution, nn.BatchNorm2d(after), nn.ReLU()))
            before, time_stride, bins = after, 1, (bins + 1) // 2
        self.project = nn.Linear(_CHANNELS[-1] * bins, width)
        self.norm = nn.LayerNorm(width)

    def forward(self, features: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """See the class."""
        lengths = _strided(lengths, _SUBSAMPLING)
        states = features[:, None]  # [B, 1, T, bins]
        for stage in self.stages:
            states = stage(states)  # [B, C, T/2, bins/2...]
            states = states * frame_mask(lengths, states[:, 0])[:, None]
        states = self.norm(self.project(states.permute(0, 2, 3, 1).flatten(2)))
        return states * frame_mask(lengths, states), lengths


class Encoder(nn.Module):
    """Residual blocks over time: states [B, T, D] and mask [B, T, 1] -> [B, T, D]."""

    def __init__(self, dimension: int, kernel: int, dilations: list[int]) -> None:
        """Build one block per dilation."""
        super().__init__()
        self.blocks = nn.ModuleList(Block(dimension, kernel, dilation) for dilation in dilations)
        self.norm = nn.LayerNorm(dimension)

    def forward(self, states: Tensor, mask: Tensor) -> Tensor:
        """See the class."""
        for block in self.blocks:
            states = block(states, mask)
        normed: Tensor = self.norm(states)
        return normed


class Block(nn.Module):
    """Residual separable convolution over time, [B, T, D] -> [B, T, D]."""

    def __init__(self, dimension: int, kernel: int, dilation: int) -> None:
        super().__init__()
        reach = dilation * (kernel // 2)
        self.norm = nn.LayerNorm(dimension)
        self.depthwise = nn.Conv1d(
            dimension, dimension, kernel, dilation=dilation, padding=reach, groups=dimension
        )
        self.expand = nn.Linear(dimension, dimension)
        self.project = nn.Linear(dimension, dimension)

    def forward(self, states: Tensor, mask: Tensor) -> Tensor:
        """See the class; the input of the convolution is zero where the mask [B, T, 1] is."""
        inner = (self.norm(states) * mask).transpose(1, 2)
        inner = self.depthwise(inner).transpose(1, 2)
        change: Tensor = self.project(functional.relu(self.expand(inner)))
        return states + change


class StatisticsPooling(nn.Module):
    """Attentive statistics over time (Okabe et al., Interspeech 2018): [B, T, D], [B, T, 1] -> [B, 2 D]."""

    def __init__(self, dimension: int, hidden: int = 64) -> None:
        super().__init__()
        self.score = nn.Sequential(nn.Linear(dimension, hidden), nn.Tanh(), nn.Linear(hidden, 1))

    def forward(self, states: Tensor, mask: Tensor) -> Tensor:
        """See the class: weighted mean and standard deviation, concatenated."""
        weight = self.score(states).masked_fill(mask == 0, float("-inf")).softmax(1)  # [B, T, 1]
        mean = (weight * states).sum(1)
        variance = (weight * (states - mean[:, None]).square()).sum(1)
        return torch.cat([mean, (variance + 1e-5).sqrt()], dim=1)


def _strided(lengths: Tensor, stride: int) -> Tensor:
    """Lengths after a strided convolution whose padding is half its kernel."""
    return (lengths + stride - 1) // stride
