"""Adapters of low rank for training, by peft."""

from torch import nn

from models.adapters import SCALE
from offline_train.errors import UsageError

DROPOUT = 0.05
"""Of what the matrices of low rank read."""


def train_adapters(network: nn.Module, rank: int) -> None:
    """Freeze a network and adapt all its linear layers, as `models.adapters.add_adapters`, with dropout.

    Raises:
        UsageError: peft is not installed.
    """
    try:
        from peft import LoraConfig, inject_adapter_in_model
    except ImportError:
        raise UsageError("lora_rank needs peft: pip install 'merits-live[train]'") from None
    network.requires_grad_(requires_grad=False)
    names = {name.rpartition(".")[2] for name, part in network.named_modules() if isinstance(part, nn.Linear)}
    config = LoraConfig(
        r=rank, lora_alpha=round(SCALE * rank), lora_dropout=DROPOUT, target_modules=sorted(names)
    )
    inject_adapter_in_model(config, network)
