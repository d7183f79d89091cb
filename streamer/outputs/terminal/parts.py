"""Building blocks of the view's lines."""

from dataclasses import dataclass
from itertools import zip_longest

from rich.console import Console
from rich.text import Text

from streamer.outputs.terminal_colours import StyleOf

_EIGHTHS = " ▏▎▍▌▋▊▉"


@dataclass(frozen=True, slots=True)
class Pen:
    """What it takes to draw: nothing is printed to the console, which measures and wraps."""

    console: Console
    style_of: StyleOf
    words: bool = True


def bar(share: float, cells: int) -> str:
    """A bar with a resolution of an eighth of a cell, padded to `cells`."""
    full, eighth = divmod(round(share * cells * 8), 8)
    return ("█" * full + (_EIGHTHS[eighth] if eighth else "")).ljust(cells)


def apart(left: Text, right: Text, width: int) -> Text:
    """One text at each end of a line; the left one is cut if necessary."""
    left = left.copy()
    left.truncate(max(width - right.cell_len - 2, 0), overflow="ellipsis")
    return Text.assemble(left, " " * max(width - left.cell_len - right.cell_len, 0), right)


def beside(left: list[Text], left_width: int, right: list[Text]) -> list[Text]:
    """Two blocks of lines, separated by a vertical rule."""
    lines = []
    for a, b in zip_longest(left, right, fillvalue=Text()):
        cell = a.copy()
        cell.truncate(left_width, overflow="ellipsis", pad=True)
        lines.append(Text.assemble(cell, (" │ ", "dim"), b))
    return lines


def rule(width: int) -> Text:
    """A horizontal rule."""
    return Text("─" * width, "dim")
