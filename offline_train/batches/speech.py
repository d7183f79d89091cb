"""Batches for Stage I of the speech modality: inputs are prepared once, and augmented at each use."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.care import pad
from offline_train.batches.augment import FeatureAugment
from offline_train.training.epoch_data import Batches


@dataclass(frozen=True)
class Prepared:
    """An utterance as the input of the trained network.

    Attributes:
        label: class index of its emotion.
        variants: inputs [T, ...] for the original sound and its variants.
    """

    label: int
    variants: Sequence[NDArray[Any]]


@dataclass(frozen=True)
class Batch:
    """A batch of utterances: features [B, T, ...], lengths [B], labels [B]."""

    features: Tensor
    lengths: Tensor
    labels: Tensor


class ShownBatches(Batches[Batch]):
    """The batches of an epoch: every utterance once, in random order, as one of its variants, augmented.

    A batch is made on access, from memory-mapped inputs; it depends on the epoch's generator and its own
    number alone.
    """

    def __init__(
        self,
        utterances: Sequence[Prepared],
        size: int,
        longest: int | None,
        augment: FeatureAugment | None,
        generator: torch.Generator,
    ) -> None:
        """Draw the order.

        Args:
            utterances: the training utterances.
            size: utterances per batch; a last, incomplete batch is dropped.
            longest: longest input in rows; of longer ones, a random part is used, and all batches are padded
                to it. None for no limit.
            augment: augmentation of the rows; None for none.
            generator: for all random choices.
        """
        self._utterances, self._longest, self._augment = utterances, longest, augment
        size = max(1, min(size, len(utterances)))
        order = torch.randperm(len(utterances), generator=generator).tolist()
        self._batches = [order[at : at + size] for at in range(0, len(order) - size + 1, size)]
        self._seed = int(torch.randint(2**62, (), generator=generator))

    def __len__(self) -> int:
        return len(self._batches)

    def __getitem__(self, index: int) -> Batch:
        chosen = [self._utterances[i] for i in self._batches[index]]
        generator = torch.Generator().manual_seed(self._seed + index)
        shown = [self._show(utterance, generator) for utterance in chosen]
        # One size for all batches: convolutions have a setup cost for each new size.
        filler = [shown[0].new_zeros(self._longest, *shown[0].shape[1:])] if self._longest else []
        rows, lengths = pad([*shown, *filler])
        count = len(chosen)
        return Batch(rows[:count], lengths[:count], torch.tensor([each.label for each in chosen]))

    def _show(self, utterance: Prepared, generator: torch.Generator) -> Tensor:
        rows = as_tensor(utterance.variants[_pick(len(utterance.variants), generator)])
        if self._augment is not None:
            rows = self._augment(rows, generator)
        if self._longest is None:
            return rows
        start = _pick(max(0, len(rows) - self._longest) + 1, generator)
        return rows[start : start + self._longest]


def by_length(inputs: Sequence[NDArray[Any]], size: int) -> Iterator[tuple[list[int], Tensor, Tensor]]:
    """Inputs [T_i, ...] in batches of similar length: their indices, features [B, T, ...], lengths [B]."""
    order = sorted(range(len(inputs)), key=lambda i: len(inputs[i]))
    for start in range(0, len(order), size):
        chosen = order[start : start + size]
        features, lengths = pad([as_tensor(inputs[i]) for i in chosen])
        yield chosen, features, lengths


def as_tensor(rows: NDArray[Any]) -> Tensor:
    """A copy of a memory-mapped array, in single precision."""
    return torch.from_numpy(np.array(rows, np.float32))


def _pick(count: int, generator: torch.Generator) -> int:
    return int(torch.randint(count, (), generator=generator))
