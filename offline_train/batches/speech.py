"""Utterances as Stage I of the speech modality is shown them: prepared once, varied at every showing."""

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
    """An utterance in the form that the trained network takes.

    Attributes:
        label: class index of its emotion.
        variants: the sound as it is, [T, ...], then variants of it.
    """

    label: int
    variants: Sequence[NDArray[Any]]


@dataclass(frozen=True)
class Batch:
    """Utterances of a batch: features [B, T, ...], lengths [B], labels [B]."""

    features: Tensor
    lengths: Tensor
    labels: Tensor


class ShownBatches(Batches[Batch]):
    """One epoch of training: every utterance once, in random order, as one of its variants, changed again.

    A batch is made when it is asked for, from what is mapped from the disk; it depends on nothing but the
    epoch's generator and its own number.
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
            utterances: to train on.
            size: utterances a batch; what is left over after whole batches is not shown.
            longest: rows; of a longer utterance a random part is shown, and all batches are padded to it.
                None shows all of each.
            augment: how rows are changed; None for not at all.
            generator: of everything random.
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
        # One size for all batches: convolutions are prepared anew for each size, at a cost.
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
    """Inputs [T_i, ...] in batches of like length: which they are, features [B, T, ...], lengths [B]."""
    order = sorted(range(len(inputs)), key=lambda i: len(inputs[i]))
    for start in range(0, len(order), size):
        chosen = order[start : start + size]
        features, lengths = pad([as_tensor(inputs[i]) for i in chosen])
        yield chosen, features, lengths


def as_tensor(rows: NDArray[Any]) -> Tensor:
    """A copy in single precision of what is mapped from the disk in half."""
    return torch.from_numpy(np.array(rows, np.float32))


def _pick(count: int, generator: torch.Generator) -> int:
    return int(torch.randint(count, (), generator=generator))
