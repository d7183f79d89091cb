"""What the program says to its user, by way of `logging`."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def warnings_logged() -> Iterator[list[str]]:
    """What the program warns of meanwhile, a line each."""
    said: list[str] = []
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: said.append(record.getMessage())  # type: ignore[method-assign]
    logging.getLogger("merits").addHandler(handler)
    try:
        yield said
    finally:
        logging.getLogger("merits").removeHandler(handler)
