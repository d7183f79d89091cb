"""Batches for Stage I of the speech modality: embedded turns, and what is usual for their speakers."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.speaker_means import usual, usual_of_turns
from models.speech_classifier import SpeechClassifier
from offline_train.batches.histories import Histories
from offline_train.batches.sequences import UNSCORED
from offline_train.training.epoch_data import Batches


@dataclass(frozen=True)
class Voices:
    """The embedded turns of a split; a speaker's earlier turns come earlier.

    Attributes:
        embeddings: of each as it was recorded, and of its variants [N, V, D].
        labels: class indices [N]; `UNSCORED` without a label.
        speakers: numbers of their speakers [N].
        origins: names of the corpora they come from [N].
        ordinary: bool [N], whether they are ordinary speech, not acted.
    """

    embeddings: Tensor
    labels: Tensor
    speakers: Sequence[int]
    origins: Sequence[str]
    ordinary: Tensor

    @property
    def scored(self) -> Tensor:
        """Bool [N], which have a label."""
        return self.labels != UNSCORED

    @property
    def countable(self) -> Tensor:
        """Bool [N], which count in what is usual for their speaker."""
        return self.embeddings.isfinite().flatten(1).all(1)


@dataclass(frozen=True)
class Batch:
    """A batch of turns.

    Attributes:
        embeddings: [B, D].
        usual: what is usual for the speaker of each [B, D].
        labels: class indices [B].
        weights: of their losses [B].
    """

    embeddings: Tensor
    usual: Tensor
    labels: Tensor
    weights: Tensor


class DrawnBatches(Batches[Batch]):
    """The batches of an epoch: every labelled turn once, as one of its variants, with random earlier turns.

    The earlier turns are of the same variant, which is the same microphone. A batch is made on access, and
    depends on the epoch's generator and its own number alone.
    """

    def __init__(
        self,
        voices: Voices,
        weights: Tensor,
        histories: Histories,
        speech: SpeechClassifier,
        size: int,
        generator: torch.Generator,
    ) -> None:
        """Draw the order.

        Args:
            voices: the training turns.
            weights: of their losses [N].
            histories: draws the earlier turns.
            speech: the network, for its prior.
            size: turns per batch; a last, incomplete batch is dropped.
            generator: for all random choices.
        """
        self._voices, self._weights, self._histories = voices, weights, histories
        self._prior, self._prior_turns = speech.prior.cpu(), speech.config.prior_turns
        scored = voices.scored.nonzero()[:, 0]
        size = max(1, min(size, len(scored)))
        order = scored[torch.randperm(len(scored), generator=generator)]
        self._batches = torch.split(order[: len(order) // size * size], size)
        self._seed = int(torch.randint(2**62, (), generator=generator))

    def __len__(self) -> int:
        return len(self._batches)

    def __getitem__(self, index: int) -> Batch:
        chosen, embeddings = self._batches[index], self._voices.embeddings
        generator = torch.Generator().manual_seed(self._seed + index)
        variants = torch.randint(embeddings.shape[1], (len(chosen),), generator=generator)
        expected = []
        for turn, variant in zip(chosen.tolist(), variants.tolist(), strict=True):
            earlier = embeddings[self._histories.draw(turn, generator), variant]
            expected.append(usual(self._prior, self._prior_turns, earlier.sum(0), len(earlier)))
        return Batch(
            embeddings[chosen, variants],
            torch.stack(expected),
            self._voices.labels[chosen],
            self._weights[chosen],
        )


def usual_in_order(voices: Voices, speech: SpeechClassifier) -> Tensor:
    """What is usual for the speaker of every turn as it was recorded, by the turns before it [N, D]."""
    return usual_of_turns(
        voices.embeddings[:, 0],
        voices.speakers,
        voices.countable,
        speech.prior.cpu(),
        speech.config.prior_turns,
    )


def turn_weights(voices: Voices, balance: float, ordinary: float) -> Tensor:
    """Weights of the losses of turns [N].

    Args:
        voices: the training turns.
        balance: 0 weights turns equally, 1 weights every emotion of every corpus equally.
        ordinary: how much more ordinary speech weighs.
    """
    cells = list(zip(voices.origins, voices.labels.tolist(), strict=True))
    counts = Counter(cell for cell in cells if cell[1] != UNSCORED)
    mean = counts.total() / max(1, len(counts))
    weights = torch.tensor([(mean / counts[cell]) ** balance if counts[cell] else 0.0 for cell in cells])
    return weights * torch.where(voices.ordinary, ordinary, 1.0)


def as_tensor(rows: NDArray[Any]) -> Tensor:
    """A copy of a memory-mapped array, in single precision."""
    return torch.from_numpy(np.array(rows, np.float32))
