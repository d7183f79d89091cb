"""`merits replay`: a recorded session, in the live view or to outputs."""

import logging
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from streamer.cli.options import Events, Mqtt, View
from streamer.errors import InputError
from streamer.session.interrupts import run_async

if TYPE_CHECKING:
    from streamer.outputs.base import Output
    from streamer.replay.recording import Recording


def replay(
    files: Annotated[
        list[str],
        typer.Argument(
            metavar="EVENTS...", help='Files written by --events, played side by side; "-": standard input.'
        ),
    ],
    pace: Annotated[
        str, typer.Option(metavar="PACE", help="realtime, fast, or how many times as fast as it was.")
    ] = "realtime",
    start: Annotated[
        float, typer.Option("--from", min=0, metavar="SECONDS", help="What comes before is shown at once.")
    ] = 0.0,
    events: Events = None,
    mqtt: Mqtt = None,
    text: Annotated[
        bool, typer.Option("--text/--no-text", help="--no-text keeps words out of every output.")
    ] = True,
    view: View = None,
    screenshot: Annotated[
        Path | None, typer.Option(metavar="OUT.svg", help="Draw the live view as a picture instead.")
    ] = None,
    size: Annotated[
        str, typer.Option(metavar="COLUMNSxROWS", help="Size of the picture, in characters.")
    ] = "100x30",
    at: Annotated[
        float | None,
        typer.Option(min=0, metavar="SECONDS", help="Moment of the picture.", show_default="the end"),
    ] = None,
) -> None:
    """Play recorded sessions back, in their own time.

    In the live view, space holds what is played. Try it: merits replay samples/conversation.jsonl
    """
    from streamer.replay.recording import STDIN, Recording

    if files.count(STDIN) > 1:
        raise InputError("standard input can be read once only: give - once")
    speed = _speed(pace)
    recordings = [Recording(file) for file in files]
    for recording in recordings:
        recording.check()
    if screenshot is not None:
        _draw(recordings, screenshot, size, at, words=text)
    else:
        if at is not None:
            raise InputError("--at is for --screenshot; to begin later give --from")
        _play(recordings, files, speed, start, events, mqtt, text=text, view=view)
    for recording in recordings:
        if recording.passed_over:
            logging.getLogger("merits").warning("%s", recording.passed_over)


def _speed(pace: str) -> float:
    try:
        speed = {"realtime": 1.0, "fast": math.inf}.get(pace) or float(pace)
    except ValueError:
        speed = 0.0
    if not speed > 0:
        raise InputError(f"--pace {pace}: give realtime, fast, or a number above 0")
    return speed


def _draw(
    recordings: "Sequence[Recording]", target: Path, size: str, at: float | None, *, words: bool
) -> None:
    from streamer.outputs.console import say
    from streamer.replay.screenshot import board_at, screenshot, size_of, write

    width, height = size_of(size)
    board = board_at(recordings, at, words=words)
    write(screenshot(board, width, height, "merits"), target)
    say(str(target))


def _play(
    recordings: "Sequence[Recording]",
    files: Sequence[str],
    speed: float,
    start_s: float,
    events: str | None,
    mqtt: str | None,
    *,
    text: bool,
    view: bool | None,
) -> None:
    from streamer.outputs.console import Console
    from streamer.outputs.jsonl import STDOUT, JsonLines
    from streamer.outputs.lines import Lines
    from streamer.outputs.mqtt.address import BrokerAddress
    from streamer.outputs.terminal.view import TerminalView, has_room
    from streamer.replay.clock import Clock
    from streamer.replay.run import play
    from streamer.settings.settings import load_settings

    settings = load_settings(mqtt=mqtt)
    outputs: list[Output] = []
    terminal = None
    if events is not None:
        writer = JsonLines(events, inputs=[Path(file) for file in files])
        writer.check()
        outputs.append(writer)
    broker = None if mqtt is None else BrokerAddress.of(mqtt, settings.broker)
    if events != STDOUT:
        console = Console()
        wanted = sys.stdout.isatty() if view is None else view
        if wanted and has_room(console):
            terminal = TerminalView(console)
            outputs.append(terminal)
        else:
            outputs.append(Lines(console, name_streams=len(recordings) > 1))

    clock = Clock(speed, start_s)
    playing = play(
        recordings, outputs, clock, words=text, broker=broker, outbox=settings.outbox, view=terminal
    )
    if code := run_async(playing):
        raise typer.Exit(code)
