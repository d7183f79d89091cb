"""Limits repeated log messages, which clients could otherwise cause without end, and counts the rest."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from time import monotonic

WINDOW_S = 60.0
_KINDS = 256
"""Kinds remembered at a time; the program has fewer."""


@dataclass(slots=True)
class _Kind:
    since: float
    logged: int = 0
    left_out: int = 0
    last: logging.LogRecord | None = None


class RepeatedLogFilter(logging.Filter):
    """Passes a limited number of records of a kind per minute; the next one says how many were dropped.

    Records are of one kind if they have the same logger, level and message template.

    Args:
        warnings: limit for warnings and errors.
        notes: limit for lower levels.
    """

    def __init__(self, *, warnings: int = 1, notes: int = 20) -> None:
        super().__init__()
        self._warnings = warnings
        self._notes = notes
        self._kinds: dict[tuple[str, int, str], _Kind] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether to log a record."""
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
        """Log the last dropped record of each kind whose minute is over; to be called regularly."""
        now = monotonic()
        for key, kind in list(self._kinds.items()):
            if now - kind.since >= WINDOW_S:
                del self._kinds[key]
                if kind.last is not None:
                    _add_count(kind.last, kind.left_out - 1)
                    logging.getLogger(kind.last.name).handle(kind.last)

    def watch(self, loggers: Iterable[str]) -> None:
        """Filter the records of these loggers; repeated calls have no further effect."""
        for name in loggers:
            logging.getLogger(name).addFilter(self)


def _add_count(record: logging.LogRecord, count: int) -> None:
    if count > 0:
        record.msg = f"{record.getMessage()} ({count} more like this within a minute)"
        record.args = None
