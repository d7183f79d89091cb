"""Which messages a broker will never take: what it says of itself, and what it does."""

from collections import Counter
from collections.abc import Collection

from streamer.outputs.outbox.message import Message

LARGEST = 268_435_455
"""Of what follows a packet's first bytes (MQTT 5, section 2.1.4)."""
_LONGEST_TOPIC = 65_535
_HUNG_UP, _IGNORED, _GONE, _ENOUGH = 3, 2, 1, 6
"""What counts how much against a message that was alone on its way: that the broker hung up and was there
again at once, that it answers all else but this, that it was gone (which it may be of itself); and how much
suffices. Of the first, twice."""
_TELLING = 2
_TRIES = {0x90: 1, 0x99: 1, 0x97: 30}
"""How often what is refused is tried, by reason code (MQTT 5, section 3.4.2.1): a topic or a payload that is
invalid stays so, a quota comes back."""
_OTHER_TRIES = 3

Key = int | str
"""Tells a message from others: its number in the outbox, or the topic of one that is not in there."""


def why_undeliverable(message: Message) -> str | None:
    """Why no broker can take a message, None where one can (MQTT 5, sections 1.5.4, 3.3.2.1, 4.7.1)."""
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
    """How large a message's packet is, with so many bytes of properties (MQTT 5, section 3.3)."""
    texts = len(message.topic.encode()) + len(message.payload.encode())
    rest = 2 + (2 if message.qos else 0) + properties + texts
    return 1 + max((rest.bit_length() + 6) // 7, 1) + rest


def tries(code: int) -> int:
    """How often a message is sent that is refused for this reason, before it is set aside."""
    return _TRIES.get(code, _OTHER_TRIES)


class SuspectedMessages:
    """Finds the message on which a broker hangs up, or which it ignores, whenever it gets it.

    Of several that were on their way, each is suspected, and goes alone from then on: that tells which it is.
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
        """Whether messages are to go one by one."""
        return bool(self._suspects)

    def lost(self, on_their_way: Collection[Key], *, hung_up: bool) -> None:
        """The connection is lost, by the broker's doing or not, with these not yet confirmed."""
        self._suspects.update(on_their_way)
        self._accused = next(iter(on_their_way)) if hung_up and len(on_their_way) == 1 else None

    def connected(self, *, at_once: bool) -> bool:
        """There is a connection again, by the very next attempt or not.

        Returns:
            Whether it was a message that ended the last one, as far as can be known.
        """
        accused, self._accused = self._accused, None
        if accused is not None:
            self._add(accused, _HUNG_UP if at_once else _GONE)
        return accused is not None and at_once

    def ignored(self, key: Key) -> None:
        """The broker did not confirm one that was alone, and answered what it was asked after it."""
        self._add(key, _IGNORED)

    def taken(self, key: Key, size: int) -> None:
        """The broker has answered one of so many bytes."""
        self._taken += size > 0
        self._largest_taken = max(self._largest_taken, size)
        self.spare(key)

    def verdict(self, key: Key, size: int) -> str | None:
        """Why one of so many bytes is not sent any more; None while it is.

        When two were found that are larger than all that was taken, what is as large shares their fate.
        """
        if self._points[key] >= _ENOUGH:
            return "the broker hangs up on it, or never confirms it, again and again"
        if len(self._condemned) >= _TELLING and size >= min(self._condemned) > self._largest_taken:
            return f"it is as large as others on which the broker hangs up: {size:,} bytes"
        return None

    def alone(self, key: Key) -> bool:
        """Whether others were taken since it was first accused: it is not the broker that takes nothing."""
        return self._taken > self._taken_before.get(key, -1)

    def condemn(self, key: Key, size: int) -> bool:
        """It is sent no more; returns whether that is for what the broker did with it, not for its size."""
        proved = self._points[key] >= _ENOUGH
        if proved:
            self._condemned.append(size)
        self.spare(key)
        return proved

    def nothing_waits(self) -> None:
        """Whoever was suspected has gone."""
        self._suspects.clear()

    def _add(self, key: Key, points: int) -> None:
        self._taken_before.setdefault(key, self._taken)
        self._points[key] += points

    def spare(self, key: Key) -> None:
        """Think nothing bad of it any more."""
        self._taken_before.pop(key, None)
        self._suspects.discard(key)
        self._points.pop(key, None)
