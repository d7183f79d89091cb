"""What Ctrl-C does: the first one asks to finish, the second one leaves."""

import asyncio
import signal
from collections.abc import Callable
from typing import Self


class Interrupts:
    """Catches Ctrl-C and SIGTERM. The first calls `stop`, in the event loop; the second cancels this task.

    Args:
        stop: ends the work in order.

    Attributes:
        caught: number of the first signal; 0 while there was none.
    """

    def __init__(self, stop: Callable[[], None]) -> None:
        self._stop = stop
        self._loop = asyncio.get_running_loop()
        self._task = asyncio.current_task()
        self._previous: dict[int, object] = {}
        self.caught = 0

    def __enter__(self) -> Self:
        for number in (signal.SIGINT, signal.SIGTERM):
            self._previous[number] = signal.signal(number, self._handle)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)  # type: ignore[arg-type]

    def _handle(self, number: int, _: object) -> None:
        self._loop.call_soon_threadsafe(self._take, number)  # also wakes a loop that waits

    def _take(self, number: int) -> None:
        if not self.caught:
            self.caught = number
            self._stop()
        elif self._task is not None:
            self._task.cancel()
