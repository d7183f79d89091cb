"""The messages that are published."""

from dataclasses import dataclass

_LONGEST_SHOWN = 80


@dataclass(frozen=True, slots=True)
class Message:
    """One message to publish.

    Attributes:
        topic: topic of the message.
        payload: text of the message.
        qos: quality of service: 0 at most once, 1 at least once.
        retain: whether the broker keeps the newest such message of a topic for later subscribers.
        id: identifier of the event it carries, the same for each attempt; None without an event.
        instance: identifier of the program, in its presence messages; None in others.
        refused: number of refusals by the broker so far.
    """

    topic: str
    payload: str
    qos: int
    retain: bool = False
    id: str | None = None
    instance: str | None = None
    refused: int = 0


def shown(topic: str) -> str:
    """A topic made safe to print: on one line, shortened, without control characters."""
    safe = "".join(c if c.isprintable() else "?" for c in topic)
    return safe if len(safe) <= _LONGEST_SHOWN else f"{safe[:_LONGEST_SHOWN]}..."
