"""A ring buffer of the most recent sound, addressed by sample index."""

import numpy as np
from numpy.typing import NDArray


class SampleRing:
    """Keeps the last `capacity` samples of a stream.

    Attributes:
        start: index of the oldest sample kept.
        stop: one past the newest.
    """

    def __init__(self, capacity: int, start: int = 0) -> None:
        self._buffer = np.zeros(capacity, np.int16)
        self.restart(start)

    def restart(self, start: int) -> None:
        """Drop all sound; the next appended sample has index `start`."""
        self.start = self.stop = self._origin = start

    def append(self, samples: NDArray[np.int16]) -> None:
        """Append int16 [n]; only the newest `capacity` samples are kept."""
        capacity = len(self._buffer)
        stop = self.stop + len(samples)
        kept = samples[-capacity:]
        at = (stop - len(kept) - self._origin) % capacity
        first = min(len(kept), capacity - at)
        self._buffer[at : at + first] = kept[:first]
        self._buffer[: len(kept) - first] = kept[first:]
        self.start, self.stop = max(self.start, stop - capacity), stop

    def read(self, start: int, stop: int) -> NDArray[np.int16]:
        """Copy samples start..stop.

        Raises:
            IndexError: some of them are not in the buffer.
        """
        if not self.start <= start <= stop <= self.stop:
            raise IndexError(f"samples {start}..{stop} are not within {self.start}..{self.stop}")
        capacity = len(self._buffer)
        at = (start - self._origin) % capacity
        end = at + stop - start
        if end <= capacity:
            return self._buffer[at:end].copy()
        return np.concatenate([self._buffer[at:], self._buffer[: end - capacity]])
