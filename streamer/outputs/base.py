"""The contract of an output."""

from collections.abc import Iterable
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self

from streamer.events import Event, QueueHealth


class Output(Protocol):
    """Where events go: an async context manager that takes them one by one, in order.

    Entering raises InputError for what can never work (an unwritable path, a bad address) and leaves nothing
    behind. Leaving hands over what is still held, in bounded time, whatever happened. Subclasses that hold
    nothing need neither.
    """

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    async def send(self, event: Event) -> None:
        """Take over one event.

        What may not lose events makes the caller wait (JSON lines); what can be slow keeps its own bounded
        queue and says what it sheds (MQTT), or shows the newest state only (the terminal). So no output
        holds up another one for long.

        Raises:
            RunError: events can no longer be taken.
            BrokenPipeError: whoever read them has gone; end quietly.
        """
        ...


@dataclass(frozen=True, slots=True)
class OutputStatus:
    """The status of an output.

    Attributes:
        name: of the output: "mqtt".
        trouble: what is the matter, in a few words without addresses or secrets ("no connection"); None while
            all is well, or not known yet.
        queue: what waits in it, and what it has shed so far; None for one that keeps nothing.
        connecting: whether its other side has yet to answer for the first time.
    """

    name: str
    trouble: str | None = None
    queue: QueueHealth | None = None
    connecting: bool = False


def by_name(statuses: Iterable[OutputStatus]) -> list[OutputStatus]:
    """The status of outputs of one name together: a broker is one, however many streams go there."""
    together: dict[str, OutputStatus] = {}
    for one in statuses:
        other = together.setdefault(one.name, one)
        if other is not one:
            trouble, connecting = other.trouble or one.trouble, other.connecting and one.connecting
            together[one.name] = OutputStatus(one.name, trouble, _sum(other.queue, one.queue), connecting)
    return list(together.values())


def _sum(one: QueueHealth | None, other: QueueHealth | None) -> QueueHealth | None:
    if one is None or other is None:
        return one or other
    return QueueHealth(depth=one.depth + other.depth, limit=one.limit, shed=one.shed + other.shed)


def output_statuses(outputs: Iterable[Output]) -> list[OutputStatus]:
    """The status of each output that has one, for the live view, the metrics and `/healthz`.

    Such an output has a property `status`, an `OutputStatus`: cheap, and right at any time.
    """
    statuses = (getattr(output, "status", None) for output in outputs)
    return [status for status in statuses if isinstance(status, OutputStatus)]
