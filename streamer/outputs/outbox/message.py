"""What is published."""

from dataclasses import dataclass

_LONGEST_SHOWN = 80


@dataclass(frozen=True, slots=True)
class Message:
    """One message to publish.

    Attributes:
        topic: its topic.
        payload: its text.
        qos: quality of service: 0 at most once, 1 at least once.
        retain: whether the broker keeps it for those who subscribe later: only the newest counts.
        id: of the event that it carries, the same however often it is sent; None where there is none.
        instance: the program that says it of itself; None where that is no matter.
        refused: how many times the broker has refused it so far.
    """

    topic: str
    payload: str
    qos: int
    retain: bool = False
    id: str | None = None
    instance: str | None = None
    refused: int = 0


def shown(topic: str) -> str:
    """A topic as it may be printed: on one line, short, without what a terminal would obey."""
    safe = "".join(c if c.isprintable() else "?" for c in topic)
    return safe if len(safe) <= _LONGEST_SHOWN else f"{safe[:_LONGEST_SHOWN]}..."
