"""Converts boards to terminal output: only the lines that changed."""

from itertools import zip_longest
from time import monotonic

from rich.console import Console
from rich.text import Span, Text

from streamer.outputs.terminal.board import Board
from streamer.outputs.terminal.layout import draw
from streamer.outputs.terminal_colours import StyleOf
from streamer.outputs.wording import to_encoding

_Line = tuple[str, str, tuple[Span, ...]]
_EVERYTHING_EVERY_S = 5.0
"""Period of frames that write every line, in case other programs wrote to the terminal."""


class Frames:
    """The lines that the terminal shows."""

    def __init__(self, console: Console, style_of: StyleOf) -> None:
        self._console = console
        self._style_of = style_of
        self._shown: list[_Line] = []
        self._size = (0, 0)
        self._everything_at = 0.0
        self._forgotten = True

    def forget(self) -> None:
        """Let the next frame write every line, since the terminal's content is unknown."""
        self._forgotten = True

    def next(self, board: Board, width: int, height: int) -> str:
        """The output that updates the terminal to a board; "" if it is up to date."""
        lines = draw(board, self._console, self._style_of, width, height)
        drawn = [(line.plain, str(line.style), tuple(line.spans)) for line in lines]
        everything, self._forgotten = self._forgotten or (width, height) != self._size, False
        if drawn == self._shown and not everything:
            return ""
        now_s = monotonic()
        if everything or now_s - self._everything_at > _EVERYTHING_EVERY_S:
            self._shown, self._everything_at = [], now_s
        before = self._shown
        self._shown, self._size = drawn, (width, height)
        return "".join(
            f"\x1b[{row};1H{self._rendered(line, width)}"
            for row, (line, new, old) in enumerate(zip_longest(lines, drawn, before[:height]), start=1)
            if new != old
        )

    def _rendered(self, line: Text, width: int) -> str:
        with self._console.capture() as capture:
            self._console.print(line, end="", crop=False, overflow="ignore", no_wrap=True, highlight=False)
        rendered = to_encoding(capture.get(), self._console.encoding)
        # After a line that fills the row, the cursor is on its last cell, which erasing would clear.
        return rendered if line.cell_len >= width else f"{rendered}\x1b[K"
