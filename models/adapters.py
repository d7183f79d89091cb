"""LoRA (Hu et al., ICLR 2022): a frozen encoder, and matrices of low rank added to those of its layers.

Parameters bear the names that peft gives them, by which they are trained (`offline_train.training.adapters`).
"""

from collections.abc import Iterator
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional

Layer = TypeVar("Layer", bound=nn.Module)

SCALE = 2.0
"""Factor of what is added: peft's lora_alpha over the rank."""


class AdaptedLinear(nn.Module):
    """A linear layer, and a matrix of low rank that is added to its weight."""

    def __init__(self, base_layer: nn.Linear, rank: int) -> None:
        super().__init__()
        self.base_layer = base_layer
        self.lora_A = nn.ModuleDict({"default": nn.Linear(base_layer.in_features, rank, bias=False)})
        self.lora_B = nn.ModuleDict({"default": nn.Linear(rank, base_layer.out_features, bias=False)})
        nn.init.zeros_(self.lora_B["default"].weight)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        """[..., in] -> [..., out]."""
        added: Tensor = self.lora_B["default"](self.lora_A["default"](x))
        return functional.linear(x, self.base_layer.weight, self.base_layer.bias) + SCALE * added

    @torch.no_grad()
    def merged(self) -> nn.Linear:
        """One layer that computes the same."""
        down, up = self.lora_A["default"].weight, self.lora_B["default"].weight
        assert isinstance(down, Tensor)
        assert isinstance(up, Tensor)
        with torch.device("meta"):
            merged = nn.Linear(self.base_layer.in_features, self.base_layer.out_features)
        merged.weight = nn.Parameter(self.base_layer.weight + SCALE * up @ down)
        merged.bias = self.base_layer.bias
        return merged


def add_adapters(network: nn.Module, rank: int) -> None:
    """Freeze a network, and adapt all its linear layers."""
    network.requires_grad_(requires_grad=False)
    for parent, name, layer in list(_children(network, nn.Linear)):
        setattr(parent, name, AdaptedLinear(layer, rank))


def merge_adapters(network: nn.Module) -> None:
    """Make the adapted layers of a network plain ones, which cost no more than before."""
    for parent, name, layer in list(_children(network, AdaptedLinear)):
        setattr(parent, name, layer.merged())


def _children(network: nn.Module, kind: type[Layer]) -> Iterator[tuple[nn.Module, str, Layer]]:
    for parent in network.modules():
        for name, child in parent.named_children():
            if isinstance(child, kind):
                yield parent, name, child
