"""The input of a training loop for an epoch."""

from collections.abc import Iterator
from typing import Protocol, TypeVar

Batch = TypeVar("Batch", covariant=True)


class Batches(Protocol[Batch]):
    """The batches of an epoch: a list, or an object that makes each on access."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Batch: ...

    def __iter__(self) -> Iterator[Batch]:
        return (self[index] for index in range(len(self)))
