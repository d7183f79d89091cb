"""`merits replay`: a recorded session, in the live view or to outputs."""

import logging
import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar

import typer
from typer import Argument, Option

from docstring_options import documented
from streamer.cli.options import OutputOptions
from streamer.errors import InputError
from streamer.machine.interrupts import run_async

if TYPE_CHECKING:
    from streamer.outputs.base import Output
    from streamer.replay.recording import Recording


@dataclass(frozen=True)
class PictureOptions:
    """A picture instead of a playback.

    Attributes:
        screenshot: SVG file to draw the live view to, instead of playing. [default: none]
        size: Size of the picture in characters, columns x rows, from 20x5 to 500x200.
        at: Moment of the picture, in seconds from the start of the recording. [default: the end]
    """

    panel: ClassVar = "Picture"

    screenshot: Annotated[Path | None, Option(metavar="FILE")] = None
    size: Annotated[str, Option(metavar="COLUMNSxROWS")] = "100x30"
    at: Annotated[float | None, Option(min=0, metavar="SECONDS")] = None


@dataclass(frozen=True)
class ReplayOutputOptions(OutputOptions):
    """Where events go.

    Attributes:
        mqtt: MQTT broker to publish the events to again: mqtt://localhost or
            mqtts://user:password@host:8883/prefix. [default: none]
        text: Include the recognised words in outputs; --no-text leaves them out of every output. [default:
            text]
    """


@documented
def replay(
    files: Annotated[list[str], Argument(metavar="EVENTS...")],
    output: ReplayOutputOptions,
    picture: PictureOptions,
    pace: Annotated[str, Option(metavar="PACE")] = "realtime",
    start: Annotated[float, Option("--from", min=0, metavar="SECONDS")] = 0.0,
) -> None:
    """Play recorded sessions back from their events files.

    Shows them in the live view, several files side by side; space pauses the playback. --events and --mqtt
    send the events to other outputs again.

    Examples:
        merits replay samples/conversation.jsonl
        merits replay samples/conversation.jsonl --pace fast
        merits replay samples/conversation.jsonl --from 30 --pace 2
        merits replay samples/conversation.jsonl --screenshot view.svg

    Args:
        files: Events files, as `merits analyze --events` writes them. "-" is standard input.
        pace: Speed of the playback. realtime: the speed of the recording. fast: without waiting. A number: so
            many times the speed of the recording.
        start: Seconds from the start of the recording at which the playback begins; earlier events are shown
            at once.
    """
    from streamer.replay.recording import STDIN, Recording

    if files.count(STDIN) > 1:
        raise InputError("standard input can be read once only: give - once")
    speed = _speed(pace)
    recordings = [Recording(file) for file in files]
    for recording in recordings:
        recording.check()
    words = output.text is not False
    if picture.screenshot is not None:
        _draw(recordings, picture.screenshot, picture.size, picture.at, words=words)
    else:
        if picture.at is not None:
            raise InputError("--at is for --screenshot; to begin later give --from")
        _play(recordings, files, speed, start, output, words=words)
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
    output: OutputOptions,
    *,
    words: bool,
) -> None:
    from streamer.outputs.console import Console
    from streamer.outputs.jsonl import STDOUT, JsonLines
    from streamer.outputs.mqtt.address import BrokerAddress
    from streamer.outputs.plain_lines import Lines
    from streamer.outputs.terminal.view import TerminalView, has_room
    from streamer.replay.clock import Clock
    from streamer.replay.run import play
    from streamer.settings.settings import load_settings

    events, mqtt = output.events, output.mqtt
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
        wanted = sys.stdout.isatty() if output.view is None else output.view
        if wanted and has_room(console):
            terminal = TerminalView(console)
            outputs.append(terminal)
        else:
            outputs.append(Lines(console, name_streams=len(recordings) > 1))

    clock = Clock(speed, start_s)
    playing = play(
        recordings, outputs, clock, words=words, broker=broker, outbox=settings.outbox, view=terminal
    )
    if code := run_async(playing):
        raise typer.Exit(code)
