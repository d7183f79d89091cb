"""MPNet's encoder (Song et al., NeurIPS 2020): a BERT whose attention knows how far apart tokens are."""

import json
import math
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import cast

import torch
from torch import Tensor, nn

from models.transformer_encoder import (
    EncoderLayer,
    EncoderShape,
    EncoderStates,
    embedding,
    layers_of,
    load_encoder,
)

_PADDING = 1
"""Token id; positions are counted from the next number on."""

_FARTHEST = 128
"""Tokens; all that are farther apart are in the same bucket."""


@dataclass(frozen=True)
class MPNetShape(EncoderShape):
    """What `config.json` says of an MPNet."""

    vocab_size: int = 30527
    relative_attention_num_buckets: int = 32


class MPNet(nn.Module):
    """The encoder: token ids [B, L] -> states [B, L, D].

    Made without weights: see `load_mpnet`.
    """

    def __init__(self, shape: MPNetShape) -> None:
        super().__init__()
        self.dimension = width = shape.hidden_size
        self.buckets = shape.relative_attention_num_buckets
        self.embeddings = nn.ModuleDict(
            {
                "word_embeddings": embedding(shape.vocab_size, width, _PADDING),
                "position_embeddings": embedding(shape.max_position_embeddings, width, _PADDING),
                "LayerNorm": nn.LayerNorm(width, shape.layer_norm_eps),
            }
        )
        self.encoder = nn.ModuleDict(
            {
                "layer": nn.ModuleList(_Layer(shape) for _ in range(shape.num_hidden_layers)),
                "relative_attention_bias": embedding(self.buckets, shape.num_attention_heads),
            }
        )
        self.dropout = nn.Dropout(shape.hidden_dropout_prob)

    def forward(self, input_ids: Tensor, attention_mask: Tensor | None = None) -> EncoderStates:
        """Read a batch; `attention_mask` [B, L] is 0 for padding, None where there is none."""
        read = self.embeddings
        known = (input_ids != _PADDING).long()
        positions = known.cumsum(1) * known + _PADDING  # [B, L]
        states = read["word_embeddings"](input_ids) + read["position_embeddings"](positions)
        states = self.dropout(read["LayerNorm"](states))
        mask = self._bias(input_ids.shape[1], input_ids.device)  # [heads, L, L]
        if attention_mask is not None:
            padding = attention_mask[:, None, None, :] == 0  # [B, 1, 1, L]
            mask = mask.masked_fill(padding, -math.inf)  # [B, heads, L, L]
        for layer in layers_of(self.encoder):
            states = layer(states, mask)
        return EncoderStates(states)

    def _bias(self, length: int, device: torch.device) -> Tensor:
        """What is added to the attention's scores [heads, L, L], by how far the other token is ahead."""
        place = torch.arange(length, device=device)
        bias: Tensor = self.encoder["relative_attention_bias"](bucket(place - place[:, None], self.buckets))
        return bias.permute(2, 0, 1)


def bucket(ahead: Tensor, buckets: int) -> Tensor:
    """The bucket of each distance, as in T5 (Raffel et al., 2020).

    Args:
        ahead: how many tokens ahead the other token is; negative for those before.
        buckets: how many there are, half for either direction; of these, half for a single distance each.
    """
    half = buckets // 2
    single = half // 2
    distance = ahead.abs()
    wide = (distance.clamp(min=1) / single).log() / math.log(_FARTHEST / single) * (half - single)
    far = (single + wide.long()).clamp(max=half - 1)
    return torch.where(distance < single, distance, far) + (ahead > 0) * half


class _Layer(EncoderLayer):
    def attention_parts(self, width: int, eps: float) -> nn.ModuleDict:
        inner = nn.ModuleDict({name: nn.Linear(width, width) for name in "qkvo"})
        return nn.ModuleDict({"attn": inner, "LayerNorm": nn.LayerNorm(width, eps)})

    def projections(self) -> tuple[nn.Module, nn.Module, nn.Module, nn.Module, nn.Module]:
        inner = cast(nn.ModuleDict, self.attention["attn"])
        return inner["q"], inner["k"], inner["v"], inner["o"], self.attention["LayerNorm"]


def load_mpnet(folder: Path) -> MPNet | None:
    """The MPNet in a folder of transformers' format; None where it is another network, or a variant."""
    config = json.loads((folder / "config.json").read_text())
    if config["model_type"] != "mpnet" or config.get("hidden_act", "gelu") != "gelu":
        return None
    return load_encoder(partial(MPNet, MPNetShape.of(config)), folder, "mpnet.")
