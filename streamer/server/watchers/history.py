"""The recent history of a session, for later watchers: bounded, in memory only."""

import json
from collections import deque
from collections.abc import Iterator
from itertools import chain

from streamer import events
from streamer.events import Event

_KEPT_NOTES = 64
"""Most notes that are kept: gaps, lost devices and health."""

_EVENTS_A_MESSAGE = 100


class History:
    """The final and the latest revised event of each recent turn of a session, and its other events.

    Args:
        turns: most turns that are kept.
        size: most characters of the kept turns together.

    Attributes:
        stream: name of the stream.
        ended: whether the session has ended.
    """

    def __init__(self, stream: str, turns: int, size: int) -> None:
        self.stream = stream
        self.ended = False
        self._limit = turns
        self._size_limit = size
        self._size = 0
        self._frame: dict[str, tuple[int, str]] = {}
        self._speaking: dict[int, tuple[int, str]] = {}
        self._finals: dict[int, tuple[int, str]] = {}
        self._revised: dict[int, tuple[int, str]] = {}
        self._notes: deque[tuple[int, str]] = deque(maxlen=_KEPT_NOTES)

    def add(self, event: Event, line: str) -> None:
        """Keep an event, given with its JSON line."""
        entry = event.seq, line
        match event:
            case events.SessionStarted() | events.SessionEnded():
                self.ended = isinstance(event, events.SessionEnded)
                self._frame[event.type] = entry
                self._speaking.clear()
            case events.TurnStarted() | events.TurnPartial():
                self._speaking[event.turn] = entry
                if len(self._speaking) > _KEPT_NOTES:  # turns without a final event
                    del self._speaking[next(iter(self._speaking))]
            case events.TurnFinal():
                self._speaking.pop(event.turn, None)
                self._keep(self._finals, event.turn, entry)
            case events.TurnRevised():
                self._speaking.pop(event.turn, None)
                if event.turn in self._finals:
                    self._keep(self._revised, event.turn, entry)
            case _:
                self._notes.append(entry)

    def messages(self) -> Iterator[str]:
        """The kept events in order of `seq`, in messages of many events each, created one by one."""
        groups = (self._frame, self._speaking, self._finals, self._revised)
        return _messages(
            self.stream, [*self._notes, *chain.from_iterable(group.values() for group in groups)]
        )

    def _keep(self, group: dict[int, tuple[int, str]], turn: int, entry: tuple[int, str]) -> None:
        _, before = group.get(turn, (0, ""))
        group[turn] = entry
        self._size += len(entry[1]) - len(before)
        while self._finals and (len(self._finals) > self._limit or self._size > self._size_limit):
            oldest = next(iter(self._finals))
            for each in (self._finals, self._revised):
                self._size -= len(each.pop(oldest, (0, ""))[1])


def _messages(stream: str, entries: list[tuple[int, str]]) -> Iterator[str]:
    """In pieces, so that new watchers do not delay streams."""
    entries.sort()
    for start in range(0, len(entries), _EVENTS_A_MESSAGE):
        lines = ",".join(line for _, line in entries[start : start + _EVENTS_A_MESSAGE])
        yield f'{{"type":"watch.history","stream":{json.dumps(stream)},"events":[{lines}]}}'
