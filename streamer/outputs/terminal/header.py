"""The first line of a stream: its name, level and position."""

from rich.text import Text

from streamer.outputs.palette import ALARM, GOOD, PLEASANT
from streamer.outputs.terminal.parts import Pen, apart, bar
from streamer.outputs.terminal.state import FLOOR_DBFS, ViewState
from streamer.outputs.wording import clock
from streamer.printable import printable

_QUIETEST_DBFS = -60.0
_LOUD_DBFS = -12.0


def header(state: ViewState, pen: Pen, width: int) -> Text:
    """Draw the header in `width` cells."""
    if state.started is None and not state.stream:
        return Text("MERITS Live", "bold")
    left = Text.assemble((printable(state.stream), "bold"))
    if state.started is not None and state.started.source != state.stream and width >= 60:
        left.append(f"  {printable(state.started.source)}", "dim")
    right = _meter(state, pen, min(20, width // 5) if width >= 60 else 0)
    right.append("  " if right else "").append(clock(state.heard_s, tenths=False), "bold")
    if state.ended is not None:
        right.append("  ended", "dim")
    elif state.level_dbfs is not None and width >= 60:
        right.append("  listening", "dim")
    return apart(left, right, width)


def _meter(state: ViewState, pen: Pen, cells: int) -> Text:
    """The level as a bar and a number; empty before the first sound."""
    level = state.level_dbfs
    if level is None or state.ended is not None:
        return Text()
    text, look = f"{level:.0f} dB", GOOD
    if state.clipped:
        text, look = "too loud", ALARM
    elif level <= FLOOR_DBFS:
        text = "no sound"
    elif level > _LOUD_DBFS:
        look = PLEASANT
    share = min(max(1 - level / _QUIETEST_DBFS, 0.0), 1.0)
    scale = (
        Text.assemble(("▕", "dim"), (bar(share, cells), pen.style_of(look)), ("▏", "dim"))
        if cells
        else Text()
    )
    return Text.assemble(scale, (f"{text:>8}", pen.style_of(look)))
