"""Whose earlier turns a turn is judged against, and in which order they come."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import NamedTuple

import torch
from pydantic import PositiveInt
from torch import Tensor

from offline_train.corpora.corpus import Conversation, Corpus, Split, Utterance
from offline_train.training.settings import Share


class Turn(NamedTuple):
    """An utterance as one of its speaker's turns.

    Attributes:
        utterance: the utterance.
        speaker: whose turns are judged against each other.
    """

    utterance: Utterance
    speaker: Hashable


def turns_of(corpus: Corpus, split: Split) -> list[Turn]:
    """The utterances of a split, so that a speaker's earlier turns come earlier.

    What is usual for a speaker belongs to a conversation. Clips, which are conversations of one turn, are
    turns of one conversation with their speaker, in a random order that is always the same: by their names,
    they would be in order of emotion.
    """
    found = []
    for conversation in sorted(corpus.splits[split], key=_place):
        alone = len(conversation.utterances) == 1 and conversation.utterances[0].speaker is not None
        found += [
            Turn(each, each.speaker if alone else (conversation.id, each.speaker))
            for each in conversation.utterances
        ]
    return found


def _place(conversation: Conversation) -> bytes:
    return sha256(conversation.id.encode()).digest()


@dataclass(frozen=True)
class HistorySettings:
    """Settings of the earlier turns that a training turn is judged against.

    Attributes:
        none: share of turns without any, which are judged against the prior alone.
        neutral: share of the others whose earlier turns are all neutral, as those of everyday speech are.
        most: most earlier turns.
    """

    none: Share = 0.2
    neutral: Share = 0.4
    most: PositiveInt = 16


class Histories:
    """Draws earlier turns for training: a random handful of the others of the same speaker.

    A speaker with few turns may say them several times.
    """

    def __init__(
        self, speakers: Sequence[int], countable: Tensor, neutral: Tensor, settings: HistorySettings
    ) -> None:
        """Group the turns.

        Args:
            speakers: of the turns [N].
            countable: bool [N], which turns may be heard earlier.
            neutral: bool [N], which of the turns are neutral.
            settings: the settings.
        """
        self._settings, self._speakers, self._neutral = settings, speakers, neutral
        members: dict[int, list[int]] = {}
        for number, (speaker, counts) in enumerate(zip(speakers, countable.tolist(), strict=True)):
            if counts:
                members.setdefault(speaker, []).append(number)
        self._members = {speaker: torch.tensor(numbers) for speaker, numbers in members.items()}

    def draw(self, turn: int, generator: torch.Generator) -> Tensor:
        """Numbers of the earlier turns of a turn; empty for none."""
        none, neutral = torch.rand(2, generator=generator).tolist()
        members = self._members.get(self._speakers[turn], torch.zeros(0, dtype=torch.long))
        others = members[members != turn]
        if neutral < self._settings.neutral and self._neutral[others].any():
            others = others[self._neutral[others]]
        if not len(others) or none < self._settings.none:
            return others[:0]
        count = int(torch.randint(self._settings.most, (), generator=generator)) + 1
        return others[torch.randint(len(others), (count,), generator=generator)]
