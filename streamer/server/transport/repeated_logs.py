"""What is logged over and over is logged once, and counted: strangers can cause as much as they like."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from time import monotonic

WINDOW_S = 60.0
_KINDS = 256
"""Kept in mind at once; there are fewer in the sources."""


@dataclass(slots=True)
class _Kind:
    since: float
    logged: int = 0
    left_out: int = 0
    last: logging.LogRecord | None = None


class RepeatedLogFilter(logging.Filter):
    """Lets so many records of one kind pass within a minute; the next one says how many there were besides.

    A kind is what a logger says at one place, whatever it says it of.

    Args:
        warnings: records of warnings and worse that pass.
        notes: of all else.
    """

    def __init__(self, *, warnings: int = 1, notes: int = 20) -> None:
        super().__init__()
        self._warnings = warnings
        self._notes = notes
        self._kinds: dict[tuple[str, int, str], _Kind] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether it is logged."""
        now = monotonic()
        key = record.name, record.levelno, str(record.msg)
        kind = self._kinds.get(key)
        if kind is None or now - kind.since >= WINDOW_S:
            if kind is not None and kind.left_out:
                _add_count(record, kind.left_out)
            self._kinds.pop(key, None)
            self._kinds[key] = kind = _Kind(now)
            if len(self._kinds) > _KINDS:
                del self._kinds[next(iter(self._kinds))]
        if kind.logged < (self._warnings if record.levelno >= logging.WARNING else self._notes):
            kind.logged += 1
            return True
        kind.left_out += 1
        kind.last = record
        return False

    def tell(self) -> None:
        """Log what was left out a minute ago, where nothing more of its kind came; call it now and then."""
        now = monotonic()
        for key, kind in list(self._kinds.items()):
            if now - kind.since >= WINDOW_S:
                del self._kinds[key]
                if kind.last is not None:
                    _add_count(kind.last, kind.left_out - 1)
                    logging.getLogger(kind.last.name).handle(kind.last)

    def watch(self, loggers: Iterable[str]) -> None:
        """Stand before those loggers; more than once is no more than once."""
        for name in loggers:
            logging.getLogger(name).addFilter(self)


def _add_count(record: logging.LogRecord, count: int) -> None:
    if count > 0:
        record.msg = f"{record.getMessage()} ({count} more like this within a minute)"
        record.args = None
