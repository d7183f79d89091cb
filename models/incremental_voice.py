"""The incremental form of Stage I of the voice: turns of a window, judged against their speakers so far.

What is usual for a speaker (see `models.speaker_means`) takes in all of the speaker's earlier turns, also
those that have left the window: a sum and a number stand for them.
"""

from collections.abc import Hashable
from copy import copy
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from models.single_call_networks import SingleCall
from models.speaker_means import usual
from models.speech_classifier import SpeechClassifier

SPEAKERS = 64
"""Limit of speakers that a conversation knows: of more, the one heard longest ago is forgotten, and is a new
speaker when heard again."""


class IncrementalVoice:
    """Stage I of the voice, shared between conversations.

    Args:
        speech: in evaluation mode.

    Attributes:
        network: embeddings [n, D] and what is usual for their speakers [n, D] -> S1 [n, width].
        prior: see `SpeechClassifier`.
        prior_turns: see `SpeechConfig`.
    """

    def __init__(self, speech: SpeechClassifier) -> None:
        self.prior = speech.prior
        self.prior_turns = speech.config.prior_turns
        self.network = SingleCall(_Judge(speech), lambda: [self._example(turns) for turns in (1, 3)])

    def _example(self, turns: int) -> tuple[Tensor, Tensor]:
        embeddings = torch.arange(1.0 * turns * len(self.prior)).reshape(turns, -1).sin()
        return embeddings, embeddings.cos()


class _Judge(nn.Module):
    """Stage I, without its heads; the plane is part of S1."""

    def __init__(self, speech: SpeechClassifier) -> None:
        super().__init__()
        self.speech = speech

    def forward(self, embeddings: Tensor, usual: Tensor) -> Tensor:
        s1: Tensor = self.speech(embeddings, usual)[0]
        return s1


@dataclass(frozen=True, slots=True)
class _History:
    """Of a speaker: the sum of embeddings [D], and their number."""

    total: Tensor
    count: int

    def with_turn(self, embedding: Tensor | None) -> "_History":
        """With one more turn, if it counts."""
        if embedding is None or not bool(embedding.isfinite().all()):
            return self
        return _History(self.total + embedding, self.count + 1)


@dataclass(frozen=True, slots=True)
class _Turn:
    """A turn of the window: its speaker, its embedding, and what was heard of the speaker before it."""

    speaker: Hashable
    embedding: Tensor | None
    before: _History


class VoiceWindow:
    """The voices of a conversation's latest turns. Tensors are never changed, so that copies share them."""

    def __init__(self, model: IncrementalVoice) -> None:
        self._model = model
        self._turns: list[_Turn] = []  # oldest first
        self._histories: dict[Hashable, _History] = {}  # with all turns; the speaker heard longest ago first

    def __deepcopy__(self, memo: dict[int, Any]) -> "VoiceWindow":
        other = copy(self)
        other._turns, other._histories = self._turns.copy(), self._histories.copy()
        return other

    def slide(self) -> None:
        """Remove the oldest turn; it still counts for its speaker."""
        del self._turns[0]

    def append(self, embedding: Tensor | None, speaker: Hashable) -> dict[int, Tensor | None]:
        """Add the newest turn.

        Args:
            embedding: CARE embedding [D], None for a turn without sound.
            speaker: who speaks; None is a speaker, too.

        Returns:
            As `replace` does.
        """
        before = self._histories.get(speaker) or _History(torch.zeros_like(self._model.prior), 0)
        self._turns.append(_Turn(speaker, None, before))
        return self.replace(len(self._turns) - 1, embedding)

    def replace(self, place: int, embedding: Tensor | None) -> dict[int, Tensor | None]:
        """Put another voice of the same speaker in the place of a turn, 0 being the oldest.

        Returns:
            S1 [width] of this turn and of all later ones of its speaker, by place; None without sound.
        """
        speaker = self._turns[place].speaker
        # a copy, because a row of a batch would keep the batch
        self._turns[place] = replace(
            self._turns[place], embedding=None if embedding is None else embedding.clone()
        )
        history = self._turns[place].before
        places = [at for at in range(place, len(self._turns)) if self._turns[at].speaker == speaker]
        for at in places:
            self._turns[at] = replace(self._turns[at], before=history)
            history = history.with_turn(self._turns[at].embedding)
        self._histories.pop(speaker, None)
        self._histories[speaker] = history
        if len(self._histories) > SPEAKERS:
            del self._histories[next(iter(self._histories))]
        return self._judged(places)

    def _judged(self, places: list[int]) -> dict[int, Tensor | None]:
        prior, prior_turns = self._model.prior, self._model.prior_turns
        embeddings, usuals = [], []
        for turn in (self._turns[place] for place in places):
            if turn.embedding is not None:
                embeddings.append(turn.embedding)
                usuals.append(usual(prior, prior_turns, turn.before.total, turn.before.count))
        if not embeddings:
            return dict.fromkeys(places)
        s1 = iter(self._model.network(torch.stack(embeddings), torch.stack(usuals)))
        return {place: None if self._turns[place].embedding is None else next(s1) for place in places}
