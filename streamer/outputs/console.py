"""Printing to standard output: a terminal, a pipe or a file."""

import errno
import sys

import rich.console
from rich.text import Text

from streamer import logs
from streamer.errors import RunError
from streamer.outputs.wording import to_encoding
from streamer.printable import printable


class Console(rich.console.Console):
    """A console that raises BrokenPipeError when its reader has gone, instead of ending the program."""

    def on_broken_pipe(self) -> None:
        """Raise the error, and print nothing more."""
        self.quiet = True
        raise BrokenPipeError


def print_line(console: rich.console.Console, line: Text) -> None:
    """Print one line of any length, without characters that the encoding lacks or control characters.

    Raises:
        BrokenPipeError: the reader has gone, or the terminal was closed.
        RunError: the line cannot be written; nothing more is printed.
    """
    line.plain = to_encoding(printable(line.plain), console.encoding)
    try:
        console.print(line, soft_wrap=True, highlight=False)
    except BrokenPipeError:
        raise
    except OSError as error:
        console.quiet = True
        if error.errno == errno.EIO:  # the terminal was closed
            raise BrokenPipeError from error
        raise RunError(f"cannot write to standard output: {error.strerror}") from error


def say(text: str) -> None:
    """Print one line, without control characters and secrets."""
    if sys.stdout is not None:
        print(to_encoding(printable(logs.redact(text)), sys.stdout.encoding or "utf-8"))
