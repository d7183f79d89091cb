"""Stages II and III together: Stage I embeddings of a conversation -> an emotion for every turn.

A model trained on words alone has no speech path; it consists of the text modality's Stage II.
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from models.coattention import CoAttention, CoAttentionConfig
from models.context_encoder import ContextConfig, ContextEncoder
from models.modality_trust import ModalityTrust


@dataclass(frozen=True)
class ConversationConfig:
    """Shapes of the networks that classify the turns of a conversation.

    Attributes:
        text: Stage II of the text modality.
        speech: Stage II of the speech modality; None for a model that uses the words alone.
        fusion: Stage III; None if `speech` is.

    Raises:
        ValueError: only one of `speech` and `fusion` is None.
    """

    text: ContextConfig
    speech: ContextConfig | None = None
    fusion: CoAttentionConfig | None = None

    def __post_init__(self) -> None:
        if (self.speech is None) != (self.fusion is None):
            raise ValueError("`speech` and `fusion` go together")


class Logits(NamedTuple):
    """Logits of every turn.

    Attributes:
        text: Stage II of the words [B, K, C].
        speech: Stage II of the voice [B, K, C]; zero without a speech path.
        fused: Stage III [B, K, C]; `text` without a speech path.
        plane: of the turn's own voice, of being aroused and of being pleasant [B, K, 2]; zero without sound.
    """

    text: Tensor
    speech: Tensor
    fused: Tensor
    plane: Tensor


class ConversationModel(nn.Module):
    """The offline form, for whole conversations; the incremental one is in `models.incremental_context`."""

    def __init__(self, config: ConversationConfig) -> None:
        super().__init__()
        self.config = config
        self.text = ContextEncoder(config.text)
        self.speech = None if config.speech is None else ContextEncoder(config.speech)
        self.fusion = None if config.fusion is None else CoAttention(config.fusion)
        self.trust = ModalityTrust() if config.fusion is not None and config.fusion.weighed else None

    def forward(self, text: Tensor, speech: Tensor, evidence: Tensor, turns: Tensor) -> Logits:
        """Classify every turn.

        Args:
            text: T1 [B, K, text features]; arbitrary for turns without words.
            speech: S1 [B, K, speech features], whose last two values are `Logits.plane`; arbitrary for turns
                without sound, or without a speech path.
            evidence: of words and sound [B, K, 2], 0 for turns without them (see `models.evidence`).
            turns: bool [B, K], False for padding at the end.
        """
        has_words, has_sound = (evidence > 0).unbind(-1)
        words = self.text(text, has_words, turns)
        sound = None if self.speech is None else self.speech(speech, has_sound, turns)
        fused = self.fuse(words, sound, evidence, turns)
        own = speech[..., -2:] if sound is not None else words[0].new_zeros(*turns.shape, 2)
        return Logits(*fused, torch.where(has_sound[..., None], own, 0.0))

    def fuse(
        self,
        words: tuple[Tensor, Tensor],
        sound: tuple[Tensor, Tensor] | None,
        evidence: Tensor,
        turns: Tensor | None,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Stage III: Stage II logits of a turn's modalities, weighed and summed, corrected by co-attention.

        In the paper, logits come from the co-attention alone. Starting from Stage II, a turn with one
        modality is classified by that modality from the beginning of the training.

        Args:
            words: T2 [B, K, 2H] and Stage II logits [B, K, C].
            sound: S2 [B, K, 2H] and Stage II logits [B, K, C]; None without a speech path. Then the logits of
                Stage II are returned, also for turns without words.
            evidence: as for `forward`.
            turns: bool [B, K], False for padding; None if there is none.

        Returns:
            `text`, `speech` and `fused` of `Logits`.
        """
        if self.fusion is None or sound is None:
            return words[1], torch.zeros_like(words[1]), words[1]
        present = evidence > 0
        correction: Tensor = self.fusion(words[0], sound[0], present[..., 0], present[..., 1], turns)
        weights = present if self.trust is None else self.trust(words[1], sound[1], evidence)
        alone = words[1] * weights[..., :1] + sound[1] * weights[..., 1:]
        return words[1], sound[1], alone + correction


def one_conversation(model: ConversationModel, text: Tensor, speech: Tensor, evidence: Tensor) -> Logits:
    """Apply `model` to a single conversation.

    Args:
        model: the offline form.
        text: T1 [K, text features].
        speech: S1 [K, speech features].
        evidence: of words and sound [K, 2], 0 for turns without them.

    Returns:
        Logits, each [K, ...].
    """
    turns = torch.ones(1, len(text), dtype=torch.bool, device=text.device)
    logits = model(text[None], speech[None], evidence[None].float(), turns)
    return Logits(*(each[0] for each in logits))
