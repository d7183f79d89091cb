"""CARE as published (arXiv 2409.05566): the two halves of WavLM-base, and the upper half of RoBERTa-base."""

import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from transformers import RobertaModel, WavLMModel

from models.text_base import keep_transformers_quiet

keep_transformers_quiet()
# WavLM's own attention mixes a boolean mask with its float position bias.
warnings.filterwarnings("ignore", message="Support for mismatched key_padding_mask", category=UserWarning)

_KERNEL, _STRIDE = 5, 3  # of the semantic encoder's adapters
_ENCODERS = ("shared", "acoustic", "semantic")


class Branches(NamedTuple):
    """States of both encoders for a batch, at 20 ms a frame.

    Attributes:
        acoustic: [B, T, width].
        semantic: [B, T, width].
        mask: 1 for frames, 0 for padding [B, T, 1].
    """

    acoustic: Tensor
    semantic: Tensor
    mask: Tensor


class WavLMCare(nn.Module):
    """Lower half of WavLM: shared; upper half: acoustic encoder; upper half of RoBERTa: semantic encoder.

    A strided convolution before each RoBERTa layer lowers the frame rate towards that of words, a transposed
    one after it restores it. The weights of the two models are frozen (but see `unfreeze`).
    """

    hop = 320
    """Samples per frame of WavLM."""

    def __init__(self, speech: WavLMModel, text: RobertaModel) -> None:
        """Build it from two models of the same width.

        Args:
            speech: WavLM with post-norm layers (base, not large).
            text: RoBERTa; only the upper half of its layers is kept.
        """
        super().__init__()
        width = speech.config.hidden_size
        if text.config.hidden_size != width:
            raise ValueError(f"WavLM is {width} wide, RoBERTa {text.config.hidden_size}; they must agree")
        self.width = width
        self.dimension = 3 * width
        self.speech = speech.requires_grad_(requires_grad=False)
        self.shared = speech.config.num_hidden_layers // 2
        layers = list(text.encoder.layer)
        self.semantic = nn.ModuleList(layers[len(layers) // 2 :]).requires_grad_(requires_grad=False)
        padding = _KERNEL // 2
        self.down = nn.ModuleList(
            nn.Conv1d(width, width, _KERNEL, _STRIDE, padding=padding) for _ in self.semantic
        )
        self.up = nn.ModuleList(
            nn.ConvTranspose1d(width, width, _KERNEL, _STRIDE, padding=padding, output_padding=_STRIDE - 1)
            for _ in self.semantic
        )
        self.mix = nn.ParameterDict(
            {
                "shared": nn.Parameter(torch.zeros(self.shared + 1)),
                "acoustic": nn.Parameter(torch.zeros(speech.config.num_hidden_layers - self.shared)),
                "semantic": nn.Parameter(torch.zeros(len(self.semantic))),
            }
        )

    def train(self, mode: bool = True) -> "WavLMCare":
        """Set training mode; frozen parts stay in evaluation mode, without dropout."""
        super().train(mode)
        self.speech.train(mode=False)
        self.semantic.train(mode=False)
        layers = self.speech.encoder.layers
        layers.train(mode and any(parameter.requires_grad for parameter in layers.parameters()))
        return self

    def unfreeze(self) -> None:
        """Make WavLM's layers trainable, for pre-training; its convolutions and RoBERTa stay frozen."""
        self.speech.encoder.layers.requires_grad_(requires_grad=True)

    @classmethod
    def from_bases(cls, speech: Path, text: Path) -> "WavLMCare":
        """Build it from two folders with config.json and model.safetensors."""
        return cls(
            WavLMModel.from_pretrained(speech, dtype=torch.float32, use_safetensors=True),
            RobertaModel.from_pretrained(
                text, dtype=torch.float32, use_safetensors=True, add_pooling_layer=False
            ),
        )

    def prepare(self, audio: NDArray[np.int16]) -> Tensor:
        """Samples [n] of zero mean and unit variance, padded to at least one frame of WavLM."""
        wave = torch.from_numpy(audio.astype(np.float32))
        if len(wave):
            wave = (wave - wave.mean()) / (wave.square().mean() - wave.mean().square() + 1e-7).clamp_min(
                1e-7
            ).sqrt()
        shortest = self._shortest()
        return nn.functional.pad(wave, (0, max(0, shortest - len(wave))))

    def forward(self, batch: Tensor, lengths: Tensor) -> Tensor:
        """Embed utterances.

        Args:
            batch: prepared samples [B, n], zero-padded.
            lengths: number of samples of each [B].

        Returns:
            Shared, acoustic and semantic representation, concatenated [B, 3 D]: each is a softmax-weighted
            sum over the encoder's layers, averaged over time.
        """
        return self.mixed(self.layers(batch, lengths))

    def layers(self, batch: Tensor, lengths: Tensor) -> Tensor:
        """The input of `mixed`; the frozen models are needed for no more than this.

        Args:
            batch: as for `forward`.
            lengths: as for `forward`.

        Returns:
            Means over time of the shared, acoustic and semantic layers [B, L, D].
        """
        shared, acoustic, semantic, mask = self.encode(batch, lengths)
        weight = mask[:, None, :, None].to(shared[0].dtype)
        states = torch.stack([*shared, *acoustic, *semantic], dim=1)  # [B, L, T, D]
        return (states * weight).sum(2) / weight.sum(2)

    def mixed(self, layers: Tensor) -> Tensor:
        """Embeddings [B, 3 D] from the result of `layers`: a softmax-weighted sum for each encoder."""
        parts = torch.split(layers, [len(self.mix[name]) for name in _ENCODERS], dim=1)
        mixed = [
            torch.einsum("l,bld->bd", self.mix[name].softmax(0), part)
            for name, part in zip(_ENCODERS, parts, strict=True)
        ]
        return torch.cat(mixed, dim=1)

    def branches(self, batch: Tensor, lengths: Tensor) -> Branches:
        """The last layer's states of the acoustic and the semantic encoder, for pre-training.

        As in the authors' training, no gradient flows from the acoustic states to the shared layers.
        """
        _, acoustic, semantic, mask = self.encode(batch, lengths, apart=True)
        return Branches(acoustic[-1], semantic[-1], mask[..., None].to(acoustic[-1].dtype))

    def encode(
        self, batch: Tensor, lengths: Tensor, *, apart: bool = False
    ) -> tuple[list[Tensor], list[Tensor], list[Tensor], Tensor]:
        """The layers' states [B, T, D] of the shared, acoustic and semantic encoder, and the mask [B, T].

        `apart` stops gradients from the acoustic states to the shared layers.
        """
        # WavLM-base normalises its first convolution over time, so padding would change the result.
        frames = [
            self.speech.feature_extractor(wave[None, :length])[0].T
            for wave, length in zip(batch, lengths.tolist(), strict=True)
        ]
        features = nn.utils.rnn.pad_sequence(frames, batch_first=True)  # [B, T, 512]
        counts = torch.tensor([len(item) for item in frames], device=batch.device)
        mask = torch.arange(features.shape[1], device=batch.device) < counts[:, None]  # [B, T]
        states, _ = self.speech.feature_projection(features)
        hidden = self._hidden(states, mask, apart=apart)
        shared, acoustic = hidden[: self.shared + 1], hidden[self.shared + 1 :]
        return shared, acoustic, self._semantic(shared[-1], counts), mask

    def _hidden(self, states: Tensor, mask: Tensor, *, apart: bool) -> list[Tensor]:
        """The input of WavLM's first layer and the output of each layer, [B, T, D]."""
        encoder = self.speech.encoder
        states = states * mask[..., None]
        hidden = [encoder.layer_norm(states + encoder.pos_conv_embed(states))]
        bias: Tensor | None = None
        for index, layer in enumerate(encoder.layers):
            states = hidden[-1]
            if apart and index == self.shared:
                states, bias = states.detach(), None if bias is None else bias.detach()
            states, bias = layer(states, attention_mask=mask, position_bias=bias, index=index)
            hidden.append(states)
        return hidden

    def _semantic(self, states: Tensor, counts: Tensor) -> list[Tensor]:
        size = states.shape[1]
        wide = (torch.arange(size, device=states.device) < counts[:, None])[..., None]  # [B, T, 1]
        out = []
        for down, layer, up in zip(self.down, self.semantic, self.up, strict=True):
            slow = down((states * wide).transpose(1, 2)).transpose(1, 2)  # [B, T/3, D]
            narrow = torch.arange(slow.shape[1], device=states.device) < -(-counts // _STRIDE)[:, None]
            bias = torch.zeros_like(narrow, dtype=slow.dtype).masked_fill(
                ~narrow, torch.finfo(slow.dtype).min
            )
            slow = layer(slow, attention_mask=bias[:, None, None, :])
            slow = (slow[0] if isinstance(slow, tuple) else slow) * narrow[..., None]
            states = up(slow.transpose(1, 2)).transpose(1, 2)[:, :size]
            out.append(states)
        return out

    def _shortest(self) -> int:
        """Samples in the receptive field of one frame of WavLM."""
        samples = 1
        for kernel, stride in zip(
            reversed(self.speech.config.conv_kernel), reversed(self.speech.config.conv_stride), strict=True
        ):
            samples = (samples - 1) * stride + kernel
        return samples
