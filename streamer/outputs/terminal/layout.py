"""Draws the live view: converts a board to lines that fill the terminal."""

from rich.console import Console
from rich.text import Text

from streamer.outputs.terminal.board import Board
from streamer.outputs.terminal.charts import circumplex, now, valence
from streamer.outputs.terminal.footer import footer
from streamer.outputs.terminal.header import header
from streamer.outputs.terminal.parts import Pen, beside, rule
from streamer.outputs.terminal.state import ViewState
from streamer.outputs.terminal.tiles import tiles
from streamer.outputs.terminal.transcript import transcript
from streamer.outputs.terminal_colours import StyleOf

WIDE = 120
"""Width from which the emotions are beside the turns instead of above them."""

_SIDE = 52


def draw(board: Board, console: Console, style_of: StyleOf, width: int, height: int) -> list[Text]:
    """Draw the view.

    Returns:
        `height` lines; the newest turn is the lowest.
    """
    pen = Pen(console, style_of, board.words)
    bottom = footer(board, pen, width, height)
    rows = height - len(bottom)
    shown = board.shown
    top = _alone(shown[0], pen, width, rows) if len(shown) == 1 else tiles(shown, pen, width, rows)
    lines = (top + bottom)[:height]
    for line in lines:
        line.truncate(width, overflow="ellipsis")
        line.no_wrap = True
    return lines


def _alone(state: ViewState, pen: Pen, width: int, height: int) -> list[Text]:
    """One stream on the whole terminal."""
    top = [header(state, pen, width), rule(width)][: max(height - 1, 1)]
    rows = max(height - len(top), 0)
    if width >= WIDE:
        left = width - _SIDE - 3
        side = now(state, pen, _SIDE, max(rows - 8, 1))
        chart_rows = min(rows - len(side) - 2, 12) // 2 * 2
        if chart_rows >= 2:
            side += [Text(), *valence(state, pen, _SIDE, chart_rows)]
        side += [Text(), *circumplex(state, pen, _SIDE, min(rows - len(side) - 1, 12))]
        return top + beside(transcript(state, pen, left, rows), left, side[:rows])
    panel = _panel(state, pen, width, rows - 5) if rows > 7 else []
    if panel:
        panel.append(rule(width))
    return top + panel + transcript(state, pen, width, rows - len(panel))


def _panel(state: ViewState, pen: Pen, width: int, rows: int) -> list[Text]:
    """Present emotions and valence over time, side by side."""
    left_width = min(40, width // 2)
    left = now(state, pen, left_width, rows)
    right = valence(state, pen, width - left_width - 3, rows=max(len(left) - 1, 4) // 2 * 2)
    return beside(left, left_width, right)[:rows]
