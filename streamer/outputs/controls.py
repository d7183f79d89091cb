"""What the keys of the live view can do to what it shows."""

from collections.abc import Callable, Collection, Coroutine
from dataclasses import dataclass
from typing import Any

from streamer.outputs.base import OutputStatus


@dataclass(frozen=True, slots=True)
class Controls:
    """The wires from a view to the work behind it; a key whose wire is missing is not offered.

    Attributes:
        quit: ends in order; called once more, at once.
        mark: marks this moment in the streams of these names, or in all there are.
        hold: holds what is played (True), or lets it go on; without it pausing stops the picture only.
        outputs: how the outputs fare that say so.
    """

    quit: Callable[[], None]
    mark: Callable[[Collection[str]], Coroutine[Any, Any, None]] | None = None
    hold: Callable[[bool], None] | None = None
    outputs: Callable[[], list[OutputStatus]] | None = None
