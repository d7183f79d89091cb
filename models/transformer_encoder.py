"""What the transformer encoders of this package share (see `models.bert`, `models.mpnet`).

They do without the modelling code of transformers, whose import takes seconds. Parameters bear the names that
transformers gives them; states are equal to within rounding.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, NamedTuple, TypeVar, cast

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional

from models.base_encoder import WEIGHTS

Shape = TypeVar("Shape", bound="EncoderShape")
Network = TypeVar("Network", bound=nn.Module)


@dataclass(frozen=True)
class EncoderShape:
    """What `config.json` says of an encoder; keys that it lacks have transformers' defaults."""

    vocab_size: int = 30522
    hidden_size: int = 768
    num_hidden_layers: int = 12
    num_attention_heads: int = 12
    intermediate_size: int = 3072
    max_position_embeddings: int = 512
    layer_norm_eps: float = 1e-12
    hidden_dropout_prob: float = 0.1
    attention_probs_dropout_prob: float = 0.1

    @classmethod
    def of(cls: type[Shape], config: Mapping[str, Any]) -> Shape:
        """The shape in the content of a `config.json`."""
        return cls(**{field.name: config[field.name] for field in fields(cls) if field.name in config})


class EncoderStates(NamedTuple):
    """States of the last layer, [B, L, D]."""

    last_hidden_state: Tensor


def embedding(count: int, width: int, padding: int | None = None) -> nn.Embedding:
    """Without the usual random values: drawing these on the meta device imports torch's compiler."""
    made: nn.Embedding = nn.Embedding.from_pretrained(  # type: ignore[no-untyped-call]
        torch.empty(count, width), freeze=False, padding_idx=padding
    )
    return made


class EncoderLayer(nn.Module):
    """A layer; subclasses name the parts of its attention."""

    def __init__(self, shape: EncoderShape) -> None:
        super().__init__()
        width, inner, eps = shape.hidden_size, shape.intermediate_size, shape.layer_norm_eps
        self.heads = shape.num_attention_heads
        self.attention_dropout = shape.attention_probs_dropout_prob
        self.attention = self.attention_parts(width, eps)
        self.intermediate = nn.ModuleDict({"dense": nn.Linear(width, inner)})
        self.output = nn.ModuleDict({"dense": nn.Linear(inner, width), "LayerNorm": nn.LayerNorm(width, eps)})
        self.dropout = nn.Dropout(shape.hidden_dropout_prob)

    def attention_parts(self, width: int, eps: float) -> nn.ModuleDict:
        """The parameters of the attention, as transformers names them."""
        raise NotImplementedError

    def projections(self) -> tuple[nn.Module, nn.Module, nn.Module, nn.Module, nn.Module]:
        """Those of `attention_parts` for query, key, value and output, and the norm."""
        raise NotImplementedError

    def forward(self, states: Tensor, mask: Tensor | None) -> Tensor:
        """States [B, L, D] of the next layer.

        Args:
            states: [B, L, D].
            mask: for the attention, to be broadcast to [B, heads, L, L]: False for padding, or added to the
                scores; None for neither.
        """
        *inner, out, norm = self.projections()
        query, key, value = (
            project(states).unflatten(-1, (self.heads, -1)).transpose(1, 2)  # [B, heads, L, D / heads]
            for project in inner
        )
        dropout = self.attention_dropout if self.training else 0.0
        heard = functional.scaled_dot_product_attention(query, key, value, mask, dropout)
        states = norm(self.dropout(out(heard.transpose(1, 2).flatten(2))) + states)
        change = self.output["dense"](functional.gelu(self.intermediate["dense"](states)))
        result: Tensor = self.output["LayerNorm"](self.dropout(change) + states)
        return result


def layers_of(encoder: nn.ModuleDict) -> nn.ModuleList:
    """The layers in the part that transformers names "encoder"."""
    return cast(nn.ModuleList, encoder["layer"])


def load_encoder(make: Callable[[], Network], folder: Path, prefix: str) -> Network | None:
    """An encoder with the weights of a folder; None where some are missing.

    Args:
        make: makes it, on the device that is set.
        folder: in transformers' format.
        prefix: of the weights' names, where the encoder is part of a model for a task.
    """
    with torch.device("meta"):
        network = make()
    weights = {name.removeprefix(prefix): value for name, value in load_file(folder / WEIGHTS).items()}
    if not weights.keys() >= network.state_dict().keys():
        return None
    network.load_state_dict({name: weights[name].float() for name in network.state_dict()}, assign=True)
    return network
