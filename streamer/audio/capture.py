"""The buffer between a driver's callback and the event loop: bounded; all lost sound is counted."""

import threading
from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Lost:
    """Samples that were lost between two blocks, at the device's rate.

    The reason is "overflow" (the driver's buffer) or "buffer full" (this one: the reader is too slow).
    """

    samples: int
    reason: str


class CaptureBuffer:
    """Passes blocks from one thread to another.

    Args:
        rate: sample rate, in Hz.
        capacity_s: most sound that waits, in seconds; further sound is lost and counted.
    """

    def __init__(self, rate: float, capacity_s: float) -> None:
        self._rate = rate
        self._capacity = int(rate * capacity_s)
        self._lock = threading.Lock()
        self._items: deque[NDArray[np.float32] | Lost] = deque()
        self._waiting = 0  # samples in _items
        self._refused = 0  # samples lost since the buffer became full
        self._counted = 0  # samples that the device has recorded, including lost ones
        self._began_s: float | None = None

    def put(self, block: NDArray[np.float32], now_s: float, overflowed: bool) -> None:
        """Append a block; never waits for the reader.

        Args:
            block: float32 [n].
            now_s: time of a monotonic clock.
            overflowed: the driver reports lost samples before this block. Their number follows from the
                clock: samples due since the first block, less those received.
        """
        with self._lock:
            self._counted += len(block)
            elapsed_began = now_s - self._counted / self._rate
            if overflowed and self._began_s is not None:
                lost = round((elapsed_began - self._began_s) * self._rate)
                if lost > 0:
                    self._counted += lost
                    self._append_lost(lost, "overflow")
            elif self._began_s is None or elapsed_began < self._began_s:
                self._began_s = elapsed_began  # the block with the least delay
            if self._waiting + len(block) > self._capacity:
                self._refused += len(block)
                return
            self._end_refusal()
            self._items.append(block)
            self._waiting += len(block)

    def take(self) -> list[NDArray[np.float32] | Lost]:
        """Remove and return everything, in order."""
        with self._lock:
            items = list(self._items)
            self._items.clear()
            self._waiting = 0
            if self._refused:
                items.append(Lost(self._refused, "buffer full"))
                self._refused = 0
            return items

    def _append_lost(self, samples: int, reason: str) -> None:
        if self._refused:
            self._refused += samples
        else:
            self._items.append(Lost(samples, reason))

    def _end_refusal(self) -> None:
        if self._refused:
            self._items.append(Lost(self._refused, "buffer full"))
            self._refused = 0


class Watchdog:
    """Decides when a device counts as lost, and when to try it again.

    Args:
        patience_s: silence of the driver (not of the room) after which it is lost.
        first_patience_s: the same after opening: Bluetooth headsets and sound servers start slowly.
        first_retry_s: wait before the first attempt to reopen; it doubles with each attempt.
        longest_retry_s: longest wait between attempts.
    """

    def __init__(
        self,
        patience_s: float = 1.0,
        first_patience_s: float = 3.0,
        first_retry_s: float = 0.25,
        longest_retry_s: float = 2.0,
    ) -> None:
        self._patience_s = patience_s
        self._first_patience_s = first_patience_s
        self._first_retry_s = self._next_retry_s = first_retry_s
        self._longest_retry_s = longest_retry_s
        self._heard_s: float | None = None
        self._due_s = 0.0
        self._lost_since_s: float | None = None

    def opened(self, now_s: float) -> None:
        """Record that the device was opened; it has `first_patience_s` to deliver."""
        self._heard_s, self._due_s = now_s, now_s + self._first_patience_s

    def heard(self, now_s: float) -> float | None:
        """Record a delivery; returns for how many seconds the device had been lost, or None."""
        lost_s = None if self._lost_since_s is None else now_s - self._lost_since_s
        self._heard_s, self._due_s, self._lost_since_s = now_s, now_s + self._patience_s, None
        self._next_retry_s = self._first_retry_s
        return lost_s

    def patience_left_s(self, now_s: float) -> float:
        """Seconds until the device counts as lost, without a delivery; 0 once it is lost."""
        assert self._heard_s is not None, "not opened yet"
        return max(0.0, self._due_s - now_s)

    def lost(self) -> bool:
        """Record that the device is lost since its last delivery; returns whether that is new."""
        if self._lost_since_s is not None:
            return False
        self._lost_since_s = self._heard_s
        return True

    def retry_in_s(self) -> float:
        """Wait before the next attempt, in seconds."""
        wait_s = self._next_retry_s
        self._next_retry_s = min(2 * wait_s, self._longest_retry_s)
        return wait_s
