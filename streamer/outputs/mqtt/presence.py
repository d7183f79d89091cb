"""Who publishes a stream: one program mostly, by mistake two; pure, without any input or output."""

from streamer.outputs.mqtt.topics import OFFLINE, ONLINE, StreamMessages
from streamer.outputs.outbox.message import Message


class Presence:
    """What one program says of itself under a stream's name, and what it makes of what is said by another.

    The last word on `availability` is retained, whoever said it; so when a program ends (or is killed, and
    the broker says so for it), another that runs under the same name puts it right. Programs ask for each
    other by saying who they are, which is not retained: nothing of a killed one stays behind.
    """

    def __init__(self, messages: StreamMessages, instance: str) -> None:
        self._messages = messages
        self._instance = instance
        self._met: set[str] = set()

    @property
    def name(self) -> str:
        """What the topics of the stream begin with."""
        return self._messages.base

    @property
    def topics(self) -> tuple[str, str]:
        """What to listen to."""
        return self.online.topic, self.introduction.topic

    @property
    def online(self) -> Message:
        """Said when connected."""
        return self._messages.availability(ONLINE, self._instance)

    @property
    def offline(self) -> Message:
        """Said when leaving; the will."""
        return self._messages.availability(OFFLINE, self._instance)

    @property
    def introduction(self) -> Message:
        """Who this is."""
        return self._messages.introduction(self._instance)

    def hear(self, topic: str, payload: str, *, retained: bool) -> tuple[Message | None, bool]:
        """Take in what was published to one of the topics.

        Returns:
            What to answer, and whether it shows that another program publishes, which was not known.
        """
        if topic == self.online.topic:
            if retained:  # by one that runs, or of whose end the broker does not know yet
                return (self.introduction if payload == ONLINE else None), False
            return (self.online if payload == OFFLINE else None), False
        if topic != self.introduction.topic or payload in (self._instance, *self._met, ""):
            return None, False
        self._met.add(payload)
        return self.introduction, len(self._met) == 1
