"""The playback clock: it can be paused, and run at any speed."""

import asyncio
import contextlib
import math
from time import monotonic


class Clock:
    """A clock that starts paused.

    Args:
        speed: playback seconds per second; infinite for no waiting.
        start_s: start position, in seconds.
    """

    def __init__(self, speed: float = 1.0, start_s: float = 0.0) -> None:
        self._speed = speed
        self._position_s = start_s
        self._since: float | None = None
        self._changed = asyncio.Event()

    @property
    def position_s(self) -> float:
        """Present position, in seconds."""
        if self._since is None:
            return self._position_s
        elapsed = monotonic() - self._since
        return self._position_s + (elapsed * self._speed if elapsed else 0.0)

    def hold(self, held: bool) -> None:
        """Pause, or run."""
        if held != (self._since is None):
            self._position_s = self.position_s if math.isfinite(self._speed) else self._position_s
            self._since = None if held else monotonic()
        self._changed.set()

    async def until(self, seconds: float) -> None:
        """Wait until the clock has reached a position and runs."""
        while True:
            self._changed.clear()
            running = self._since is not None
            left = 0.0 if math.isinf(self._speed) else (seconds - self.position_s) / self._speed
            if running and left <= 0:
                return
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), left if running else None)
