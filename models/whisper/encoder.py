"""The lower blocks of Whisper's encoder (Radford et al. 2022, section 2.2), from CTranslate2's weights.

CTranslate2 itself hands out the states after the last block alone.
"""

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from models.errors import WhisperModelError
from models.whisper.ct2_file import read_variables

LONGEST_FRAMES = 3_000
"""Of 10 ms, that the encoder has positions for."""


class WhisperEncoder(nn.Module):
    """Log-mel frames -> the states after each of the lowest blocks. Its weights are frozen.

    Utterances of a batch are heard as they are alone: what is behind their end is masked.
    """

    def __init__(self, mels: int, width: int, heads: int, blocks: int) -> None:
        """Build it with random weights.

        Args:
            mels: mel bands of the input.
            width: size D of the states.
            heads: attention heads.
            blocks: how many of the blocks.
        """
        super().__init__()
        self.mels, self.width = mels, width
        self.conv1 = nn.Conv1d(mels, width, 3, padding=1)
        self.conv2 = nn.Conv1d(width, width, 3, stride=2, padding=1)
        self.positions = nn.Parameter(torch.zeros(LONGEST_FRAMES // 2, width))
        self.blocks = nn.ModuleList(_Block(width, heads) for _ in range(blocks))
        self.requires_grad_(requires_grad=False)

    def forward(self, batch: Tensor, lengths: Tensor) -> tuple[list[Tensor], Tensor]:
        """Hear utterances.

        Args:
            batch: log-mel frames of 10 ms [B, T, mels], T at most `LONGEST_FRAMES`; zero behind the end.
            lengths: numbers of frames [B].

        Returns:
            States of 20 ms after each block, [B, T', D] each, and which of them are of sound, bool [B, T'].
        """
        x = functional.gelu(self.conv1(batch.transpose(1, 2)))  # [B, D, T]
        x = x * _within(lengths, x)[:, None]
        x = functional.gelu(self.conv2(x)).transpose(1, 2)  # [B, T', D]
        x = x + self.positions[: x.shape[1]]
        heard = _within((lengths + 1) // 2, x.transpose(1, 2))  # [B, T']
        states = []
        for block in self.blocks:
            x = block(x, heard)
            states.append(x)
        return states, heard


class _Block(nn.Module):
    """Self-attention and a feed-forward network, each after a layer norm and with a residual."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.attention_norm, self.forward_norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention_in, self.attention_out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.forward_in, self.forward_out = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x: Tensor, heard: Tensor) -> Tensor:
        """States [B, T, D] and which are of sound, bool [B, T] -> states [B, T, D]."""
        parts = self.attention_in(self.attention_norm(x)).chunk(3, -1)
        query, key, value = (each.unflatten(-1, (self.heads, -1)).transpose(1, 2) for each in parts)
        read = functional.scaled_dot_product_attention(query, key, value, heard[:, None, None])
        x = x + self.attention_out(read.transpose(1, 2).flatten(2))
        inner = functional.gelu(self.forward_in(self.forward_norm(x)))
        result: Tensor = x + self.forward_out(inner)
        return result


def _within(lengths: Tensor, states: Tensor) -> Tensor:
    """Which frames lie before the end: lengths [B], states [B, .., T] -> bool [B, T]."""
    return torch.arange(states.shape[-1], device=states.device) < lengths[:, None]


def read_encoder(folder: Path, blocks: int) -> WhisperEncoder:
    """The lowest blocks of a model in CTranslate2's format.

    Args:
        folder: with `model.bin`.
        blocks: how many of the blocks; all, where it has fewer.

    Raises:
        WhisperModelError: the file is damaged, or its weights are quantised.
    """
    path = folder / "model.bin"
    try:
        stored = read_variables(path, lambda name: name.startswith("encoder/"))
        depth = sum(name.endswith("self_attention/layer_norm/gamma") for name in stored)
        width, mels, _ = stored["encoder/conv1/weight"].shape
        encoder = WhisperEncoder(mels, width, int(stored["encoder/num_heads"]), min(blocks, depth))
        state = _renamed(stored, len(encoder.blocks))
        if not all(weight.is_floating_point() for weight in state.values()):
            raise ValueError("quantised")
        encoder.load_state_dict(state)
    except (KeyError, ValueError, RuntimeError, OSError) as error:
        raise WhisperModelError(f"{path} has no Whisper encoder whose weights can be read") from error
    return encoder.eval()


_PARTS = {
    "attention_norm": "self_attention/layer_norm",
    "attention_in": "self_attention/linear_0",
    "attention_out": "self_attention/linear_1",
    "forward_norm": "ffn/layer_norm",
    "forward_in": "ffn/linear_0",
    "forward_out": "ffn/linear_1",
}


def _renamed(stored: Mapping[str, Tensor], blocks: int) -> dict[str, Tensor]:
    state = {"positions": stored["encoder/position_encodings/encodings"]}
    for name in ("conv1", "conv2"):
        for part in ("weight", "bias"):
            state[f"{name}.{part}"] = stored[f"encoder/{name}/{part}"]
    for number in range(blocks):
        for ours, theirs in _PARTS.items():
            names = ("gamma", "beta") if ours.endswith("norm") else ("weight", "bias")
            for part, name in zip(("weight", "bias"), names, strict=True):
                state[f"blocks.{number}.{ours}.{part}"] = stored[f"encoder/layer_{number}/{theirs}/{name}"]
    return state
