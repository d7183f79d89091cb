"""The state of a delivery over all connections to its broker. Pure, except that it logs changes."""

import logging

from streamer.events import QueueHealth
from streamer.outbox.message import Message, shown
from streamer.outputs.base import OutputStatus
from streamer.outputs.mqtt.address import BrokerAddress
from streamer.outputs.mqtt.client import Answer
from streamer.outputs.mqtt.undeliverable import Key, SuspectedMessages, tries

_log = logging.getLogger(__name__)

_AT_ONCE = 6
"""Connections lost in succession, with no progress between, after which the next attempt is delayed."""


class DeliveryState:
    """Records what happens to connections and messages, and decides on retries.

    Attributes:
        suspects: messages that may cause the loss of connections.
        in_flight: unconfirmed messages, also of a connection just lost.
        trouble: why there is no connection; None if there is one, or the reason is not known yet.
        lost_in_a_row: connections lost in succession, with no progress between.
        answered: whether the broker has ever accepted a connection.
        refuses: whether the broker refused one of the latest messages.
        patient: whether subscribers may need time to reconnect.
        was_away: whether the broker was just away.
        home_assistant: whether the announcement had a subscriber; None if unknown.
        try_refused_s: `monotonic` time of the next attempt to send refused messages.
    """

    def __init__(
        self, address: BrokerAddress, retry_s: float, longest_retry_s: float, *, patient: bool
    ) -> None:
        self.suspects = SuspectedMessages()
        self.in_flight: set[Key] = set()
        self.trouble: str | None = None
        self.answered = False
        self.patient = patient
        self.was_away = False
        self.home_assistant: bool | None = None
        self.try_refused_s = 0.0
        self.retry_s = self._next_retry_s = retry_s
        self._longest_retry_s = longest_retry_s
        self._address = address
        self.lost_in_a_row = 0
        self._failing = self.refuses = False
        self._warned: set[str] = set()

    def status(self, queue: QueueHealth, *, ended: bool) -> OutputStatus:
        """Whether the broker is connected and accepts events, and how many wait."""
        troubles = {
            "delivery has stopped": ended,
            "delivery fails": self._failing,
            "no connection to the broker": self.trouble is not None,
            "the broker refuses events": self.refuses,
        }
        trouble = next((what for what, is_so in troubles.items() if is_so), None)
        return OutputStatus("mqtt", trouble, queue, connecting=trouble is None and not self.answered)

    def retry_in_s(self) -> float:
        """Delay before the next attempt to connect, in seconds."""
        wait_s = self._next_retry_s
        self._next_retry_s = min(2 * wait_s, self._longest_retry_s)
        return wait_s

    def connected(self, *, at_once: bool) -> None:
        """Record a new connection, and whether the first attempt after a loss succeeded."""
        self._next_retry_s = self.retry_s
        by_a_message = self.suspects.connected(at_once=at_once)
        if at_once:
            self.patient = self.was_away = not by_a_message
        self.in_flight.clear()

    def greeted(self) -> None:
        """Record that the broker answered the first request."""
        self.answered = True
        if self.trouble is not None:
            self.patient = self.was_away = True
        if self.lost_in_a_row <= _AT_ONCE:
            self._say_well()

    def lasts(self) -> None:
        """Record that the connection made progress."""
        self.lost_in_a_row, self._failing = 0, False
        self._say_well()

    def lost(self, why: str | None) -> float:
        """Record a lost connection; returns the delay before the next one, in seconds."""
        self.lost_in_a_row += 1
        if self.lost_in_a_row <= _AT_ONCE:
            return 0.0
        self.no_connection(why or "it fails")
        return min(self.retry_s * 2.0 ** min(self.lost_in_a_row - _AT_ONCE, 10), self._longest_retry_s)

    def no_connection(self, why: str) -> None:
        """Record a failed attempt to connect."""
        self._failing = False
        if why != self.trouble:
            _log.warning("no connection to %s (%s); events wait until there is one", self._address, why)
        self.trouble = why

    def failed(self, error: Exception) -> None:
        """Record an unexpected error."""
        self._failing = True
        said = " ".join(f"{type(error).__name__}: {error}".split())
        self.warn_once(f"delivery to {self._address} failed ({said}); it is tried again")

    def arrived(self, key: Key, size: int) -> None:
        """Record that the broker answered a message of `size` bytes."""
        self.in_flight.discard(key)
        self.suspects.taken(key, size)

    def refused(self, message: Message, answer: Answer, now_s: float) -> str | None:
        """Record a refusal; returns why the message is given up, None if it waits, longer each time."""
        if message.refused + 1 >= tries(answer.code):
            return f"the broker refuses it: {answer.said}"
        self.try_refused_s = now_s + min(self.retry_s * 2**message.refused, self._longest_retry_s)
        said = f"{shown(message.topic)} is refused: {answer.said}"
        self.warn_once(f"{self._address}: {said}; events wait until that is taken")
        return None

    def warn_once(self, trouble: str) -> None:
        """Log a fault, unless it was logged before."""
        if trouble not in self._warned:
            self._warned.add(trouble)
            _log.warning("%s", trouble)

    def _say_well(self) -> None:
        if self.trouble is not None:
            _log.warning("connected to %s again", self._address)
            self.trouble = None
