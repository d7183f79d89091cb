"""The interface of an output."""

from collections.abc import Iterable
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self

from streamer.events import Event, QueueHealth


class Output(Protocol):
    """A receiver of events: an async context manager that gets them one by one, in order.

    Entering the context raises InputError for what can never work (an unwritable path, a bad address), and
    then leaves nothing behind. Leaving it delivers the events still held, in bounded time. An output that
    holds no events inherits both.
    """

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    async def send(self, event: Event) -> None:
        """Process one event.

        An output that may not lose events lets the caller wait (JSON lines). An output that can be slow has
        its own bounded queue and reports what it sheds (MQTT), or shows only the newest state (the terminal).
        So no output delays another one for long.

        Raises:
            RunError: the output can process no further events.
            BrokenPipeError: the reader has gone; end without a message.
        """
        ...


@dataclass(frozen=True, slots=True)
class OutputStatus:
    """The status of an output.

    Attributes:
        name: name of the output, such as "mqtt".
        trouble: the fault, in a few words without addresses or secrets ("no connection"); None if there is
            none, or none is known yet.
        queue: how many events wait, and how many were shed so far; None without a queue.
        connecting: whether the other side has not answered yet.
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

    Such an output has a property `status`, an `OutputStatus`, that is cheap to read and always up to date.
    """
    statuses = (getattr(output, "status", None) for output in outputs)
    return [status for status in statuses if isinstance(status, OutputStatus)]
