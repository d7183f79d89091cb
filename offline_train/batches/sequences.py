"""Conversations as sequences of Stage I embeddings, the input of Stages II and III."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from offline_train.training.settings import Share

Modality = Literal["text", "speech"]

_SURENESS = 6
"""Exponent of the made-up recogniser's confidence, whose mean is six sevenths. Chosen, not measured."""

UNSCORED = -100
"""Class index of a turn that is context only; cross-entropy ignores it."""


@dataclass(frozen=True)
class Embedded:
    """An embedded conversation.

    Attributes:
        text: T1 [K, text features].
        speech: S1 [K, speech features].
        present: bool [K, 2], whether a turn has words and sound.
        labels: class indices [K], `UNSCORED` for context.
        soft: teachers' probabilities for every turn [K, C]; None without teachers.
        certainty: of words and sound that are there [K, 2] (see `models.evidence`); None for certain.
    """

    text: Tensor
    speech: Tensor
    present: Tensor
    labels: Tensor
    soft: Tensor | None = None
    certainty: Tensor | None = None

    def __len__(self) -> int:
        return len(self.labels)

    def prefix(self, turns: int) -> "Embedded":
        """The first turns of the conversation."""
        return Embedded(
            self.text[:turns],
            self.speech[:turns],
            self.present[:turns],
            self.labels[:turns],
            None if self.soft is None else self.soft[:turns],
            None if self.certainty is None else self.certainty[:turns],
        )

    @property
    def evidence(self) -> Tensor:
        """Of words and sound [K, 2], 0 where there are none."""
        return self.present.float() if self.certainty is None else self.present * self.certainty


class Batch(NamedTuple):
    """Conversations padded at the end: [B, K, ..]; `turns` is False for padding."""

    text: Tensor
    speech: Tensor
    evidence: Tensor
    turns: Tensor
    labels: Tensor
    soft: Tensor | None


def collate(conversations: Sequence[Embedded]) -> Batch:
    """Pad conversations to the longest."""
    soft = [c.soft for c in conversations if c.soft is not None]
    return Batch(
        pad_sequence([c.text for c in conversations], batch_first=True),
        pad_sequence([c.speech for c in conversations], batch_first=True),
        pad_sequence([c.evidence for c in conversations], batch_first=True),
        pad_sequence([torch.ones(len(c), dtype=torch.bool) for c in conversations], batch_first=True),
        pad_sequence([c.labels for c in conversations], batch_first=True, padding_value=UNSCORED),
        pad_sequence(soft, batch_first=True) if len(soft) == len(conversations) else None,
    )


@dataclass(frozen=True)
class Scarcity:
    """Parts of conversations removed in training, so that the model does not depend on them.

    Attributes:
        prefix: share of conversations cut to a random prefix, whose newest turn has no future.
        turn_text: share of turns that lose their words.
        turn_speech: share of turns that lose their sound.
        all_speech: share of conversations that lose all sound.
        all_text: share of conversations that lose all words, if they have sound.
        recognised: share of conversations whose words come from a recogniser, as often right as it is sure;
            wrong turns have the words of another turn.
    """

    prefix: Share = 0.5
    turn_text: Share = 0.05
    turn_speech: Share = 0.05
    all_speech: Share = 0.0
    all_text: Share = 0.0
    recognised: Share = 0.0

    def apply(self, conversation: Embedded, generator: torch.Generator) -> Embedded:
        """Remove random parts of a conversation."""
        draw = torch.rand(5, generator=generator).tolist()
        if draw[0] < self.prefix:
            conversation = conversation.prefix(1 + int(draw[1] * len(conversation)))
        turns = torch.rand(len(conversation), 2, generator=generator)
        kept = turns >= torch.tensor([self.turn_text, self.turn_speech])
        if draw[2] < self.all_speech:
            kept[:, 1] = False
        elif draw[3] < self.all_text and conversation.present[:, 1].any():
            kept[:, 0] = False
        conversation = replace(conversation, present=conversation.present & kept)
        return _recognised(conversation, generator) if draw[4] < self.recognised else conversation


def _recognised(conversation: Embedded, generator: torch.Generator) -> Embedded:
    """With words of a recogniser; see `Scarcity`."""
    count = len(conversation)
    sure, right = torch.rand(2, count, generator=generator)
    confidence = sure ** (1 / _SURENESS)
    others = torch.randint(count, (count,), generator=generator)
    rows = torch.where(right < confidence, torch.arange(count), others)
    certainty = torch.ones(count, 2) if conversation.certainty is None else conversation.certainty
    return replace(
        conversation,
        text=conversation.text[rows],
        present=torch.stack([conversation.present[rows, 0], conversation.present[:, 1]], dim=1),
        certainty=torch.stack([confidence, certainty[:, 1]], dim=1),
    )


def random_batches(
    conversations: Sequence[Embedded], size: int, scarcity: Scarcity, generator: torch.Generator
) -> list[Batch]:
    """The batches of an epoch: every conversation once, in random order, with random parts removed."""
    order = torch.randperm(len(conversations), generator=generator).tolist()
    return [
        collate([scarcity.apply(conversations[i], generator) for i in order[start : start + size]])
        for start in range(0, len(order), size)
    ]
