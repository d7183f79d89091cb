"""Charts of the present emotions, and of valence over time."""

from itertools import islice

from rich.cells import cell_len
from rich.text import Text

from streamer.outputs.palette import PLEASANT, UNPLEASANT
from streamer.outputs.terminal.parts import Pen, apart, bar
from streamer.outputs.terminal.state import ViewState
from streamer.outputs.wording import clock, emotion_text
from streamer.printable import printable

_HEIGHTS = "▁▂▃▄▅▆▇█"


def now(state: ViewState, pen: Pen, width: int, rows: int) -> list[Text]:
    """The newest turn: its emotion, then a bar for each emotion; the likeliest if not all fit."""
    newest = state.newest
    if newest is None:
        labels = dict.fromkeys(state.started.labels, 0.0) if state.started else {}
    else:
        said = newest.said
        order = state.started.labels if state.started else []
        labels = {label: said.probabilities[label] for label in order if label in said.probabilities}
        labels |= said.probabilities
    likeliest = sorted(labels, key=labels.__getitem__, reverse=True)[: max(rows - 1, 0)]
    shown = {label: p for label, p in labels.items() if label in likeliest}
    name_width = min(max((cell_len(printable(label)) for label in shown), default=0), 14)
    lines = [_title(state, pen)]
    for label, probability in shown.items():
        seen = state.look(label)
        strong = newest is not None and label == newest.said.emotion
        name = Text(printable(label))
        name.truncate(name_width, pad=True)
        lines.append(
            Text.assemble(
                (f"{seen.symbol} {name.plain} ", pen.style_of(seen)),
                (bar(probability, max(width - name_width - 8, 0)), pen.style_of(seen)),
                (f"{probability:5.0%}", "" if strong else "dim"),
                style="bold" if strong else "",
            )
        )
    return lines[: max(rows, 0)]


def _title(state: ViewState, pen: Pen) -> Text:
    if state.newest is None:
        return Text("no turn yet", "dim")
    said = state.newest.said
    title = Text.assemble((f"now {clock(said.start_s, tenths=False)}  ", "dim"))
    if said.speaker is not None:
        title.append(f"{printable(said.speaker)}  ", "bold")
    title.append_text(emotion_text(said.emotion, state.look(said.emotion), pen.style_of))
    for modality, probabilities in said.modalities.items():
        best = max(probabilities, key=probabilities.__getitem__)
        if best != said.emotion:
            title.append(f"  {'words' if modality == 'text' else 'voice'}: {printable(best)}", "dim")
    return title


def valence(state: ViewState, pen: Pen, width: int, rows: int) -> list[Text]:
    """Valence of the latest turns as columns, the newest on the right: up is pleasant."""
    half = rows // 2
    values = _latest_valence(state, max(width - 4, 1))
    steps = [round(value * half * 2) for value in values]
    newest = f"{values[-1]:+.2f}" if values else ""
    lines = [apart(Text("valence, turn by turn", "dim"), Text(newest, "bold"), width)]
    for row in range(rows):
        axis = {0: " +1 ", half - 1: "  0 ", rows - 1: " -1 "}.get(row, "    ")
        line = Text.assemble((axis, "dim"))
        above = row < half
        style = pen.style_of(PLEASANT if above else UNPLEASANT)
        depth = (half - 1 - row if above else row - half) * 2
        for step in steps:
            filled = (step if above else -step) - depth
            if filled >= 2:
                cell = "█"
            elif filled == 1:
                cell = "▄" if above else "▀"
            else:
                cell = "▁" if above and depth == 0 else " "
            line.append(cell, style if filled >= 1 else "dim")
        lines.append(line)
    return lines


def sparkline(state: ViewState, pen: Pen, cells: int) -> Text:
    """Valence of the latest turns in one line: the higher, the more pleasant."""
    line = Text()
    for value in _latest_valence(state, max(cells, 1)):
        height = min(int((value + 1) / 2 * len(_HEIGHTS)), len(_HEIGHTS) - 1)
        line.append(_HEIGHTS[height], pen.style_of(PLEASANT if value >= 0 else UNPLEASANT))
    return line


def _latest_valence(state: ViewState, turns: int) -> list[float]:
    values = [turn.said.valence for turn in islice(reversed(state.turns.values()), turns)]
    return values[::-1]
