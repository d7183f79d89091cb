"""A rate limit."""

import asyncio
from time import monotonic

_SHORTEST_WAIT_S = 0.01


class TokenBucket:
    """A token bucket: a rate, and a burst above it. Requests beyond both wait in order.

    Args:
        per_s: tokens added per second.
        burst: capacity in tokens.
        left: tokens at the start; by default it is full.
    """

    def __init__(self, per_s: float, burst: float, left: float | None = None) -> None:
        self._per_s = per_s
        self._burst = burst
        self._left = burst if left is None else left
        self._since = monotonic()

    def spend(self, amount: float) -> float:
        """Take tokens, and return how many seconds to wait before using them."""
        self._fill()
        self._left -= amount
        return max(0.0, -self._left / self._per_s)

    def has(self, amount: float) -> bool:
        """Whether so many tokens can be taken without waiting."""
        self._fill()
        return self._left >= amount

    def _fill(self) -> None:
        now = monotonic()
        self._left = min(self._burst, self._left + (now - self._since) * self._per_s)
        self._since = now

    async def pay(self, amount: float) -> None:
        """Take tokens, and wait until they may be used."""
        if (wait_s := self.spend(amount)) > _SHORTEST_WAIT_S:
            await asyncio.sleep(wait_s)
