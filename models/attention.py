"""Attention with a residual connection and layer norm, the building block of Stages II and III."""

from torch import Tensor, nn
from torch.nn import functional


class AttentionBlock(nn.Module):
    """LayerNorm(query + Dropout(MultiHead(query, memory, memory))); with equal arguments, self-attention."""

    def __init__(self, width: int, heads: int, dropout: float, attention_dropout: float = 0.1) -> None:
        super().__init__()
        if width % heads:
            raise ValueError(f"width {width} is not a multiple of {heads} heads")
        self.heads = heads
        self.query = nn.Linear(width, width)
        self.key_value = nn.Linear(width, 2 * width)
        self.output = nn.Linear(width, width)
        self.dropout = nn.Dropout(dropout)
        self.attention_dropout = attention_dropout
        self.norm = nn.LayerNorm(width)

    def forward(self, query: Tensor, memory: Tensor, present: Tensor | None) -> Tensor:
        """Apply the block.

        Args:
            query: [B, K, D].
            memory: [B, M, D].
            present: bool [B, M], False for memory that must not be attended to; None if all may be. In a
                conversation without memory, attention contributes nothing and only the residual remains.

        Returns:
            [B, K, D].
        """
        batch, turns, width = query.shape
        split = (batch, -1, self.heads, width // self.heads)
        q = self.query(query).view(split).transpose(1, 2)  # [B, H, K, D/H]
        k, v = (part.reshape(split).transpose(1, 2) for part in self.key_value(memory).chunk(2, dim=-1))
        mask = None
        if present is not None:
            any_present = present.any(dim=1)  # [B]
            mask = (present | ~any_present[:, None])[:, None, None]  # a softmax over nothing would be NaN
        attended = functional.scaled_dot_product_attention(
            q, k, v, mask, dropout_p=self.attention_dropout if self.training else 0.0
        )
        attended = self.output(attended.transpose(1, 2).reshape(batch, turns, width))
        if present is not None:
            attended = attended * any_present[:, None, None]
        result: Tensor = self.norm(query + self.dropout(attended))
        return result
