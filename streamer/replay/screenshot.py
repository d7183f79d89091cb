"""Draws the live view at one moment of a recording as a picture."""

import io
import re
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

from models.atomic_write import write_whole
from streamer.errors import InputError
from streamer.events import Event
from streamer.outputs.terminal.board import Board
from streamer.outputs.terminal.layout import draw
from streamer.outputs.terminal_colours import on_dark
from streamer.replay.recording import Recording
from streamer.replay.timeline import Timeline

_THEME = TerminalTheme((30, 30, 30), (220, 220, 220), [(30, 30, 30), *[(128, 128, 128)] * 6, (220, 220, 220)])
"""A dark terminal with a frame: readable on light and dark pages."""

_FONT_FACES = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)


def size_of(text: str) -> tuple[int, int]:
    """Columns and rows of "100x30".

    Raises:
        InputError: the text is no valid size.
    """
    found = re.fullmatch(r"(\d{1,3})[xX×](\d{1,3})", text.strip())
    if found is None or not (20 <= int(found[1]) <= 500 and 5 <= int(found[2]) <= 200):
        raise InputError(f"--size {text}: give columns x rows, from 20x5 to 500x200, such as 100x30")
    return int(found[1]), int(found[2])


def board_at(recordings: Sequence[Recording], at_s: float | None, *, words: bool = True) -> Board:
    """The state of the view at a moment of the recordings, or at their end.

    Raises:
        InputError: a recording cannot be read.
    """
    board = Board()
    board.words = words
    placed: list[tuple[float, Event, float]] = []
    timelines = [Timeline(recording.look_ahead) for recording in recordings]
    for recording, timeline in zip(recordings, timelines, strict=True):
        in_order = [each for event in recording for each in timeline.add(event)] + list(timeline.rest())
        placed += [(place_s, event, timeline.position(event.session, place_s)) for place_s, event in in_order]
    for place_s, event, position_s in sorted(placed, key=lambda each: each[0]):
        if at_s is None or place_s <= at_s:
            board.apply(event)
            board.reach(event.session, position_s)
    for timeline in timelines if at_s is not None else ():
        for session, position_s in timeline.positions(at_s or 0.0):
            board.reach(session, position_s)
    return board


def screenshot(board: Board, width: int, height: int, title: str) -> str:
    """Draw the view as SVG: deterministic, and without external resources."""
    console = Console(
        file=io.StringIO(),
        record=True,
        width=width,
        height=height,
        force_terminal=True,
        color_system="truecolor",
        no_color=False,
        legacy_windows=False,
        _environ={},
    )
    lines = draw(board, console, on_dark, width, height)
    console.print(Text("\n").join(lines), highlight=False, crop=False, no_wrap=True, overflow="ignore")
    svg = console.export_svg(title=title, theme=_THEME, unique_id="merits")
    return _FONT_FACES.sub("", svg)


def write(svg: str, target: Path) -> None:
    """Write a picture atomically.

    Raises:
        InputError: the file cannot be written.
    """
    try:
        write_whole(target, svg)
    except OSError as error:
        raise InputError(f"cannot write {target}: {error.strerror}; choose another place") from error
