"""Finds messages that a broker never accepts, by its stated limits and its behaviour."""

from collections import Counter
from collections.abc import Collection

from streamer.outbox.message import Message

LARGEST = 268_435_455
"""Largest remaining length of a packet (MQTT 5, section 2.1.4)."""
_LONGEST_TOPIC = 65_535
_HUNG_UP, _IGNORED, _GONE, _ENOUGH = 3, 2, 1, 6
"""Weights of evidence against a message that was sent alone: the broker hung up and accepted a connection at
once; it answered everything but this message; it was gone (perhaps for another reason). Last, the sum that
suffices: twice the first."""
_TELLING = 2
_TRIES = {0x90: 1, 0x99: 1, 0x97: 30}
"""Number of attempts for a refused message, by reason code (MQTT 5, section 3.4.2.1): an invalid topic or
payload stays invalid, a quota recovers."""
_OTHER_TRIES = 3

Key = int | str
"""Identifies a message: its number in the outbox, or its topic if it is not in the outbox."""


def why_undeliverable(message: Message) -> str | None:
    """Why no broker can accept a message, or None (MQTT 5, sections 1.5.4, 3.3.2.1, 4.7.1)."""
    for name, text, longest in (
        ("topic", message.topic, _LONGEST_TOPIC),
        ("payload", message.payload, LARGEST),
        ("id", message.id or "", _LONGEST_TOPIC),
    ):
        if not isinstance(text, str):
            return f"its {name} is no text"
        try:
            size = len(text.encode())
        except UnicodeEncodeError:
            return f"its {name} is no UTF-8"
        if size > longest:
            return f"its {name} is longer than MQTT allows: {size:,} bytes"
    if not message.topic or any(c in "+#\0" for c in message.topic):
        return "its topic is none that can be published to"
    return None


def packet_bytes(message: Message, properties: int) -> int:
    """Size of a message's packet in bytes, given the bytes of its properties (MQTT 5, section 3.3)."""
    texts = len(message.topic.encode()) + len(message.payload.encode())
    rest = 2 + (2 if message.qos else 0) + properties + texts
    return 1 + max((rest.bit_length() + 6) // 7, 1) + rest


def tries(code: int) -> int:
    """Number of attempts for a message refused with this reason code, before it is set aside."""
    return _TRIES.get(code, _OTHER_TRIES)


class SuspectedMessages:
    """Finds a message at which a broker always hangs up, or which it always ignores.

    All messages that were unconfirmed then are suspected, and sent one at a time to find the one.
    """

    def __init__(self) -> None:
        self._suspects: set[Key] = set()
        self._accused: Key | None = None
        self._points: Counter[Key] = Counter()
        self._condemned: list[int] = []
        self._largest_taken = self._taken = 0
        self._taken_before: dict[Key, int] = {}

    @property
    def careful(self) -> bool:
        """Whether to send messages one at a time."""
        return bool(self._suspects)

    def lost(self, on_their_way: Collection[Key], *, hung_up: bool) -> None:
        """Record a lost connection, whether the broker closed it, and the unconfirmed messages."""
        self._suspects.update(on_their_way)
        self._accused = next(iter(on_their_way)) if hung_up and len(on_their_way) == 1 else None

    def connected(self, *, at_once: bool) -> bool:
        """Record a new connection, and whether the first attempt succeeded.

        Returns:
            Whether a message ended the last connection, as far as can be known.
        """
        accused, self._accused = self._accused, None
        if accused is not None:
            self._add(accused, _HUNG_UP if at_once else _GONE)
        return accused is not None and at_once

    def ignored(self, key: Key) -> None:
        """Record that the broker ignored a message that was sent alone, but answered a later request."""
        self._add(key, _IGNORED)

    def taken(self, key: Key, size: int) -> None:
        """Record that the broker answered a message of `size` bytes."""
        self._taken += size > 0
        self._largest_taken = max(self._largest_taken, size)
        self.spare(key)

    def verdict(self, key: Key, size: int) -> str | None:
        """Why a message of `size` bytes is no longer sent, or None.

        After two such messages, larger than every accepted one, all messages as large are rejected.
        """
        if self._points[key] >= _ENOUGH:
            return "the broker hangs up on it, or never confirms it, again and again"
        if len(self._condemned) >= _TELLING and size >= min(self._condemned) > self._largest_taken:
            return f"it is as large as others on which the broker hangs up: {size:,} bytes"
        return None

    def alone(self, key: Key) -> bool:
        """Whether the broker accepted others since the message was first suspected."""
        return self._taken > self._taken_before.get(key, -1)

    def condemn(self, key: Key, size: int) -> bool:
        """Reject a message for good; returns whether for the broker's behaviour, not for its size."""
        proved = self._points[key] >= _ENOUGH
        if proved:
            self._condemned.append(size)
        self.spare(key)
        return proved

    def nothing_waits(self) -> None:
        """Clear all suspicions: no message waits."""
        self._suspects.clear()

    def _add(self, key: Key, points: int) -> None:
        self._taken_before.setdefault(key, self._taken)
        self._points[key] += points

    def spare(self, key: Key) -> None:
        """Clear the suspicion of a message."""
        self._taken_before.pop(key, None)
        self._suspects.discard(key)
        self._points.pop(key, None)
