"""A bar for long work, on stderr and only on a terminal."""

import sys
from collections.abc import Iterable, Sequence
from typing import TypeVar

from rich.console import Console
from rich.progress import track

Item = TypeVar("Item")


def progress(items: Sequence[Item], label: str) -> Iterable[Item]:
    """The items, with a bar that says how many of them are done."""
    return track(items, label, console=Console(stderr=True), disable=not sys.stderr.isatty())
