"""Dialogues without sound, paired with speech clips, each modality as trustworthy as it really is.

A network knows its training data better than anything it will meet later. If the fusion were trained on pairs
as they are, it would learn to believe whichever modality was learnt by heart. So some of the training pairs
are mismatched: for a turn of emotion y, modality m shows emotion e != y so often that m is right about y on
the training conversations as often as it is on its own validation data; e is drawn from what m takes y for
there.

Dialogues make up for mistakes: neighbouring turns often show the same emotion, and most show none. A modality
whose errors are independent of the dialogue, as those of paired clips are, seems more trustworthy in it than
it was found to be by itself. `share_to_keep` says how many more pairs to mismatch, in every split.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from offline_train.batches.sequences import Embedded


@dataclass(frozen=True)
class Trust:
    """How often a modality is to show another emotion than the turn's, and which.

    Attributes:
        mismatch: share of turns of each emotion [C].
        confusion: what they show instead, rows sum to 1, the diagonal is 0 [C, C].
    """

    mismatch: Tensor
    confusion: Tensor

    def weaker(self, kept: float) -> "Trust":
        """Only a share `kept` of what would match is matched."""
        return Trust(1 - (1 - self.mismatch) * kept, self.confusion)

    def apparent(self, labels: Tensor, generator: torch.Generator) -> Tensor:
        """The emotion a modality shows for each turn [K]."""
        instead = torch.multinomial(self.confusion[labels], 1, generator=generator).squeeze(1)
        missed = torch.rand(len(labels), generator=generator) < self.mismatch[labels]
        return torch.where(missed, instead, labels)


def trust(training: Sequence[Sequence[int]], validation: Sequence[Sequence[int]]) -> Trust:
    """Work out the mismatches from a modality's confusion matrices (rows: truth), each [C, C].

    A class whose recall on training data is r and on validation data v needs 1 - v/r of its turns mismatched.
    """
    seen, unseen = torch.tensor(training, dtype=torch.float), torch.tensor(validation, dtype=torch.float)
    recall = [m.diagonal() / m.sum(1).clamp(min=1) for m in (seen, unseen)]
    mismatch = (1 - recall[1] / recall[0].clamp(min=1e-6)).clamp(0, 1)
    off = unseen.clone()
    off.fill_diagonal_(0)
    elsewhere = torch.ones_like(off).fill_diagonal_(0)
    off = torch.where(off.sum(1, keepdim=True) > 0, off, elsewhere)
    return Trust(mismatch, off / off.sum(1, keepdim=True))


def share_to_keep(score: Callable[[float], float], target: float, steps: int = 10) -> float:
    """The share of matched pairs at which a score, rising with it, comes down to a target; at most 1."""
    if score(1.0) <= target:
        return 1.0
    low, high = 0.0, 1.0
    for _ in range(steps):
        middle = (low + high) / 2
        low, high = (middle, high) if score(middle) < target else (low, middle)
    return (low + high) / 2


@dataclass(frozen=True)
class Pool:
    """Embeddings to draw from, by the emotion they show: `rows[c]` indexes those of class c."""

    embeddings: Tensor
    rows: tuple[Tensor, ...]

    @classmethod
    def of(cls, embeddings: Tensor, labels: Tensor, classes: int) -> "Pool":
        """Sort embeddings [N, D] by their class [N].

        Raises:
            ValueError: a class has none.
        """
        rows = tuple(torch.nonzero(labels == c).squeeze(1) for c in range(classes))
        if empty := [str(c) for c, members in enumerate(rows) if not len(members)]:
            raise ValueError(f"no clip shows class {', '.join(empty)}")
        return cls(embeddings, rows)

    def draw(self, classes: Tensor, generator: torch.Generator) -> Tensor:
        """A random embedding of each class asked for: [K] -> [K, D]."""
        chosen = [
            self.rows[c][int(torch.randint(len(self.rows[c]), (), generator=generator))]
            for c in classes.tolist()
        ]
        return self.embeddings[torch.stack(chosen)]


def with_speech(
    conversation: Embedded, speech: Pool, generator: torch.Generator, trusted: Trust | None = None
) -> Embedded:
    """Give every turn the sound of a clip that shows its emotion (or, by `trusted`, another)."""
    shown = conversation.labels if trusted is None else trusted.apparent(conversation.labels, generator)
    present = conversation.present.clone()
    present[:, 1] = True
    return replace(conversation, speech=speech.draw(shown, generator), present=present)


def with_mismatched_text(
    conversation: Embedded, text: Pool, generator: torch.Generator, trusted: Trust
) -> Embedded:
    """Replace some turns' words by those of other turns, as `trusted` says."""
    shown = trusted.apparent(conversation.labels, generator)
    replaced = (shown != conversation.labels)[:, None]
    return replace(conversation, text=torch.where(replaced, text.draw(shown, generator), conversation.text))
