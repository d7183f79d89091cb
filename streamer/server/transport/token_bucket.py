"""How much may be asked for in a time."""

import asyncio
from time import monotonic

_SHORTEST_WAIT_S = 0.01


class TokenBucket:
    """A token bucket: so much a second, and a burst of it at once. What goes beyond has to wait, in order.

    Args:
        per_s: what comes in, a second.
        burst: what it holds at most.
        left: what it holds at first; the burst where nothing is said.
    """

    def __init__(self, per_s: float, burst: float, left: float | None = None) -> None:
        self._per_s = per_s
        self._burst = burst
        self._left = burst if left is None else left
        self._since = monotonic()

    def spend(self, amount: float) -> float:
        """Take out so much; returns how long to wait, in seconds, before anything is done for it."""
        self._fill()
        self._left -= amount
        return max(0.0, -self._left / self._per_s)

    def has(self, amount: float) -> bool:
        """Whether so much could be taken out without waiting."""
        self._fill()
        return self._left >= amount

    def _fill(self) -> None:
        now = monotonic()
        self._left = min(self._burst, self._left + (now - self._since) * self._per_s)
        self._since = now

    async def pay(self, amount: float) -> None:
        """Take out so much, and wait as long as that takes."""
        if (wait_s := self.spend(amount)) > _SHORTEST_WAIT_S:
            await asyncio.sleep(wait_s)
