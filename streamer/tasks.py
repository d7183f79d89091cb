"""Tasks that are to go on for as long as whoever began them: one that dies is said, and `/healthz` knows."""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any
from weakref import WeakKeyDictionary

from streamer.errors import described

_log = logging.getLogger("merits.health")
_dead: "WeakKeyDictionary[asyncio.Task[None], str]" = WeakKeyDictionary()


def keep_going(work: Coroutine[Any, Any, None], part: str) -> "asyncio.Task[None]":
    """Begin a task that nobody waits for, until it is cancelled or comes to an end in order.

    Where it ends with an exception, this is logged in one line, and `dead_parts` tells of it for as long as
    the task is held: hold it until what it works for is left.
    """
    task = asyncio.create_task(work, name=part)
    task.add_done_callback(_take_note)
    return task


def dead_parts() -> list[tuple[str, str]]:
    """The parts whose tasks have died, each with the reason."""
    return [(task.get_name(), reason) for task, reason in _dead.items()]


def _take_note(task: "asyncio.Task[None]") -> None:
    if task.cancelled() or (error := task.exception()) is None:
        return
    _dead[task] = f"it has ended unexpectedly ({type(error).__name__}): restart the program"
    _log.error("%s has ended unexpectedly (%s)", task.get_name(), described(error))
