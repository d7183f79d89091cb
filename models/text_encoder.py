"""RoBERTa-FT: the words of an utterance -> an embedding (MERITS-L, section III-A)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

import torch
from pydantic import Field
from torch import Tensor, nn

from models.adapters import add_adapters
from models.config_limits import Share, Size
from models.text_base import load_text_base

LoraRank = Annotated[int, Field(ge=0, le=1024)]

_PLAIN = str.maketrans(
    {"’": "'", "‘": "'", "“": '"', "”": '"', "…": "...", "—": " - ", "–": "-"}  # as recognisers write
)


@dataclass(frozen=True)
class TextConfig:
    """Which text encoder.

    Attributes:
        base: the pre-trained encoder it starts from (see `models.base_encoder.find_base`).
        pooling: how token states become one embedding: their mean, or the first token's.
        max_tokens: longer utterances are cut.
        context_turns: preceding turns that the encoder reads before the utterance; 0 for none.
        context_words: of them together at most, the latest.
        train_embeddings: False leaves the token embeddings as they came; a bundle need not carry them then.
        lora_rank: rank of the adapters of an encoder that is otherwise left as it came; 0 for none.
        classes: size of the Stage I head.
        dropout: before the Stage I head.
    """

    base: str = "all-MiniLM-L6-v2"
    pooling: Literal["mean", "first"] = "mean"
    max_tokens: Size = 128
    context_turns: int = 0
    context_words: int = 32
    train_embeddings: bool = False
    lora_rank: LoraRank = 0
    classes: Size = 7
    dropout: Share = 0.1


class Tokens(NamedTuple):
    """A batch of utterances as tokens, each [B, L].

    Attributes:
        ids: token ids.
        mask: 1 for tokens, 0 for padding.
        own: 1 for what is pooled: the utterance, not what came before it.
    """

    ids: Tensor
    mask: Tensor
    own: Tensor

    def to(self, device: torch.device) -> "Tokens":
        """The same on another device."""
        return Tokens(*(each.to(device) for each in self))


class TextEncoder(nn.Module):
    """Stage I of the text modality: embedding T1 and the logits read off it."""

    def __init__(
        self,
        config: TextConfig,
        folder: Path,
        *,
        pretrained: bool = True,
        adapt: Callable[[nn.Module, int], None] = add_adapters,
    ) -> None:
        """Build the encoder.

        Args:
            config: which.
            folder: the base encoder's folder, as `find_base` returns it.
            pretrained: start from the folder's weights; False for random ones of the same shape.
            adapt: freezes a network and adds adapters of a rank to it.
        """
        super().__init__()
        self.config = config
        self.backbone, self.dimension, self.tokenizer, self._separator = load_text_base(
            folder, pretrained=pretrained
        )
        self.tokenizer.enable_truncation(config.max_tokens)
        self.dropout = nn.Dropout(config.dropout)
        self.head = nn.Linear(self.dimension, config.classes)
        if config.lora_rank:
            adapt(self.backbone, config.lora_rank)
        self.backbone.get_submodule("embeddings").requires_grad_(config.train_embeddings)

    def tokenize(self, texts: Sequence[str], contexts: Sequence[Sequence[str]] | None = None) -> Tokens:
        """Tokens of a batch, padded to the longest.

        Args:
            texts: utterances [B].
            contexts: what was said before each, oldest first [B, any]; None for nothing. Only the last
                `context_turns` of them are read.
        """
        own = [text.translate(_PLAIN) for text in texts]
        turns = self.config.context_turns
        if turns:
            before = [self._joined(context[-turns:]) for context in contexts or [()] * len(own)]
            encoded = self.tokenizer.encode_batch(list(zip(before, own, strict=True)))
        else:
            encoded = self.tokenizer.encode_batch(own)
        ids = torch.tensor([each.ids for each in encoded])
        mask = torch.tensor([each.attention_mask for each in encoded])
        if not turns:
            return Tokens(ids, mask, mask)
        # An utterance that is nothing but unknown to the tokenizer still needs a token to pool.
        spoken = torch.tensor([[piece == 1 for piece in each.sequence_ids] for each in encoded])
        spoken[~spoken.any(1), 0] = True
        return Tokens(ids, mask, spoken.to(mask.dtype))

    def _joined(self, context: Sequence[str]) -> str:
        end = self._separator
        words = [word for turn in context for word in (*turn.translate(_PLAIN).split(), end)]
        return " ".join(words[:-1][-self.config.context_words :])

    def forward(self, tokens: Tokens) -> tuple[Tensor, Tensor]:
        """Embed utterances.

        Returns:
            T1 [B, D] and Stage I logits [B, C].
        """
        read = self.backbone(input_ids=tokens.ids, attention_mask=tokens.mask)
        states = read.last_hidden_state  # [B, L, D]
        if self.config.pooling == "first":
            embedding = states[:, 0]
        else:
            weight = tokens.own.unsqueeze(-1).to(states.dtype)  # [B, L, 1]
            embedding = (states * weight).sum(1) / weight.sum(1)
        return embedding, self.head(self.dropout(embedding))

    @torch.inference_mode()
    def embed(
        self, texts: Sequence[str], contexts: Sequence[Sequence[str]] | None = None, batch: int = 64
    ) -> tuple[Tensor, Tensor]:
        """T1 [N, D] and Stage I logits [N, C] of many texts; `contexts` as in `tokenize`."""
        contexts = contexts or [()] * len(texts)
        length = [len(text) + sum(map(len, before)) for text, before in zip(texts, contexts, strict=True)]
        order = sorted(range(len(texts)), key=length.__getitem__)
        embeddings = torch.empty(len(texts), self.dimension)
        logits = torch.empty(len(texts), self.config.classes)
        for start in range(0, len(order), batch):
            chosen = order[start : start + batch]
            tokens = self.tokenize([texts[i] for i in chosen], [contexts[i] for i in chosen])
            embedding, scores = self(tokens.to(self.head.weight.device))
            embeddings[chosen], logits[chosen] = embedding.float().cpu(), scores.float().cpu()
        return embeddings, logits
