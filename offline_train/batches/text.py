"""Training batches for the text encoder."""

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from models.text_encoder import TextEncoder, Tokens
from offline_train.corpora.corpus import Conversation, preceding


@dataclass(frozen=True, slots=True)
class Shown:
    """An utterance.

    Attributes:
        text: its words.
        context: words of the preceding turns, oldest first.
        target: target distribution over classes [C].
    """

    text: str
    context: tuple[str, ...]
    target: Tensor

    @property
    def length(self) -> int:
        """Number of characters, context included."""
        return len(self.text) + sum(map(len, self.context))


def shown_utterances(
    conversations: Sequence[Conversation], labels: Sequence[str], context_turns: int
) -> list[Shown]:
    """The utterances that have both words and a label, with the preceding words."""
    certain = torch.eye(len(labels))
    said = [utterance for conversation in conversations for utterance in conversation.utterances]
    return [
        Shown(utterance.text, context, certain[labels.index(utterance.label)])
        for utterance, context in zip(said, preceding(conversations, context_turns), strict=True)
        if utterance.text and utterance.label is not None
    ]


def plain(shown: Shown) -> Shown:
    """The utterance in lower case without punctuation, as from a speech recogniser."""
    return replace(
        shown, text=as_recognised(shown.text), context=tuple(as_recognised(text) for text in shown.context)
    )


def as_recognised(text: str) -> str:
    """A text in lower case without punctuation except apostrophes, as from a speech recogniser."""
    words = re.sub(r"[^\w\s']", " ", text.replace("’", "'").lower()).split()
    return " ".join(words) or text


def smoothed(target: Tensor, share: float) -> Tensor:
    """A target distribution [C] of which a share is the same for all classes (label smoothing)."""
    return (1 - share) * target + share / len(target)


def text_batches(
    encoder: TextEncoder, utterances: Sequence[Shown], size: int, chance: random.Random
) -> list[tuple[Tokens, Tensor]]:
    """Random batches of similar length, to avoid padding: tokens and targets [B, C]."""
    order = list(range(len(utterances)))
    chance.shuffle(order)
    pool = size * 50
    batches = []
    for start in range(0, len(order), pool):
        near = sorted(order[start : start + pool], key=lambda i: utterances[i].length)
        batches += [near[i : i + size] for i in range(0, len(near), size)]
    chance.shuffle(batches)
    return [
        (
            encoder.tokenize([utterances[i].text for i in chosen], [utterances[i].context for i in chosen]),
            torch.stack([utterances[i].target for i in chosen]),
        )
        for chosen in batches
    ]
