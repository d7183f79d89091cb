"""Charts of the present emotions, of valence over time, and of the mood on the circumplex."""

from itertools import islice

from rich.cells import cell_len
from rich.text import Text

from streamer.outputs.mood import SIDES, TRAIL, mood
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
    """The mood, and valence of the latest turns as columns, the newest on the right: up is pleasant."""
    half = rows // 2
    values = _latest_valence(state, max(width - 4, 1))
    steps = [round(value * half * 2) for value in values]
    newest = mood_text(state)
    newest.append(f"{'  ' if newest else ''}{values[-1]:+.2f}" if values else "", "bold")
    lines = [apart(Text("valence by turn", "dim"), newest, width)]
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


def mood_text(state: ViewState) -> Text:
    """The mood of the newest turn, as an arrow and a word; empty if unknown."""
    said = state.newest.said if state.newest is not None else None
    found = mood(said.valence, said.arousal) if said is not None else None
    return Text(f"{found.arrow} {found}" if found else "", "bold")


def circumplex(state: ViewState, pen: Pen, width: int, rows: int) -> list[Text]:
    """The latest turns by valence (from left to right) and arousal (upwards): the newest is the strongest.

    Empty if no turn's arousal is known, or if there is no room.
    """
    latest = [turn.said for turn in islice(reversed(state.turns.values()), TRAIL)]
    trail = [(said, said.arousal) for said in reversed(latest) if said.arousal is not None]
    up = (rows - 2) // 2
    right = min(3 * up, (width - 1) // 2)
    if not trail or up < 3 or right < 8:
        return []
    cells = {(x, 0): ("─", "dim") for x in range(-right, right + 1)}
    cells |= {(0, y): ("│" if y else "┼", "dim") for y in range(-up, up + 1)}
    for name, (x_side, y_side) in SIDES.items():
        first = right - len(name) + 1 if x_side > 0 else -right
        cells |= {(first + i, y_side * up): (letter, "dim") for i, letter in enumerate(name) if x_side}
    for said, arousal in trail:
        seen = state.look(said.emotion)
        strength = "bold" if said is trail[-1][0] else "dim"
        place = round(said.valence * right), round(arousal * up)
        cells[place] = seen.symbol, f"{strength} {pen.style_of(seen)}"
    drawn = [
        Text.assemble(*(cells.get((x, y), " ") for x in range(-right, right + 1)))
        for y in range(up, -up - 1, -1)
    ]
    return [Text("latest turns: right is pleasant, up is aroused", "dim"), *drawn]


def _latest_valence(state: ViewState, turns: int) -> list[float]:
    values = [turn.said.valence for turn in islice(reversed(state.turns.values()), turns)]
    return values[::-1]
