"""Batches for the pre-training of CARE: sound, descriptors, and embeddings of the words."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from models.care import pad
from offline_train.batches.speech import as_tensor
from offline_train.training.epoch_data import Batches


@dataclass(frozen=True)
class Spoken:
    """An utterance.

    Attributes:
        inputs: CARE's inputs [T, ...] for the original sound and its variants.
        targets: descriptors of its frames of 20 ms [F, K].
        meaning: the text encoder's embedding of its words [D]; None without words.
    """

    inputs: Sequence[NDArray[Any]]
    targets: NDArray[Any]
    meaning: Tensor | None


@dataclass(frozen=True)
class CareBatch:
    """A batch of utterances.

    Attributes:
        inputs: CARE's inputs [B, T, ...].
        lengths: their lengths [B].
        targets: descriptors [B, F, K].
        frames: numbers of frames [B].
        meanings: embeddings of the words [B, D], zero without words.
        meant: which utterances have words [B].
    """

    inputs: Tensor
    lengths: Tensor
    targets: Tensor
    frames: Tensor
    meanings: Tensor
    meant: Tensor


class CareBatches(Batches[CareBatch]):
    """One pass over utterances in batches of similar length, each made on access.

    Of an utterance longer than `longest`, a part is used without the words, which would not match it.
    """

    def __init__(
        self,
        utterances: Sequence[Spoken],
        size: int,
        longest: int,
        hop: int,
        dimension: int,
        generator: torch.Generator | None = None,
    ) -> None:
        """Draw the order.

        Args:
            utterances: the utterances.
            size: utterances per batch.
            longest: longest input in frames of 20 ms.
            hop: rows of CARE's input per frame.
            dimension: size D of the embeddings of words.
            generator: for order, parts and variants; None for the first part of the original sound.
        """
        self._utterances, self._longest, self._hop, self._dimension = utterances, longest, hop, dimension
        self._random = generator is not None
        lengths = torch.tensor([float(min(len(each.targets), longest)) for each in utterances])
        if generator is not None:  # neighbours in length change from epoch to epoch
            lengths += 25 * torch.rand(len(lengths), generator=generator)
        batches = list(torch.split(lengths.argsort(), size))
        if generator is not None:
            batches = [batches[i] for i in torch.randperm(len(batches), generator=generator).tolist()]
        self._batches = [batch.tolist() for batch in batches]
        self._seed = int(torch.randint(2**62, (), generator=generator)) if generator is not None else 0

    def __len__(self) -> int:
        return len(self._batches)

    def __getitem__(self, index: int) -> CareBatch:
        chosen = [self._utterances[i] for i in self._batches[index]]
        generator = torch.Generator().manual_seed(self._seed + index)
        parts = [self._part(each, generator) for each in chosen]
        inputs, lengths = pad([part for part, _ in parts])
        targets, frames = pad([part for _, part in parts])
        meant = [each.meaning is not None and len(each.targets) <= self._longest for each in chosen]
        nothing = torch.zeros(self._dimension)
        meanings = [nothing if each.meaning is None else each.meaning for each in chosen]
        return CareBatch(inputs, lengths, targets, frames, torch.stack(meanings), torch.tensor(meant))

    def _part(self, utterance: Spoken, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        variant, start = 0, 0
        if self._random:
            variant = int(torch.randint(len(utterance.inputs), (), generator=generator))
            spare = max(0, len(utterance.targets) - self._longest)
            start = int(torch.randint(spare + 1, (), generator=generator))
        end = start + self._longest
        inputs = utterance.inputs[variant][start * self._hop : end * self._hop]
        return as_tensor(inputs), as_tensor(utterance.targets[start:end])
