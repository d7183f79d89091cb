"""What is published under which topic: events to MQTT messages, without any input or output."""

import json
from dataclasses import dataclass

from streamer.events import Event, TurnFinal, TurnPartial, TurnRevised

ONLINE, OFFLINE = "online", "offline"


@dataclass(frozen=True, slots=True)
class Message:
    """One message to publish.

    Attributes:
        topic: its topic.
        payload: its text.
        qos: quality of service: 0 at most once, 1 at least once.
        retain: whether the broker keeps it for those who subscribe later.
    """

    topic: str
    payload: str
    qos: int
    retain: bool = False

    @property
    def replaces_older(self) -> bool:
        """Whether only the newest message of this topic matters."""
        return self.retain or self.qos == 0


def topic_level(name: str) -> str:
    """Make one level of a topic of any name (MQTT 3.1.1, section 4.7): no separator, wildcard or control."""
    safe = "".join("-" if c in "/+#" or not c.isprintable() else c for c in name)
    return safe.encode("utf-8", "replace").decode() or "-"


class StreamMessages:
    """The messages of one stream.

    Args:
        prefix: first levels of every topic.
        stream: name of the stream.
    """

    def __init__(self, prefix: str, stream: str) -> None:
        self._base = f"{prefix}/{topic_level(stream)}"
        self._newest_turn = 0

    def availability(self, payload: str) -> Message:
        """Whether this stream is being listened to: `ONLINE` or `OFFLINE`."""
        return Message(f"{self._base}/availability", payload, qos=1, retain=True)

    def of(self, event: Event) -> list[Message]:
        """Messages for one event, none for most; feed events in order."""
        if isinstance(event, TurnPartial):
            return [Message(f"{self._base}/partial", event.model_dump_json(), qos=0)]
        if not isinstance(event, TurnFinal | TurnRevised):
            return []
        messages = [Message(f"{self._base}/turn", event.model_dump_json(), qos=1)]
        if event.turn >= self._newest_turn:
            self._newest_turn = event.turn
            messages.append(Message(f"{self._base}/state", _state(event), qos=1, retain=True))
        return messages


def _state(event: TurnFinal | TurnRevised) -> str:
    keys = {"emotion", "confidence", "valence", "sentiment", "speaker", "turn", "at"}
    return json.dumps(event.model_dump(mode="json", include=keys), ensure_ascii=False)
