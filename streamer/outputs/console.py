"""Where people read: the terminal, or whatever standard output is connected to."""

import errno
import sys

import rich.console
from rich.text import Text

from streamer import logs
from streamer.errors import RunError
from streamer.outputs.wording import to_encoding
from streamer.printable import printable


class Console(rich.console.Console):
    """One that leaves it to its user what to do when nobody reads any more, instead of ending the program."""

    def on_broken_pipe(self) -> None:
        """Say so once, and print nothing more."""
        self.quiet = True
        raise BrokenPipeError


def print_line(console: rich.console.Console, line: Text) -> None:
    """Print one line, however long, in what the console's encoding can carry, and nothing it would obey.

    Raises:
        BrokenPipeError: nobody reads it, or the terminal was closed.
        RunError: it can't be written; nothing more is printed.
    """
    line.plain = to_encoding(printable(line.plain), console.encoding)
    try:
        console.print(line, soft_wrap=True, highlight=False)
    except BrokenPipeError:
        raise
    except OSError as error:
        console.quiet = True
        if error.errno == errno.EIO:  # of a terminal: it was closed
            raise BrokenPipeError from error
        raise RunError(f"cannot write to standard output: {error.strerror}") from error


def say(text: str) -> None:
    """Print one line that is safe to show, without secrets."""
    if sys.stdout is not None:
        print(to_encoding(printable(logs.redact(text)), sys.stdout.encoding or "utf-8"))
