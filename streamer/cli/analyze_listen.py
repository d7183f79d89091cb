"""`merits analyze` and `merits listen`: recordings and a microphone."""

import logging
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar

import typer
from typer import Argument, Option

from docstring_options import documented
from streamer import logs
from streamer.cli import log_options
from streamer.cli.options import AnalysisOptions, LiveOutputOptions, OutputOptions
from streamer.errors import InputError
from streamer.machine import memory
from streamer.machine.interrupts import run_async

if TYPE_CHECKING:
    from streamer.outputs.base import Output
    from streamer.session.wiring import Stream
    from streamer.settings.settings import Settings

_log = logging.getLogger("merits")


class Pace(StrEnum):
    """Speed at which a recording is read."""

    FAST = "fast"
    REALTIME = "realtime"


class Channels(StrEnum):
    """Use of a recording's channels."""

    MIX = "mix"
    SPLIT = "split"


@dataclass(frozen=True)
class RecordingOptions:
    """How recordings are read.

    Attributes:
        pace: Speed at which recordings are read. fast: as fast as this machine can analyze them. realtime: as
            they were spoken. [env: MERITS_PACE; default: fast]
        channels: Use of a recording's channels. mix: all are mixed into one. split: each channel is analyzed
            as one speaker. [env: MERITS_CHANNELS; default: mix]
        speakers: Names of the speakers with --channels split, one for each channel, separated by commas, such
            as agent,customer. [default: channel-1, channel-2, ...]
        follow: Keep reading a recording to which another program is still writing.
        follow_idle: Seconds without new data after which --follow ends. [env: MERITS_FOLLOW_IDLE_S; default:
            60]
        stream: Name of the stream in events and MQTT topics; several recordings become NAME-1, NAME-2 and so
            on. [default: the file's name without its ending]
    """

    panel: ClassVar = "Input"

    pace: Annotated[Pace | None, Option(metavar="PACE")] = None
    channels: Annotated[Channels | None, Option(metavar="USE")] = None
    speakers: Annotated[str | None, Option(metavar="NAMES")] = None
    follow: bool = False
    follow_idle: Annotated[float | None, Option(metavar="SECONDS")] = None
    stream: Annotated[str | None, Option(metavar="NAME")] = None


@documented
def analyze(
    files: Annotated[list[Path], Argument(metavar="FILE...")],
    recordings: RecordingOptions,
    analysis: AnalysisOptions,
    output: LiveOutputOptions,
) -> None:
    """Analyze recordings: an emotion for every turn.

    Detects the turns, transcribes them, and recognises the emotion of each in the context of the
    conversation. Prints a line for each turn, or with --pace realtime shows the live view. Each recording is
    one session.

    Examples:
        merits analyze samples/conversation.flac
        merits analyze samples/conversation.flac --asr none --events call.jsonl
        merits analyze samples/conversation.flac --pace realtime
        merits analyze call.wav --channels split --speakers agent,customer

    Args:
        files: Recordings: audio or video in any format that FFmpeg reads, also named pipes. "-" is standard
            input.
    """
    from streamer.audio.file import FileSource
    from streamer.audio.pipe import check_given_once, file_behind
    from streamer.settings.settings import load_settings

    settings = load_settings(
        **vars(analysis),
        mqtt=output.mqtt,
        text=output.text,
        metrics=output.metrics,
        pace=recordings.pace,
        channels=recordings.channels,
        follow_idle_s=recordings.follow_idle,
    )
    split = settings.channels == "split"
    check_given_once(files)
    follow_s = settings.follow_idle_s if recordings.follow else None
    sources: dict[int, FileSource] = {}
    for number, file in enumerate(files, start=1):
        try:
            sources[number] = FileSource(file, split_channels=split, pace=settings.pace, follow_s=follow_s)
        except InputError as error:
            if len(files) == 1:
                raise
            _log.error("%s", error)
    from streamer.session.wiring import Stream  # takes seconds, during which pipes are already read

    stream = recordings.stream
    streams = [
        Stream(
            source,
            (stream if len(files) == 1 else f"{stream}-{number}") if stream else source.stem,
            _speakers(source.channels, recordings.speakers) if split else (None,),
            live=settings.pace == "realtime",
        )
        for number, source in sources.items()
    ]
    if streams:
        inputs = [file_behind(file) for file in files]
        _run(streams, settings, output, view=settings.pace == "realtime", inputs=inputs)
    if len(streams) < len(files):
        raise typer.Exit(2)


@documented
def listen(
    analysis: AnalysisOptions,
    output: LiveOutputOptions,
    device: Annotated[str | None, Option(metavar="NAME")] = None,
    stream: Annotated[str | None, Option(metavar="NAME")] = None,
) -> None:
    """Listen to a microphone until Ctrl-C.

    Shows each turn and its emotion in the live view. Keys of the view: space pauses it, m marks a moment,
    w hides the words, q ends the session.

    Examples:
        merits listen
        merits listen --device 3 --events today.jsonl
        merits listen --stream kitchen --mqtt mqtt://localhost --no-text

    Args:
        device: Microphone to listen to: its number, or a part of its name, as `merits devices` lists them.
            [default: the system's default microphone]
        stream: Name of the stream in events and MQTT topics. [default: microphone; with --mqtt
            microphone-HOST]
    """
    from streamer.audio.microphone import MicrophoneSource
    from streamer.session.wiring import Stream
    from streamer.settings.settings import load_settings

    settings = load_settings(**vars(analysis), mqtt=output.mqtt, text=output.text, metrics=output.metrics)
    source = MicrophoneSource(int(device) if device is not None and device.isdecimal() else device)
    if stream is None and settings.mqtt is not None:
        from streamer.outputs.mqtt.naming import microphone_here

        stream = microphone_here(device)
        _log.warning("publishing as %s; --stream NAME gives it another name", stream)
    _run([Stream(source, stream or "microphone", live=True)], settings, output, view=True)


def _speakers(channels: int, names: str | None) -> tuple[str | None, ...]:
    given = [name.strip() for name in names.split(",")] if names else []
    if len(given) not in (0, channels):
        raise InputError(f"--speakers names {len(given)} speakers, but there are {channels} channels")
    return tuple(given or (f"channel-{number}" for number in range(1, channels + 1)))


def _run(
    streams: "Sequence[Stream]",
    settings: "Settings",
    output: OutputOptions,
    *,
    view: bool,
    inputs: Sequence[Path] = (),
) -> None:
    """Run sessions to their end. `view`: whether a terminal shows the live view, unless an option decides."""
    from streamer.outputs.jsonl import STDOUT, JsonLines

    events = output.events
    view = (view and sys.stdout.isatty()) if output.view is None else output.view
    log_options.settle(settings)
    memory.check_limit()
    outputs: list[Output] = []
    terminal = None
    if events is not None:
        writer = JsonLines(events, inputs=inputs)
        writer.check()
        outputs.append(writer)
    broker = None
    if settings.mqtt is not None:
        from streamer.outputs.mqtt.address import BrokerAddress

        broker = BrokerAddress.of(settings.mqtt, settings.broker)
        logs.hide(broker.password)

    from streamer.outputs.console import Console
    from streamer.session.wiring import begin_to_load, run_sessions

    port = None
    if settings.metrics is not None:
        from streamer.server.metrics_port import MetricsPort, MetricsServer

        port = MetricsPort(settings.metrics, settings.server.token_file)
        logs.hide(port.token)
    analyzer = begin_to_load(settings)
    if port is not None:
        outputs.append(MetricsServer(port, analyzer))
    if events != STDOUT:
        from streamer.outputs.plain_lines import Lines
        from streamer.outputs.terminal.view import TerminalView, has_room

        console = Console()
        if view and has_room(console):
            terminal = TerminalView(console)
            outputs.append(terminal)
        else:
            outputs.append(Lines(console))
    running = run_sessions(streams, analyzer, settings, outputs, broker=broker, view=terminal)
    if code := run_async(running):
        raise typer.Exit(code)
