"""Progress on standard error, for people who watch."""

import sys

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


def progress_bar(*more: str, quiet: bool = False) -> Progress:
    """A bar with counts and the time that is left; no bar where standard error is no terminal.

    Args:
        more: text columns besides, in rich's format.
        quiet: neither show a bar nor print on its console: another process does.
    """
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        *(TextColumn(each) for each in more),
        console=Console(stderr=True, soft_wrap=True, quiet=quiet),
        disable=quiet or not sys.stderr.isatty(),
    )
