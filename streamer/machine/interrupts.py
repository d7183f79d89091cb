"""Handles Ctrl-C and other signals that end programs: the first one finishes in order, the second exits."""

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn, Self, TypeVar

T = TypeVar("T")

_ENDING = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]

_LEAVE_S = 1.0

LOADING = "loading"
"""Name of the thread that loads models; see `leave`."""


class Interrupts:
    """Catches Ctrl-C, SIGTERM, and, unless it is ignored (nohup), SIGHUP (the terminal was closed).

    The first signal calls `stop`, in the event loop; the second cancels this task, with its exit code as the
    message. One second later the process ends, even if threads still decode or recognise.

    Attributes:
        asked: whether a signal or `ask` has requested the end.
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
        """128 plus the number of the signal, as in shells; 0 if no signal was caught."""
        return 128 + self._caught if self._caught else 0

    def ask(self) -> None:
        """Request the end as a signal does, but at a key press: that is no failure, the exit code stays 0."""
        self._take(0)

    def _handle(self, number: int, _: object) -> None:
        self._signals += 1
        if self._signals == 2:
            leaving = threading.Timer(_LEAVE_S, os._exit, [128 + number])
            leaving.daemon = True
            leaving.start()
        self._loop.call_soon_threadsafe(self._take, number)  # also wakes a waiting loop

    def _take(self, number: int) -> None:
        if not self.asked:
            self.asked, self._caught = True, number
            self._stop()
        elif self._task is not None:
            self._task.cancel(128 + (number or signal.SIGINT))


def leave_at_once() -> None:
    """Let Ctrl-C end the process at once and silently, unless it is ignored.

    For use while there is nothing to finish: modules being imported could print or lose an exception.
    """
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, lambda *_: os._exit(128 + signal.SIGINT))


def leave(code: int) -> NoReturn:
    """End the process, without waiting for models that nobody waits for any more."""
    if any(thread.name == LOADING for thread in threading.enumerate()):
        os._exit(code)
    sys.exit(code)


@contextmanager
def in_order() -> Iterator[None]:
    """A context in which Ctrl-C raises CancelledError, so that work can be finished or undone."""
    before = signal.getsignal(signal.SIGINT)
    if before is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    except KeyboardInterrupt as error:  # which typer would report itself
        raise asyncio.CancelledError from error
    finally:
        signal.signal(signal.SIGINT, before)


def run_async(task: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine, with Ctrl-C as in `in_order`; on Windows on the event loop that MQTT needs."""
    factory = asyncio.SelectorEventLoop if sys.platform == "win32" else None
    with in_order(), asyncio.Runner(loop_factory=factory) as runner:
        return runner.run(task)
