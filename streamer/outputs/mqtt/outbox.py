"""What waits to be published, in memory."""

from collections import OrderedDict
from itertools import islice

from streamer.outputs.mqtt.messages import Message


class Outbox:
    """Messages in order until they are confirmed. When it is full the oldest is shed, and counted.

    A message that replaces older ones of its topic takes the place of the one that waits: that is no loss.

    Attributes:
        limit: how many messages it holds.
        shed: how many messages were lost because it was full.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.shed = 0
        self._waiting: OrderedDict[int, Message] = OrderedDict()
        self._replaceable: dict[str, int] = {}
        self._next_id = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, message: Message) -> None:
        """Add a message at the end."""
        if message.replaces_older:
            self._waiting.pop(self._replaceable.get(message.topic, -1), None)
            self._replaceable[message.topic] = self._next_id
        self._waiting[self._next_id] = message
        self._next_id += 1
        if len(self._waiting) > self.limit:
            self._waiting.popitem(last=False)
            self.shed += 1

    def peek(self, count: int) -> list[tuple[int, Message]]:
        """The oldest `count` messages with their ids; they stay until confirmed."""
        return list(islice(self._waiting.items(), count))

    def confirm(self, message_id: int) -> None:
        """Forget a message that has been delivered (or shed or replaced meanwhile)."""
        self._waiting.pop(message_id, None)
