"""Messages of `logging` while the view has the terminal."""

import logging
from collections import deque
from collections.abc import Callable


class LogToView(logging.Handler):
    """Stands in for the handlers of the root logger; what came meanwhile is repeated to them afterwards.

    A message may be shown from any thread.
    """

    def __init__(self, show: Callable[[str], None]) -> None:
        super().__init__()
        self._show = show
        self._others: list[logging.Handler] = []
        self._records: deque[logging.LogRecord] = deque(maxlen=20)

    def emit(self, record: logging.LogRecord) -> None:
        """Show a message now, and keep it."""
        self._records.append(record)
        self._show(record.getMessage())

    def take_over(self) -> None:
        """Stand in for the handlers there are."""
        root = logging.getLogger()
        self._others = root.handlers[:]
        root.handlers[:] = [self]

    def give_back(self) -> None:
        """Let them have what they missed."""
        root = logging.getLogger()
        root.handlers[:] = self._others
        for record in self._records:
            root.handle(record)
