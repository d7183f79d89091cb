"""Detects two programs that publish one stream by mistake. Pure: no input or output."""

from streamer.outbox.message import Message
from streamer.outputs.mqtt.topics import OFFLINE, ONLINE, StreamMessages


class Presence:
    """The presence messages of one program under a stream's name, and its reactions to those of others.

    The last `availability` message is retained. When one program ends, or is killed and the broker publishes
    its will, another running program of the same name publishes `online` again. Programs find each other by
    introductions that are not retained, so a killed program leaves none behind.
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
        """The topics to subscribe to."""
        return self.online.topic, self.introduction.topic

    @property
    def online(self) -> Message:
        """The message to publish after connecting."""
        return self._messages.availability(ONLINE, self._instance)

    @property
    def offline(self) -> Message:
        """The message to publish before disconnecting; also the will."""
        return self._messages.availability(OFFLINE, self._instance)

    @property
    def introduction(self) -> Message:
        """The message that introduces this program."""
        return self._messages.introduction(self._instance)

    def hear(self, topic: str, payload: str, *, retained: bool) -> tuple[Message | None, bool]:
        """Process a message of one of the topics.

        Returns:
            The answer to publish, and whether the message revealed a second program for the first time.
        """
        if topic == self.online.topic:
            if retained:  # of a running program, or one whose end the broker has not noticed
                return (self.introduction if payload == ONLINE else None), False
            return (self.online if payload == OFFLINE else None), False
        if topic != self.introduction.topic or payload in (self._instance, *self._met, ""):
            return None, False
        self._met.add(payload)
        return self.introduction, len(self._met) == 1
