"""Stage II: a Bi-GRU with self-attention over the turns of a conversation, per modality (MERITS-L, III-C)."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from models.attention import AttentionBlock
from models.config_limits import Depth, Share, Size


@dataclass(frozen=True)
class ContextConfig:
    """Shape of one modality's context network.

    Attributes:
        features: size of the Stage I embeddings.
        hidden: size of each GRU direction; T2 and S2 are twice as wide.
        layers: GRU layers.
        heads: attention heads; must divide 2 * hidden.
        classes: number of emotions.
        dropout: dropout rate on inputs, between layers and after attention.
        skip: whether the head reads the Stage I embedding, too, so that context corrects what Stage I says.
    """

    features: Size
    hidden: Size = 128
    layers: Depth = 1
    heads: Size = 4
    classes: Size = 7
    dropout: Share = 0.3
    skip: bool = False


class BiGRULayer(nn.Module):
    """A bidirectional layer as two GRUs, so that the forward one can run turn by turn."""

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
    """T1 (or S1) of every turn -> T2 (or S2), and logits from that.

    A turn that lacks the modality is replaced by a learned vector.
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
        self.head = nn.Linear(width + (config.features if config.skip else 0), config.classes)

    def inputs(self, features: Tensor, present: Tensor) -> Tensor:
        """Replace absent turns [.., K, F] by the learned vector; `present` is bool [.., K]."""
        return torch.where(present[..., None], features, self.absent)

    def forward(self, features: Tensor, present: Tensor, turns: Tensor) -> tuple[Tensor, Tensor]:
        """Apply the network to whole conversations.

        Args:
            features: Stage I embeddings [B, K, F], padded at the end.
            present: bool [B, K], whether the turn has this modality.
            turns: bool [B, K], False for padding.

        Returns:
            Stage II embeddings [B, K, 2H] and logits [B, K, C].
        """
        read = self.inputs(features, present)
        x = self.dropout(read)
        reverse = reversal(turns)
        for layer in self.layers:
            x = self.dropout(layer(x, reverse))
        return self.attend(x, read if self.config.skip else None, turns)

    def newest(self, features: Tensor, present: Tensor) -> tuple[Tensor, Tensor]:
        """The result of `forward` for the last turn of each prefix: no turn sees later ones.

        Args:
            features: Stage I embeddings [K, F] of one conversation.
            present: bool [K], whether the turn has this modality.

        Returns:
            Stage II embeddings [K, 2H] and logits [K, C]; row k depends on turns 0..k.
        """
        count = len(features)
        turns = torch.ones(count, count, dtype=torch.bool, device=features.device).tril()
        reverse, lengths = reversal(turns), torch.arange(1, count + 1)
        read = self.inputs(features, present)
        x = read[None].expand(count, -1, -1)  # [prefixes, K, F]
        for depth, layer in enumerate(self.layers):
            # The lowest forward GRU gives a turn the same state in every prefix.
            ahead, _ = layer.forward_gru(x if depth else x[:1])  # type: ignore[operator]
            turned = pack_padded_sequence(_take(x, reverse), lengths, batch_first=True, enforce_sorted=False)
            back, _ = pad_packed_sequence(layer.backward_gru(turned)[0], batch_first=True)  # type: ignore[operator]
            x = torch.cat([ahead.expand(count, -1, -1), _take(back, reverse)], dim=-1)
        own = x[torch.arange(count), torch.arange(count)][:, None]  # [K, 1, 2H]
        context = self.attention(own, x, turns)[:, 0]
        return context, self._logits(context, read if self.config.skip else None)

    def attend(self, x: Tensor, read: Tensor | None, turns: Tensor | None) -> tuple[Tensor, Tensor]:
        """The layers above the GRU: self-attention and the head.

        Args:
            x: the GRU's states [B, K, 2H].
            read: its inputs [B, K, F], with `ContextConfig.skip`; else None.
            turns: bool [B, K], False for padding; None if there is none.

        Returns:
            As `forward`.
        """
        context = self.attention(x, x, turns)
        return context, self._logits(context, read)

    def _logits(self, context: Tensor, read: Tensor | None) -> Tensor:
        logits: Tensor = self.head(context if read is None else torch.cat([context, self.dropout(read)], -1))
        return logits

    def begin_with(self, stage1: nn.Linear) -> None:
        """With `ContextConfig.skip`: say what the head of Stage I says, whatever the context."""
        with torch.no_grad():
            self.head.weight.zero_()
            self.head.weight[:, -stage1.in_features :] = stage1.weight
            self.head.bias.copy_(stage1.bias)


def reversal(turns: Tensor) -> Tensor:
    """Indices [B, K] that reverse each conversation and leave its padding at the end."""
    count = turns.sum(dim=1, keepdim=True)  # [B, 1]
    position = torch.arange(turns.shape[1], device=turns.device)[None]  # [1, K]
    return torch.where(position < count, count - 1 - position, position)


def _take(x: Tensor, index: Tensor) -> Tensor:
    return x.gather(1, index[..., None].expand_as(x))
