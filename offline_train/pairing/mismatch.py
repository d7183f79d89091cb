"""Pairs dialogues without sound with speech clips, so that each modality is as reliable as on new data.

Networks are more accurate on their training data than on new data. A fusion trained on unchanged pairs would
rely too much on the modality that was overfitted most. So some training pairs are mismatched: for a turn of
emotion y, modality m shows an emotion e != y, often enough that the accuracy of m for y on the training
conversations equals that on its own validation data; e is drawn by the confusion matrix there.

Dialogues compensate for errors: neighbouring turns often have the same emotion, and most are neutral. A
modality whose errors are independent of the dialogue, as for paired clips, seems more reliable in a dialogue
than by itself. `share_to_keep` computes how many more pairs to mismatch, in every split.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from offline_train.batches.sequences import Embedded


@dataclass(frozen=True)
class Trust:
    """How often a modality shows another emotion than the turn's, and which.

    Attributes:
        mismatch: share of mismatched turns for each emotion [C].
        confusion: probabilities of the emotions shown instead [C, C]; rows sum to 1, the diagonal is 0.
    """

    mismatch: Tensor
    confusion: Tensor

    def weaker(self, kept: float) -> "Trust":
        """Mismatches for only a share `kept` of the pairs that would match."""
        return Trust(1 - (1 - self.mismatch) * kept, self.confusion)

    def apparent(self, labels: Tensor, generator: torch.Generator) -> Tensor:
        """Draw the emotion that a modality shows for each turn [K]."""
        instead = torch.multinomial(self.confusion[labels], 1, generator=generator).squeeze(1)
        missed = torch.rand(len(labels), generator=generator) < self.mismatch[labels]
        return torch.where(missed, instead, labels)


def trust(training: Sequence[Sequence[int]], validation: Sequence[Sequence[int]]) -> Trust:
    """Compute the mismatches from a modality's confusion matrices (rows: truth), each [C, C].

    For a class with recall r on training data and v on validation data, 1 - v/r of the turns are mismatched.
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
    """The share of matched pairs at which a score, increasing with it, equals a target; at most 1."""
    if score(1.0) <= target:
        return 1.0
    low, high = 0.0, 1.0
    for _ in range(steps):
        middle = (low + high) / 2
        low, high = (middle, high) if score(middle) < target else (low, middle)
    return (low + high) / 2


@dataclass(frozen=True)
class Pool:
    """Embeddings by emotion: `rows[c]` has the indices of those of class c."""

    embeddings: Tensor
    rows: tuple[Tensor, ...]

    @classmethod
    def of(cls, embeddings: Tensor, labels: Tensor, classes: int) -> "Pool":
        """Group embeddings [N, D] by their classes [N].

        Raises:
            ValueError: a class has no embedding.
        """
        rows = tuple(torch.nonzero(labels == c).squeeze(1) for c in range(classes))
        if empty := [str(c) for c, members in enumerate(rows) if not len(members)]:
            raise ValueError(f"no clip shows class {', '.join(empty)}")
        return cls(embeddings, rows)

    def draw(self, classes: Tensor, generator: torch.Generator) -> Tensor:
        """Draw a random embedding for each class: [K] -> [K, D]."""
        chosen = [
            self.rows[c][int(torch.randint(len(self.rows[c]), (), generator=generator))]
            for c in classes.tolist()
        ]
        return self.embeddings[torch.stack(chosen)]


def with_speech(
    conversation: Embedded, speech: Pool, generator: torch.Generator, trusted: Trust | None = None
) -> Embedded:
    """Pair every turn with the sound of a clip of its emotion (or, by `trusted`, another)."""
    shown = conversation.labels if trusted is None else trusted.apparent(conversation.labels, generator)
    present = conversation.present.clone()
    present[:, 1] = True
    return replace(conversation, speech=speech.draw(shown, generator), present=present)


def with_mismatched_text(
    conversation: Embedded, text: Pool, generator: torch.Generator, trusted: Trust
) -> Embedded:
    """Replace the words of some turns, drawn by `trusted`, with those of other turns."""
    shown = trusted.apparent(conversation.labels, generator)
    replaced = (shown != conversation.labels)[:, None]
    return replace(conversation, text=torch.where(replaced, text.draw(shown, generator), conversation.text))
