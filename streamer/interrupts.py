"""What Ctrl-C does: the first one asks to finish, the second one leaves."""

import asyncio
import os
import signal
import threading
from collections.abc import Callable
from typing import Self

_LEAVE_S = 1.0


class Interrupts:
    """Catches Ctrl-C and SIGTERM. The first calls `stop`, in the event loop; the second cancels this task.

    Whatever then still goes on (a thread that decodes or recognises), a second later the process ends.

    Args:
        stop: ends the work in order.

    Attributes:
        asked: whether it is to end, by a signal or by a wish from within.
        caught: number of the first signal; 0 where there was none, or the wish came first.
    """

    def __init__(self, stop: Callable[[], None]) -> None:
        self._stop = stop
        self._loop = asyncio.get_running_loop()
        self._task = asyncio.current_task()
        self._previous: dict[int, object] = {}
        self._signals = 0
        self.asked = False
        self.caught = 0

    def __enter__(self) -> Self:
        for number in (signal.SIGINT, signal.SIGTERM):
            self._previous[number] = signal.signal(number, self._handle)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)  # type: ignore[arg-type]

    def ask(self) -> None:
        """Do what a signal does at somebody's wish (a key), which is no failure: `caught` stays 0."""
        self._take(0)

    def _handle(self, number: int, _: object) -> None:
        self._signals += 1
        if self._signals == 2:
            leaving = threading.Timer(_LEAVE_S, os._exit, [128 + number])
            leaving.daemon = True
            leaving.start()
        self._loop.call_soon_threadsafe(self._take, number)  # also wakes a loop that waits

    def _take(self, number: int) -> None:
        if not self.asked:
            self.asked, self.caught = True, number
            self._stop()
        elif self._task is not None:
            self._task.cancel()
