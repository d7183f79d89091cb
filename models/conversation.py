"""Stages II and III together: Stage I embeddings of a conversation -> an emotion for every turn."""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from models.coattention import CoAttention, CoAttentionConfig
from models.context import ContextConfig, ContextEncoder


@dataclass(frozen=True)
class ConversationConfig:
    """Shapes of the three networks that read a conversation."""

    text: ContextConfig
    speech: ContextConfig
    fusion: CoAttentionConfig


class Logits(NamedTuple):
    """Scores of every turn, each [B, K, C]: Stage II by modality, Stage III fused."""

    text: Tensor
    speech: Tensor
    fused: Tensor


class ConversationModel(nn.Module):
    """The offline form, which reads whole conversations; `models.window` is the incremental one."""

    def __init__(self, config: ConversationConfig) -> None:
        super().__init__()
        self.config = config
        self.text = ContextEncoder(config.text)
        self.speech = ContextEncoder(config.speech)
        self.fusion = CoAttention(config.fusion)

    def forward(
        self, text: Tensor, speech: Tensor, text_present: Tensor, speech_present: Tensor, turns: Tensor
    ) -> Logits:
        """Judge every turn.

        Args:
            text: T1 [B, K, text features]; anything where absent.
            speech: S1 [B, K, speech features]; anything where absent.
            text_present: bool [B, K].
            speech_present: bool [B, K].
            turns: bool [B, K], False for padding, which is at the end.
        """
        t2, text_logits = self.text(text, text_present, turns)
        s2, speech_logits = self.speech(speech, speech_present, turns)
        return Logits(text_logits, speech_logits, self.fusion(t2, s2, text_present, speech_present, turns))


def one_conversation(model: ConversationModel, text: Tensor, speech: Tensor, present: Tensor) -> Logits:
    """`model` on a single conversation.

    Args:
        model: the offline form.
        text: T1 [K, text features].
        speech: S1 [K, speech features].
        present: bool [K, 2], words and sound.

    Returns:
        Logits, each [K, C].
    """
    turns = torch.ones(1, len(text), dtype=torch.bool)
    logits = model(text[None], speech[None], present[None, :, 0], present[None, :, 1], turns)
    return Logits(*(each[0] for each in logits))
