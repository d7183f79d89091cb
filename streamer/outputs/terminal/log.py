"""Log messages while the live view uses the terminal."""

import logging
from collections import deque
from collections.abc import Callable


class LogToView(logging.Handler):
    """Replaces the handlers of the root logger; afterwards repeats the messages to them.

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
        """Replace the present handlers."""
        root = logging.getLogger()
        self._others = root.handlers[:]
        root.handlers[:] = [self]

    def give_back(self) -> None:
        """Restore the handlers, and repeat the messages to them."""
        root = logging.getLogger()
        root.handlers[:] = self._others
        for record in self._records:
            root.handle(record)
