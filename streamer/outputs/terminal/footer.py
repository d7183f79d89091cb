"""The last lines: recogniser, bundle, status and keys."""

from collections import Counter

from rich.text import Text

from streamer.outputs.base import OutputStatus, by_name
from streamer.outputs.palette import ALARM
from streamer.outputs.terminal.board import Board
from streamer.outputs.terminal.parts import Pen, apart, rule
from streamer.outputs.terminal.state import ViewState
from streamer.printable import printable


def footer(board: Board, pen: Pen, width: int, height: int) -> list[Text]:
    """Draw the footer: three lines, fewer on low terminals."""
    lines = [rule(width), _status(board, pen, width), _keys(board, width)]
    return lines[0 if height >= 10 else 1 if height >= 7 else 2 if height >= 4 else 3 :]


def _status(board: Board, pen: Pen, width: int) -> Text:
    """The status line: messages first, then recogniser and bundle."""
    shown = board.shown
    parts = Text(" · ".join(_in_use(board)), "dim")
    for status in by_name(board.outputs):
        parts.append(" · " if parts else "", "dim")
        parts.append(_fares(status), f"bold {pen.style_of(ALARM)}" if status.trouble else "dim")
    trouble = next(((state, state.trouble) for state in shown if state.trouble is not None), None)
    notice = next(((state, state.notice) for state in shown if state.notice), None)
    if trouble is None and notice is None:
        return parts
    state, message = trouble or notice or (shown[0], None)
    of_all = len(shown) == 1 or (trouble is None and all(each.notice == message for each in shown))
    said = printable(message or "" if of_all else f"{state.stream}: {message}")
    line = Text(f"! {said}", f"bold {pen.style_of(ALARM)}") if trouble else Text(said)
    return apart(line, parts, width) if line.cell_len + parts.cell_len + 2 <= width else line


def _in_use(board: Board) -> list[str]:
    shown = board.shown
    used = [part for state in shown for part in _uses(state)]
    parts = list(dict.fromkeys(used))[:3]
    lags = [state.lag_s for state in shown if state.lag_s is not None and state.ended is None]
    if lags:
        worst = max(lags)
        parts.append(f"lag {worst:.1f} s" if worst >= 1 else f"lag {1e3 * worst:.0f} ms")
    if revisions := sum(state.revisions for state in shown):
        parts.append(f"{revisions} revised")
    if shed := sum((Counter(state.shed) for state in shown), Counter[str]()):
        parts.append("shed " + ", ".join(f"{count} {name}" for name, count in shed.items()))
    return [printable(part) for part in parts]


def _uses(state: ViewState) -> list[str]:
    """The recogniser in use, and the bundle."""
    if state.newest is not None:
        return [state.newest.said.recogniser, state.newest.said.bundle]
    return [] if state.started is None else [state.started.recogniser, state.started.bundle]


def _fares(status: OutputStatus) -> str:
    well = "connecting" if status.connecting else "connected"
    said = f"{status.name}: {status.trouble}" if status.trouble else f"{status.name} {well}"
    if status.queue is not None and status.queue.depth:
        said += f", {status.queue.depth} queued"
    if status.queue is not None and status.queue.shed:
        said += f", {status.queue.shed} shed"
    return printable(said)


def _keys(board: Board, width: int) -> Text:
    """The keys, the most important first; as many as fit."""
    if not board.keys:
        return Text("Ctrl-C ends", "dim")
    keys = [("q", "quit"), ("space", "go on" if board.paused else "pause")]
    if board.can_mark:
        keys.append(("m", "mark"))
    keys.append(("w", "hide words" if board.words else "show words"))
    if len(board.sessions) > 1:
        keys.append(("tab", "one stream" if board.focus is None else "next stream"))
    paused = Text()
    if board.paused:
        new = "1 new turn" if board.missed == 1 else f"{board.missed} new turns"
        paused = Text(f" paused, {new} " if board.missed else " paused ", "reverse")
    line = Text()
    for key, does in keys:
        part = Text.assemble("  " if line else "", (key, "bold"), (f" {does}", "dim"))
        if line.cell_len + part.cell_len + paused.cell_len + 2 <= width:
            line.append_text(part)
    return apart(line, paused, width)
