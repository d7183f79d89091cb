"""What a training loop reads in an epoch."""

from collections.abc import Iterator
from typing import Protocol, TypeVar

Batch = TypeVar("Batch", covariant=True)


class Batches(Protocol[Batch]):
    """An epoch's batches: a list of them, or what makes each when it is asked for."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Batch: ...

    def __iter__(self) -> Iterator[Batch]:
        return (self[index] for index in range(len(self)))
