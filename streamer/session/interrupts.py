"""What Ctrl-C does, and other signals that end programs: the first asks to finish, the second leaves."""

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, Self, TypeVar

T = TypeVar("T")

_ENDING = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]

_LEAVE_S = 1.0


class Interrupts:
    """Catches Ctrl-C, SIGTERM, and SIGHUP (the terminal was closed) unless that is ignored (nohup).

    The first calls `stop`, in the event loop; the second cancels this task. Whatever then still goes on (a
    thread that decodes or recognises), a second later the process ends.

    Attributes:
        asked: whether it is to end, by a signal or by a wish from within.
    """

    def __init__(self, stop: Callable[[], None]) -> None:
        self._stop = stop
        self._loop = asyncio.get_running_loop()
        self._task = asyncio.current_task()
        self._previous: dict[int, object] = {}
        self._signals = 0
        self.asked = False
        self._caught = 0

    def __enter__(self) -> Self:
        for number in _ENDING:
            if number == signal.SIGINT or signal.getsignal(number) is not signal.SIG_IGN:
                self._previous[number] = signal.signal(number, self._handle)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)  # type: ignore[arg-type]

    @property
    def exit_code(self) -> int:
        """128 plus the number of the signal, as shells have it; 0 where none was caught."""
        return 128 + self._caught if self._caught else 0

    def ask(self) -> None:
        """Do what a signal does at somebody's wish (a key), which is no failure: the exit code stays 0."""
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
            self.asked, self._caught = True, number
            self._stop()
        elif self._task is not None:
            self._task.cancel()


def leave_at_once() -> None:
    """Have Ctrl-C end the process there and then, without a word, unless it is ignored.

    For as long as there is nothing to finish: an exception would be told, or lost, by what is being imported.
    """
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, lambda *_: os._exit(128 + signal.SIGINT))


@contextmanager
def in_order() -> Iterator[None]:
    """Within, Ctrl-C raises CancelledError out of here: there is something to finish or to take back."""
    before = signal.getsignal(signal.SIGINT)
    if before is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    except KeyboardInterrupt as error:  # of which typer would tell in its own way
        raise asyncio.CancelledError from error
    finally:
        signal.signal(signal.SIGINT, before)


def run_async(task: Coroutine[Any, Any, T]) -> T:
    """Run to the end, with Ctrl-C as `in_order` has it; on Windows on the event loop that MQTT needs."""
    factory = asyncio.SelectorEventLoop if sys.platform == "win32" else None
    with in_order(), asyncio.Runner(loop_factory=factory) as runner:
        return runner.run(task)
