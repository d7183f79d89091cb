"""What is published."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Message:
    """One message to publish.

    Attributes:
        topic: its topic.
        payload: its text.
        qos: quality of service: 0 at most once, 1 at least once.
        retain: whether the broker keeps it for those who subscribe later: only the newest counts.
        id: of the event that it carries, the same however often it is sent; None where there is none.
    """

    topic: str
    payload: str
    qos: int
    retain: bool = False
    id: str | None = None
