"""BERT's encoder (Devlin et al., 2019), without importing the modelling code of transformers, for seconds.

Parameters bear the names that transformers gives them; states are equal to within rounding.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, cast

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional

from models.base_encoder import WEIGHTS


@dataclass(frozen=True)
class BertShape:
    """What `config.json` says of a BERT; keys that it lacks have transformers' defaults."""

    vocab_size: int = 30522
    hidden_size: int = 768
    num_hidden_layers: int = 12
    num_attention_heads: int = 12
    intermediate_size: int = 3072
    max_position_embeddings: int = 512
    type_vocab_size: int = 2
    layer_norm_eps: float = 1e-12
    hidden_dropout_prob: float = 0.1
    attention_probs_dropout_prob: float = 0.1
    pad_token_id: int | None = 0


class BertStates(NamedTuple):
    """States of the last layer, [B, L, D]."""

    last_hidden_state: Tensor


class Bert(nn.Module):
    """The encoder: token ids [B, L] -> states [B, L, D]. All tokens are of the first segment.

    Made without weights: see `load_bert`.
    """

    def __init__(self, shape: BertShape) -> None:
        super().__init__()
        self.dimension = width = shape.hidden_size
        self.embeddings = nn.ModuleDict(
            {
                "word_embeddings": _embedding(shape.vocab_size, width, shape.pad_token_id),
                "position_embeddings": _embedding(shape.max_position_embeddings, width),
                "token_type_embeddings": _embedding(shape.type_vocab_size, width),
                "LayerNorm": nn.LayerNorm(width, shape.layer_norm_eps),
            }
        )
        self.encoder = nn.ModuleDict(
            {"layer": nn.ModuleList(_Layer(shape) for _ in range(shape.num_hidden_layers))}
        )
        self.dropout = nn.Dropout(shape.hidden_dropout_prob)

    def forward(self, input_ids: Tensor, attention_mask: Tensor | None = None) -> BertStates:
        """Read a batch; `attention_mask` [B, L] is 0 for padding, None where there is none."""
        read = self.embeddings
        positions = torch.arange(input_ids.shape[1], device=input_ids.device)
        first_segment = read["token_type_embeddings"](torch.zeros_like(input_ids))
        states = read["word_embeddings"](input_ids) + first_segment + read["position_embeddings"](positions)
        states = self.dropout(read["LayerNorm"](states))
        mask = None if attention_mask is None else attention_mask[:, None, None, :].bool()  # [B, 1, 1, L]
        for layer in cast(nn.ModuleList, self.encoder["layer"]):
            states = layer(states, mask)
        return BertStates(states)


def _embedding(count: int, width: int, padding: int | None = None) -> nn.Embedding:
    """Without the usual random values: drawing these on the meta device imports torch's compiler."""
    return nn.Embedding.from_pretrained(torch.empty(count, width), freeze=False, padding_idx=padding)


class _Layer(nn.Module):
    def __init__(self, shape: BertShape) -> None:
        super().__init__()
        width, inner, eps = shape.hidden_size, shape.intermediate_size, shape.layer_norm_eps
        self.heads = shape.num_attention_heads
        self.attention_dropout = shape.attention_probs_dropout_prob
        self.attention = nn.ModuleDict(
            {
                "self": nn.ModuleDict({name: nn.Linear(width, width) for name in ("query", "key", "value")}),
                "output": nn.ModuleDict(
                    {"dense": nn.Linear(width, width), "LayerNorm": nn.LayerNorm(width, eps)}
                ),
            }
        )
        self.intermediate = nn.ModuleDict({"dense": nn.Linear(width, inner)})
        self.output = nn.ModuleDict({"dense": nn.Linear(inner, width), "LayerNorm": nn.LayerNorm(width, eps)})
        self.dropout = nn.Dropout(shape.hidden_dropout_prob)

    def forward(self, states: Tensor, mask: Tensor | None) -> Tensor:
        """States [B, L, D] of the next layer; `mask` [B, 1, 1, L] is False for padding."""
        projections = cast(nn.ModuleDict, self.attention["self"])
        query, key, value = (
            projections[name](states)
            .unflatten(-1, (self.heads, -1))
            .transpose(1, 2)  # [B, heads, L, D / heads]
            for name in ("query", "key", "value")
        )
        dropout = self.attention_dropout if self.training else 0.0
        heard = functional.scaled_dot_product_attention(query, key, value, mask, dropout)
        states = self._added(self.attention["output"], heard.transpose(1, 2).flatten(2), states)
        return self._added(self.output, functional.gelu(self.intermediate["dense"](states)), states)

    def _added(self, output: nn.Module, change: Tensor, states: Tensor) -> Tensor:
        parts = cast(nn.ModuleDict, output)
        added: Tensor = parts["LayerNorm"](self.dropout(parts["dense"](change)) + states)
        return added


def load_bert(folder: Path) -> Bert | None:
    """The BERT in a folder of transformers' format; None where it is another network, or a variant."""
    config = json.loads((folder / "config.json").read_text())
    usual = {"hidden_act": "gelu", "position_embedding_type": "absolute", "is_decoder": False}
    if config["model_type"] != "bert" or any(config.get(key, value) != value for key, value in usual.items()):
        return None
    shape = BertShape(**{key: config[key] for key in BertShape.__annotations__ if key in config})
    with torch.device("meta"):
        bert = Bert(shape)
    weights = {name.removeprefix("bert."): value for name, value in load_file(folder / WEIGHTS).items()}
    if not weights.keys() >= bert.state_dict().keys():
        return None
    bert.load_state_dict({name: weights[name].float() for name in bert.state_dict()}, assign=True)
    return bert
