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
        most: most of them.
        strangers: share of the turns of ordinary speech whose earlier turns are of anybody: so it is where
            nobody tells the speakers apart.
    """

    none: Share = 0.2
    most: PositiveInt = 16
    strangers: Share = 0.3


class Histories:
    """Draws earlier turns for training: a random handful of the others of the same speaker.

    One may be drawn more than once: the histories of speakers with few turns are as long as those of others,
    or else their length would tell who acts.
    """

    def __init__(
        self, speakers: Sequence[int], countable: Tensor, ordinary: Tensor, settings: HistorySettings
    ) -> None:
        """Group the turns.

        Args:
            speakers: of the turns [N].
            countable: bool [N], which turns may be heard earlier.
            ordinary: bool [N], which turns are ordinary speech, not acted.
            settings: the settings.
        """
        self._ordinary, self._anybody = ordinary, (ordinary & countable).nonzero()[:, 0]
        self._settings, self._speakers = settings, speakers
        members: dict[int, list[int]] = {}
        for number, (speaker, counts) in enumerate(zip(speakers, countable.tolist(), strict=True)):
            if counts:
                members.setdefault(speaker, []).append(number)
        self._members = {speaker: torch.tensor(numbers) for speaker, numbers in members.items()}

    def draw(self, turn: int, generator: torch.Generator) -> Tensor:
        """Numbers of the earlier turns of a turn; empty for none."""
        nobody = torch.zeros(0, dtype=torch.long)
        members = self._members.get(self._speakers[turn], nobody)
        if bool(self._ordinary[turn]) and self._happens(self._settings.strangers, generator):
            members = self._anybody
        others = members[members != turn]
        if not len(others) or self._happens(self._settings.none, generator):
            return nobody
        count = int(torch.randint(self._settings.most, (), generator=generator)) + 1
        return others[torch.randint(len(others), (count,), generator=generator)]

    @staticmethod
    def _happens(share: float, generator: torch.Generator) -> bool:
        return float(torch.rand((), generator=generator)) < share
