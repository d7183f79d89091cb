"""The actions of the live view's keys."""

from collections.abc import Callable, Collection, Coroutine
from dataclasses import dataclass
from typing import Any

from streamer.outputs.base import OutputStatus


@dataclass(frozen=True, slots=True)
class Controls:
    """The functions that a view's keys call; a key without a function is not offered.

    Attributes:
        quit: ends in order; at the second call, at once.
        mark: marks the present moment in the streams with these names, or in all.
        hold: pauses the playback (True) or continues it; if None, the pause key only freezes the view.
        outputs: returns the status of each output that has one.
    """

    quit: Callable[[], None]
    mark: Callable[[Collection[str]], Coroutine[Any, Any, None]] | None = None
    hold: Callable[[bool], None] | None = None
    outputs: Callable[[], list[OutputStatus]] | None = None
