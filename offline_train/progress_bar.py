"""Progress bars on standard error."""

import sys

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


def progress_bar(*more: str, quiet: bool = False) -> Progress:
    """A bar with counts and remaining time; disabled if standard error is not a terminal.

    Args:
        more: further text columns in rich's format.
        quiet: disable the bar and its console: another process shows them.
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
