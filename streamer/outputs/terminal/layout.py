"""Draws the live view: a state to as many lines as the terminal has, none wider than it."""

from itertools import islice, zip_longest

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from streamer.outputs.terminal.state import FLOOR_DBFS, ViewState
from streamer.outputs.terminal.transcript import transcript
from streamer.outputs.wording import clock, emotion_text, printable
from streamer.palette import ALARM, GOOD, PLEASANT, UNPLEASANT, look

WIDE = 120
"""Columns from which the emotions stand beside the turns instead of above them."""

_SIDE = 52
_EIGHTHS = " ▏▎▍▌▋▊▉"
_QUIETEST_DBFS = -60.0


def draw(state: ViewState, console: Console, width: int, height: int) -> list[Text]:
    """Draw the view.

    Args:
        state: what to show.
        console: measures and wraps; nothing is printed.
        width: columns of the terminal.
        height: rows of the terminal.

    Returns:
        `height` lines, the newest turn on the lowest of the turns' rows.
    """
    top = [_header(state, width), _meter(state, width), _rule(width)]
    bottom = [_rule(width), _footer(state, width)]
    rows = max(height - len(top) - len(bottom), 0)
    if width >= WIDE:
        left = width - _SIDE - 3
        turns = transcript(state, console, left, rows)
        side = _now(state, _SIDE, max(rows - 8, 1))
        chart_rows = min(rows - len(side) - 2, 12) // 2 * 2
        if chart_rows >= 2:
            side += [Text(), *_valence(state, _SIDE, chart_rows)]
        middle = _beside(turns, left, side[:rows])
    else:
        panel = _panel(state, width, rows - 5) if rows > 7 else []
        if panel:
            panel.append(_rule(width))
        middle = panel + transcript(state, console, width, rows - len(panel))
    lines = (top + middle + bottom)[:height]
    for line in lines:
        line.truncate(width, overflow="ellipsis")
        line.no_wrap = True
    return lines


def _header(state: ViewState, width: int) -> Text:
    if state.started is None:
        return Text("MERITS Live", "bold")
    started = state.started
    left = Text.assemble((printable(started.stream), "bold"))
    if started.source != started.stream:
        left.append(f"  {printable(started.source)}", "dim")
    listening = "  ended" if state.ended else "  listening"
    right = Text.assemble((clock(state.heard_s, tenths=False), "bold"), (listening, "dim"))
    return _apart(left, right, width)


def _meter(state: ViewState, width: int) -> Text:
    level = state.level_dbfs
    text, colour = f"{level:4.0f} dB", GOOD.colour
    if state.clipped:
        text, colour = "too loud", ALARM.colour
    elif level <= FLOOR_DBFS:
        text = "no sound"
    elif level > -12:
        colour = PLEASANT.colour
    cells = max(width - len(text) - 7, 0)
    share = min(max(1 - level / _QUIETEST_DBFS, 0.0), 1.0)
    return Text.assemble(("level ", "dim"), (_bar(share, cells), colour), " ", text)


def _footer(state: ViewState, width: int) -> Text:
    parts = []
    if state.started is not None:
        parts += [state.started.recogniser, state.started.bundle]
    if state.newest is not None:
        parts.append(f"lag {state.newest.said.latency_ms.total:.0f} ms")
    if state.revisions:
        parts.append(f"{state.revisions} revised")
    in_use = Text(" · ".join(map(printable, parts)), "dim")
    if state.trouble is None and state.notice is None:
        return _apart(Text("" if state.ended else "Ctrl-C ends", "dim"), in_use, width)
    if state.trouble is not None:
        said = Text(f"! {printable(state.trouble)}", f"bold {ALARM.colour}")
    else:
        said = Text(printable(state.notice or ""))
    # What there is to say matters more than what is in use.
    return _apart(said, in_use, width) if said.cell_len + in_use.cell_len + 2 <= width else said


def _panel(state: ViewState, width: int, rows: int) -> list[Text]:
    """Emotions now and valence over time, side by side."""
    left_width = min(40, width // 2)
    left = _now(state, left_width, rows)
    right = _valence(state, width - left_width - 3, rows=max(len(left) - 1, 4) // 2 * 2)
    return _beside(left, left_width, right)


def _now(state: ViewState, width: int, rows: int) -> list[Text]:
    """The newest turn: its emotion, then a bar for each; the likeliest where not all fit."""
    newest = state.newest
    if newest is None:
        labels = dict.fromkeys(state.started.labels, 0.0) if state.started else {}
        title = Text("no turn yet", "dim")
    else:
        said = newest.said
        order = state.started.labels if state.started else []
        labels = {label: said.probabilities[label] for label in order if label in said.probabilities}
        labels |= said.probabilities
        title = Text.assemble((f"now {clock(said.start_s, tenths=False)}  ", "dim"))
        if said.speaker is not None:
            title.append(f"{printable(said.speaker)}  ", "bold")
        title.append_text(emotion_text(said.emotion))
        for modality, probabilities in said.modalities.items():
            best = max(probabilities, key=probabilities.__getitem__)
            if best != said.emotion:
                title.append(f"  {'words' if modality == 'text' else 'voice'}: {printable(best)}", "dim")
    likeliest = sorted(labels, key=labels.__getitem__, reverse=True)[: rows - 1]
    shown = {label: p for label, p in labels.items() if label in likeliest}
    name_width = min(max((cell_len(label) for label in shown), default=0), 14)
    lines = [title]
    for label, probability in shown.items():
        seen = look(label)
        strong = newest is not None and label == newest.said.emotion
        name = Text(printable(label))
        name.truncate(name_width, pad=True)
        line = Text.assemble(
            (f"{seen.symbol} {name.plain} ", seen.colour),
            (_bar(probability, max(width - name_width - 8, 0)), seen.colour),
            (f"{probability:5.0%}", "" if strong else "dim"),
            style="bold" if strong else "",
        )
        lines.append(line)
    return lines


def _valence(state: ViewState, width: int, rows: int) -> list[Text]:
    """Valence of the latest turns as columns, newest at the right: up is pleasant, down is not."""
    half = rows // 2
    columns = max(width - 4, 1)
    values = [turn.said.valence for turn in islice(reversed(state.turns.values()), columns)]
    values.reverse()
    steps = [round(value * half * 2) for value in values]
    newest = f"{values[-1]:+.2f}" if values else ""
    lines = [_apart(Text("valence, turn by turn", "dim"), Text(newest, "bold"), width)]
    for row in range(rows):
        axis = {0: " +1 ", half - 1: "  0 ", rows - 1: " -1 "}.get(row, "    ")
        line = Text.assemble((axis, "dim"))
        above = row < half
        depth = (half - 1 - row if above else row - half) * 2
        for step in steps:
            filled = (step if above else -step) - depth
            if filled >= 2:
                cell = "█"
            elif filled == 1:
                cell = "▄" if above else "▀"
            else:
                cell = "▁" if above and depth == 0 else " "
            line.append(cell, (PLEASANT if above else UNPLEASANT).colour if filled >= 1 else "dim")
        lines.append(line)
    return lines


def _bar(share: float, cells: int) -> str:
    """A bar of eighths of a cell, padded to `cells`."""
    full, eighth = divmod(round(share * cells * 8), 8)
    return ("█" * full + (_EIGHTHS[eighth] if eighth else "")).ljust(cells)


def _apart(left: Text, right: Text, width: int) -> Text:
    """One text at each end of a line; the left one gives way."""
    left = left.copy()
    left.truncate(max(width - right.cell_len - 2, 0), overflow="ellipsis")
    return Text.assemble(left, " " * max(width - left.cell_len - right.cell_len, 0), right)


def _beside(left: list[Text], left_width: int, right: list[Text]) -> list[Text]:
    lines = []
    for a, b in zip_longest(left, right, fillvalue=Text()):
        cell = a.copy()
        cell.truncate(left_width, overflow="ellipsis", pad=True)
        lines.append(Text.assemble(cell, (" │ ", "dim"), b))
    return lines


def _rule(width: int) -> Text:
    return Text("─" * width, "dim")
