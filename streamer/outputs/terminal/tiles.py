"""Draws several streams side by side, each in a small tile."""

from math import ceil

from rich.text import Text

from streamer.outputs.terminal.charts import mood_text, now, sparkline
from streamer.outputs.terminal.header import header
from streamer.outputs.terminal.parts import Pen, apart, beside, rule
from streamer.outputs.terminal.state import ViewState
from streamer.outputs.terminal.transcript import transcript
from streamer.outputs.wording import emotion_text
from streamer.printable import printable

_NARROWEST, _LOWEST = 36, 6
_ROOMY = 18
"""Least rows of a tile with bars."""


def tiles(streams: list[ViewState], pen: Pen, width: int, height: int) -> list[Text]:
    """Draw as many streams as fit, running ones first, and name the others."""
    columns, rows = _grid(len(streams), width, height)
    room = columns * rows
    going_on = sorted(streams, key=lambda state: state.ended is not None)
    if len(streams) > room:
        columns, rows = _grid(len(streams), width, height - 1)
        room = columns * rows
    shown, others = going_on[:room], going_on[room:]
    rest = height - bool(others)
    lines: list[Text] = []
    for row in range(rows):
        row_height = (rest + rows - 1 - row) // rows
        in_row = shown[row * columns : (row + 1) * columns]
        cell = (width - 3 * (columns - 1)) // columns
        drawn = [_tile(state, pen, cell, row_height - (row < rows - 1)) for state in in_row]
        block = drawn[0]
        for at, tile in enumerate(drawn[1:], start=1):
            block = beside(block, at * cell + 3 * (at - 1), tile)
        lines += block
        if row < rows - 1:
            lines.append(rule(width))
    if others:
        named = ", ".join(printable(state.stream) for state in others)
        lines.append(Text(f"and {len(others)} more: {named}", "dim"))
    return lines[:height]


def _grid(streams: int, width: int, height: int) -> tuple[int, int]:
    """Number of columns and rows of tiles: columns first, then as even as possible."""
    most_columns = max((width + 3) // (_NARROWEST + 3), 1)
    most_rows = max((height + 1) // (_LOWEST + 1), 1)
    rows = min(ceil(streams / most_columns), most_rows)
    return min(ceil(streams / rows), most_columns), rows


def _tile(state: ViewState, pen: Pen, width: int, height: int) -> list[Text]:
    top = [header(state, pen, width)]
    bars = len(state.started.labels) + 1 if state.started else 0
    if height >= max(_ROOMY, bars + 8):
        top += [
            *now(state, pen, width, bars),
            _mood_so_far(state, pen, width),
        ]
    else:
        top.append(_in_one_line(state, pen, width))
    if height - len(top) >= 4:
        top.append(rule(width))
    lines = (top + transcript(state, pen, width, max(height - len(top), 0)))[:height]
    for line in lines:
        line.truncate(width, overflow="ellipsis")
    return lines + [Text()] * (height - len(lines))


def _in_one_line(state: ViewState, pen: Pen, width: int) -> Text:
    """The present emotion and mood, and the valence so far, in one line."""
    if state.newest is None:
        return Text("no turn yet", "dim")
    said = state.newest.said
    left = emotion_text(said.emotion, state.look(said.emotion), pen.style_of)
    left.append(f" {said.confidence:.0%}  ").append_text(mood_text(state)).rstrip()
    return apart(left, sparkline(state, pen, max(width - left.cell_len - 3, 1)), width)


def _mood_so_far(state: ViewState, pen: Pen, width: int) -> Text:
    left = Text.assemble(("valence ", "dim"), mood_text(state))
    return apart(left, sparkline(state, pen, max(width - left.cell_len - 1, 1)), width)
