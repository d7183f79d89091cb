"""Stage II: a Bi-GRU with self-attention over the turns of a conversation, per modality (MERITS-L, III-C)."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from models.attention import AttentionBlock


@dataclass(frozen=True)
class ContextConfig:
    """Shape of one modality's context network.

    Attributes:
        features: size of the Stage I embeddings that come in.
        hidden: size of each GRU direction; T2 and S2 are twice as wide.
        layers: GRU layers.
        heads: of the self-attention; must divide 2 * hidden.
        classes: emotions.
        dropout: on inputs, between layers and after attention.
    """

    features: int
    hidden: int = 128
    layers: int = 1
    heads: int = 4
    classes: int = 7
    dropout: float = 0.3


class BiGRULayer(nn.Module):
    """One bidirectional layer, its directions kept apart so that the forward one can run turn by turn."""

    def __init__(self, features: int, hidden: int) -> None:
        super().__init__()
        self.forward_gru = nn.GRU(features, hidden, batch_first=True)
        self.backward_gru = nn.GRU(features, hidden, batch_first=True)

    def forward(self, x: Tensor, reverse: Tensor) -> Tensor:
        """x [B, K, F] -> [B, K, 2H]; `reverse` [B, K] indexes each conversation from last to first turn."""
        ahead, _ = self.forward_gru(x)
        back, _ = self.backward_gru(_take(x, reverse))
        return torch.cat([ahead, _take(back, reverse)], dim=-1)


class ContextEncoder(nn.Module):
    """T1 (or S1) of every turn -> T2 (or S2) and the logits read off it.

    A turn that lacks the modality enters as a learned vector, down the same path as the others.
    """

    def __init__(self, config: ContextConfig) -> None:
        super().__init__()
        self.config = config
        self.absent = nn.Parameter(torch.zeros(config.features))
        width = 2 * config.hidden
        sizes = [config.features] + [width] * (config.layers - 1)
        self.layers = nn.ModuleList(BiGRULayer(size, config.hidden) for size in sizes)
        self.dropout = nn.Dropout(config.dropout)
        self.attention = AttentionBlock(width, config.heads, config.dropout)
        self.head = nn.Linear(width, config.classes)

    def inputs(self, features: Tensor, present: Tensor) -> Tensor:
        """Replace absent turns [.., K, F] by the learned vector; `present` is bool [.., K]."""
        return torch.where(present[..., None], features, self.absent)

    def forward(self, features: Tensor, present: Tensor, turns: Tensor) -> tuple[Tensor, Tensor]:
        """Read whole conversations.

        Args:
            features: Stage I embeddings [B, K, F], padded at the end.
            present: bool [B, K], whether the turn has this modality.
            turns: bool [B, K], False for padding.

        Returns:
            Stage II embeddings [B, K, 2H] and logits [B, K, C].
        """
        x = self.dropout(self.inputs(features, present))
        reverse = reversal(turns)
        for layer in self.layers:
            x = self.dropout(layer(x, reverse))
        return self.attend(x, turns)

    def attend(self, x: Tensor, turns: Tensor | None) -> tuple[Tensor, Tensor]:
        """The part above the GRU: self-attention and the head; `turns` is None where nothing is padding."""
        context = self.attention(x, x, turns)
        return context, self.head(context)


def reversal(turns: Tensor) -> Tensor:
    """Indices [B, K] that turn each conversation round and leave its padding at the end."""
    count = turns.sum(dim=1, keepdim=True)  # [B, 1]
    position = torch.arange(turns.shape[1], device=turns.device)[None]  # [1, K]
    return torch.where(position < count, count - 1 - position, position)


def _take(x: Tensor, index: Tensor) -> Tensor:
    return x.gather(1, index[..., None].expand_as(x))
