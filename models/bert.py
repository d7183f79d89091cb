"""BERT's encoder (Devlin et al., 2019)."""

import json
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


@dataclass(frozen=True)
class BertShape(EncoderShape):
    """What `config.json` says of a BERT."""

    type_vocab_size: int = 2
    pad_token_id: int | None = 0


class Bert(nn.Module):
    """The encoder: token ids [B, L] -> states [B, L, D]. All tokens are of the first segment.

    Made without weights: see `load_bert`.
    """

    def __init__(self, shape: BertShape) -> None:
        super().__init__()
        self.dimension = width = shape.hidden_size
        self.embeddings = nn.ModuleDict(
            {
                "word_embeddings": embedding(shape.vocab_size, width, shape.pad_token_id),
                "position_embeddings": embedding(shape.max_position_embeddings, width),
                "token_type_embeddings": embedding(shape.type_vocab_size, width),
                "LayerNorm": nn.LayerNorm(width, shape.layer_norm_eps),
            }
        )
        self.encoder = nn.ModuleDict(
            {"layer": nn.ModuleList(_Layer(shape) for _ in range(shape.num_hidden_layers))}
        )
        self.dropout = nn.Dropout(shape.hidden_dropout_prob)

    def forward(self, input_ids: Tensor, attention_mask: Tensor | None = None) -> EncoderStates:
        """Read a batch; `attention_mask` [B, L] is 0 for padding, None where there is none."""
        read = self.embeddings
        positions = torch.arange(input_ids.shape[1], device=input_ids.device)
        first_segment = read["token_type_embeddings"](torch.zeros_like(input_ids))
        states = read["word_embeddings"](input_ids) + first_segment + read["position_embeddings"](positions)
        states = self.dropout(read["LayerNorm"](states))
        mask = None if attention_mask is None else attention_mask[:, None, None, :].bool()  # [B, 1, 1, L]
        for layer in layers_of(self.encoder):
            states = layer(states, mask)
        return EncoderStates(states)


class _Layer(EncoderLayer):
    def attention_parts(self, width: int, eps: float) -> nn.ModuleDict:
        inner = {name: nn.Linear(width, width) for name in ("query", "key", "value")}
        output = {"dense": nn.Linear(width, width), "LayerNorm": nn.LayerNorm(width, eps)}
        return nn.ModuleDict({"self": nn.ModuleDict(inner), "output": nn.ModuleDict(output)})

    def projections(self) -> tuple[nn.Module, nn.Module, nn.Module, nn.Module, nn.Module]:
        inner, output = (cast(nn.ModuleDict, self.attention[name]) for name in ("self", "output"))
        return inner["query"], inner["key"], inner["value"], output["dense"], output["LayerNorm"]


def load_bert(folder: Path) -> Bert | None:
    """The BERT in a folder of transformers' format; None where it is another network, or a variant."""
    config = json.loads((folder / "config.json").read_text())
    usual = {"hidden_act": "gelu", "position_embedding_type": "absolute", "is_decoder": False}
    if config["model_type"] != "bert" or any(config.get(key, value) != value for key, value in usual.items()):
        return None
    return load_encoder(partial(Bert, BertShape.of(config)), folder, "bert.")
