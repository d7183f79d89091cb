"""Stage III: co-attention fuses the two modalities (MERITS-L, section III-D)."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from models.attention import AttentionBlock
from models.config_limits import Share, Size


@dataclass(frozen=True)
class CoAttentionConfig:
    """Shape of the fusion.

    Attributes:
        text: size of T2.
        speech: size of S2.
        width: size to which both are projected.
        heads: attention heads; must divide `width`.
        classes: number of emotions.
        dropout: dropout rate on residual branches and before the head.
        weighed: whether the modalities' logits are weighed by how sure each is (see `models.modality_trust`).
    """

    text: Size
    speech: Size
    width: Size = 128
    heads: Size = 4
    classes: Size = 7
    dropout: Share = 0.3
    weighed: bool = False


class CoAttentionBranch(nn.Module):
    """One modality's side: cross-attention to the other modality, then self-attention."""

    def __init__(self, config: CoAttentionConfig) -> None:
        super().__init__()
        self.cross = AttentionBlock(config.width, config.heads, config.dropout)
        self.self_attention = AttentionBlock(config.width, config.heads, config.dropout)

    def forward(self, own: Tensor, other: Tensor, other_present: Tensor, turns: Tensor | None) -> Tensor:
        """[B, K, width] of both modalities -> [B, K, width]."""
        crossed = self.cross(own, other, other_present)
        result: Tensor = self.self_attention(crossed, crossed, turns)
        return result


class CoAttention(nn.Module):
    """T2 and S2 of a conversation -> a correction of their logits. Symmetric in the two modalities."""

    def __init__(self, config: CoAttentionConfig) -> None:
        super().__init__()
        self.config = config
        self.text_in = nn.Linear(config.text, config.width)
        self.speech_in = nn.Linear(config.speech, config.width)
        self.text_branch = CoAttentionBranch(config)
        self.speech_branch = CoAttentionBranch(config)
        self.dropout = nn.Dropout(config.dropout)
        self.head = nn.Linear(2 * config.width, config.classes)
        nn.init.zeros_(self.head.weight)  # training starts from the sum of the modalities' logits
        nn.init.zeros_(self.head.bias)

    def forward(
        self,
        text: Tensor,
        speech: Tensor,
        text_present: Tensor,
        speech_present: Tensor,
        turns: Tensor | None,
    ) -> Tensor:
        """Fuse.

        Args:
            text: T2 [B, K, text].
            speech: S2 [B, K, speech].
            text_present: bool [B, K], turns with words.
            speech_present: bool [B, K], turns with sound.
            turns: bool [B, K], False for padding; None if there is none.

        Returns:
            Logits [B, K, C].
        """
        t, s = self.text_in(text), self.speech_in(speech)  # [B, K, width]
        both = torch.cat(
            [
                self.text_branch(t, s, speech_present, turns) * text_present.any(1)[:, None, None],
                self.speech_branch(s, t, text_present, turns) * speech_present.any(1)[:, None, None],
            ],
            dim=-1,
        )
        logits: Tensor = self.head(self.dropout(both))
        return logits
