"""`merits analyze` and `merits listen`: recordings and a microphone."""

import logging
import sys
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from streamer import logs
from streamer.cli import log_options
from streamer.cli.options import Asr, Bundle, Events, Metrics, Mqtt, StreamName, Text, View, Window
from streamer.errors import InputError
from streamer.machine import memory
from streamer.session.interrupts import run_async

if TYPE_CHECKING:
    from streamer.outputs.base import Output
    from streamer.session.wiring import Stream
    from streamer.settings.settings import Settings

_log = logging.getLogger("merits")


class Pace(StrEnum):
    """How fast a recording is played."""

    FAST = "fast"
    REALTIME = "realtime"


class Channels(StrEnum):
    """What to make of a recording's channels."""

    MIX = "mix"
    SPLIT = "split"


def analyze(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE...", help='Recordings, in any format; pipes too, and "-" for standard input.'
        ),
    ],
    events: Events = None,
    pace: Annotated[Pace | None, typer.Option(help="How fast to play them.", show_default="fast")] = None,
    channels: Annotated[
        Channels | None, typer.Option(help="split makes each channel a speaker.", show_default="mix")
    ] = None,
    speakers: Annotated[
        str | None, typer.Option(help="Names of the split channels' speakers: agent,customer.")
    ] = None,
    follow: Annotated[
        bool, typer.Option("--follow", help="Read on while a recording is still being written.")
    ] = False,
    follow_idle: Annotated[
        float | None,
        typer.Option(
            metavar="SECONDS",
            help="Follow until nobody has written for so long, or Ctrl-C.",
            show_default="60",
        ),
    ] = None,
    asr: Asr = None,
    bundle: Bundle = None,
    window: Window = None,
    mqtt: Mqtt = None,
    text: Text = None,
    view: View = None,
    metrics: Metrics = None,
    stream: StreamName = None,
) -> None:
    """Analyze recordings, as fast as it goes or at their own pace."""
    from streamer.audio.file import FileSource
    from streamer.audio.pipe import check_given_once, file_behind
    from streamer.settings.settings import load_settings

    settings = load_settings(
        asr=asr,
        bundle=bundle,
        window=window,
        mqtt=mqtt,
        text=text,
        pace=pace,
        channels=channels,
        follow_idle_s=follow_idle,
        metrics=metrics,
    )
    split = settings.channels == "split"
    check_given_once(files)
    follow_s = settings.follow_idle_s if follow else None
    sources: dict[int, FileSource] = {}
    for number, file in enumerate(files, start=1):
        try:
            sources[number] = FileSource(file, split_channels=split, pace=settings.pace, follow_s=follow_s)
        except InputError as error:
            if len(files) == 1:
                raise
            _log.error("%s", error)
    from streamer.session.wiring import Stream  # which takes seconds: a pipe is being read meanwhile

    streams = [
        Stream(
            source,
            (stream if len(files) == 1 else f"{stream}-{number}") if stream else source.stem,
            _speakers(source.channels, speakers) if split else (None,),
            live=settings.pace == "realtime",
        )
        for number, source in sources.items()
    ]
    if view is None:
        view = settings.pace == "realtime" and events != "-" and sys.stdout.isatty()
    if streams:
        _run(streams, settings, events=events, view=view, inputs=[file_behind(file) for file in files])
    if len(streams) < len(files):
        raise typer.Exit(2)


def listen(
    device: Annotated[
        str | None, typer.Option(help="Microphone: number or part of its name (see `merits devices`).")
    ] = None,
    events: Events = None,
    asr: Asr = None,
    bundle: Bundle = None,
    window: Window = None,
    mqtt: Mqtt = None,
    text: Text = None,
    view: View = None,
    metrics: Metrics = None,
    stream: StreamName = None,
) -> None:
    """Listen to a microphone until Ctrl-C."""
    from streamer.audio.microphone import MicrophoneSource
    from streamer.session.wiring import Stream
    from streamer.settings.settings import load_settings

    settings = load_settings(asr=asr, bundle=bundle, window=window, mqtt=mqtt, text=text, metrics=metrics)
    source = MicrophoneSource(int(device) if device is not None and device.isdecimal() else device)
    if view is None:
        view = events != "-" and sys.stdout.isatty()
    if stream is None and settings.mqtt is not None:
        from streamer.outputs.mqtt.naming import microphone_here

        stream = microphone_here(device)
        _log.warning("publishing as %s; --stream NAME gives it another name", stream)
    _run([Stream(source, stream or "microphone", live=True)], settings, events=events, view=view)


def _speakers(channels: int, names: str | None) -> tuple[str | None, ...]:
    given = [name.strip() for name in names.split(",")] if names else []
    if len(given) not in (0, channels):
        raise InputError(f"--speakers names {len(given)} speakers, but there are {channels} channels")
    return tuple(given or (f"channel-{number}" for number in range(1, channels + 1)))


def _run(
    streams: "Sequence[Stream]",
    settings: "Settings",
    *,
    events: str | None,
    view: bool,
    inputs: Sequence[Path] = (),
) -> None:
    from streamer.outputs.jsonl import STDOUT, JsonLines

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
    from streamer.session.wiring import load_analyzer, run_sessions

    port = None
    if settings.metrics is not None:
        from streamer.server.metrics_port import MetricsPort, MetricsServer

        port = MetricsPort(settings.metrics, settings.server.token_file)
        logs.hide(port.token)
    analyzer = load_analyzer(settings)
    if port is not None:
        outputs.append(MetricsServer(port, analyzer))
    if events != STDOUT:
        from streamer.outputs.lines import Lines
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
