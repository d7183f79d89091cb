"""Background tasks: one that fails is logged, and `/healthz` reports it."""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any
from weakref import WeakKeyDictionary

from streamer.errors import described

_log = logging.getLogger("merits.health")
_dead: "WeakKeyDictionary[asyncio.Task[None], str]" = WeakKeyDictionary()


def keep_going(work: Coroutine[Any, Any, None], part: str) -> "asyncio.Task[None]":
    """Start a task that nobody awaits; it runs until it ends or is cancelled.

    If it raises an exception, that is logged in one line, and `dead_parts` contains it while a reference to
    the task exists: keep one as long as the task is needed.
    """
    task = asyncio.create_task(work, name=part)
    task.add_done_callback(_take_note)
    return task


def dead_parts() -> list[tuple[str, str]]:
    """The parts whose tasks have failed, each with the reason."""
    return [(task.get_name(), reason) for task, reason in _dead.items()]


def _take_note(task: "asyncio.Task[None]") -> None:
    if task.cancelled() or (error := task.exception()) is None:
        return
    _dead[task] = f"it has ended unexpectedly ({type(error).__name__}): restart the program"
    _log.error("%s has ended unexpectedly (%s)", task.get_name(), described(error))
