"""RoBERTa-FT: the words of an utterance -> an embedding (MERITS-L, section III-A)."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn
from transformers import AutoConfig, AutoModel, AutoTokenizer
from transformers.utils import logging as transformers_logging

# It would report the pooler we leave out, in the midst of the live view.
transformers_logging.set_verbosity_error()  # type: ignore[no-untyped-call]
transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]

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
        train_embeddings: False leaves the token embeddings as they came; a bundle need not carry them then.
        classes: size of the Stage I head.
        dropout: before the Stage I head.
    """

    base: str = "all-MiniLM-L6-v2"
    pooling: Literal["mean", "first"] = "mean"
    max_tokens: int = 128
    train_embeddings: bool = False
    classes: int = 7
    dropout: float = 0.1


class TextEncoder(nn.Module):
    """Stage I of the text modality: embedding T1 and the logits read off it."""

    def __init__(self, config: TextConfig, folder: Path, *, pretrained: bool = True) -> None:
        """Build the encoder.

        Args:
            config: which.
            folder: the base encoder's folder, as `find_base` returns it.
            pretrained: start from the folder's weights; False for random ones of the same shape.
        """
        super().__init__()
        self.config = config
        shape = AutoConfig.from_pretrained(folder)
        options = {"add_pooling_layer": False} if shape.model_type in {"bert", "roberta"} else {}
        self.backbone: nn.Module = (
            AutoModel.from_pretrained(folder, config=shape, dtype=torch.float32, **options)
            if pretrained
            else AutoModel.from_config(shape, **options)  # type: ignore[no-untyped-call]
        )
        self.tokenizer = AutoTokenizer.from_pretrained(folder)
        self.dimension: int = shape.hidden_size
        self.dropout = nn.Dropout(config.dropout)
        self.head = nn.Linear(self.dimension, config.classes)
        if not config.train_embeddings:
            self.backbone.get_submodule("embeddings").requires_grad_(requires_grad=False)

    def tokenize(self, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Token ids and attention mask, each [B, L], padded to the longest text."""
        tokens = self.tokenizer(
            [text.translate(_PLAIN) for text in texts],
            padding=True,
            truncation=True,
            max_length=self.config.max_tokens,
            return_tensors="pt",
        )
        return tokens["input_ids"], tokens["attention_mask"]

    def forward(self, ids: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Embed utterances.

        Args:
            ids: token ids [B, L].
            mask: 1 for tokens, 0 for padding [B, L].

        Returns:
            T1 [B, D] and Stage I logits [B, C].
        """
        states = self.backbone(input_ids=ids, attention_mask=mask).last_hidden_state  # [B, L, D]
        if self.config.pooling == "first":
            embedding = states[:, 0]
        else:
            weight = mask.unsqueeze(-1).to(states.dtype)  # [B, L, 1]
            embedding = (states * weight).sum(1) / weight.sum(1)
        return embedding, self.head(self.dropout(embedding))

    @torch.inference_mode()
    def embed(self, texts: Sequence[str], batch: int = 64) -> tuple[Tensor, Tensor]:
        """T1 [N, D] and Stage I logits [N, C] of many texts, batched by length."""
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
        embeddings = torch.empty(len(texts), self.dimension)
        logits = torch.empty(len(texts), self.config.classes)
        for start in range(0, len(order), batch):
            chosen = order[start : start + batch]
            ids, mask = self.tokenize([texts[i] for i in chosen])
            embedding, scores = self(ids.to(self.head.weight.device), mask.to(self.head.weight.device))
            embeddings[chosen], logits[chosen] = embedding.cpu(), scores.cpu()
        return embeddings, logits
