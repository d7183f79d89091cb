"""The command line, `merits`: parsing and wiring. What is heavy is imported by the commands that need it."""

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from streamer import log_options, logs, memory
from streamer.errors import InputError, RunError, described
from streamer.interrupts import leave_at_once, run_async
from streamer.mqtt_commands import app as mqtt_commands
from streamer.replay.command import replay
from streamer.reports.formats import Format

if TYPE_CHECKING:
    from streamer.config import Settings
    from streamer.outputs.base import Output
    from streamer.sessions import Stream

_log = logging.getLogger("merits")

app = typer.Typer(
    name="merits",
    help="Real-time conversation emotion analysis: live audio in, an emotion for every turn out.",
    epilog="Settings may also stand in merits.toml or the environment (MERITS_ASR=pocketsphinx).",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    cls=log_options.LoggingGroup,
)


class Pace(StrEnum):
    """How fast a recording is played."""

    FAST = "fast"
    REALTIME = "realtime"


class Channels(StrEnum):
    """What to make of a recording's channels."""

    MIX = "mix"
    SPLIT = "split"


Bundle = Annotated[
    str | None, typer.Option(help="Trained bundle: a folder, or a name that comes with the program.")
]
Asr = Annotated[
    str | None,
    typer.Option(
        help="Recogniser: auto, faster-whisper, faster-whisper:SIZE or :FOLDER, pocketsphinx, none, or a "
        "Wyoming server: wyoming://HOST:PORT?language=en.",
        show_default="auto",
    ),
]
Events = Annotated[
    str | None,
    typer.Option(metavar="FILE", help='Write events to FILE as JSON lines; "-" for standard output.'),
]
Mqtt = Annotated[
    str | None,
    typer.Option(
        metavar="URL",
        help="Publish to a broker: mqtt://user:password@host:1883/prefix, or mqtts:// (see docs/mqtt.md).",
    ),
]
View = Annotated[
    bool | None,
    typer.Option("--view/--no-view", help="The live view; plain lines without.", show_default="auto"),
]
Text = Annotated[
    bool | None, typer.Option("--text/--no-text", help="--no-text keeps words out of every output.")
]
Metrics = Annotated[
    str | None,
    typer.Option(metavar="HOST:PORT", help="Serve /metrics (Prometheus) and /healthz there."),
]
Window = Annotated[int | None, typer.Option(help="Turns of context.", show_default="32")]
StreamName = Annotated[str | None, typer.Option("--stream", help="Name of the stream in events and topics.")]


@app.command()
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
    from streamer.config import load_settings

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
            _complain(str(error), 2)
    from streamer.sessions import Stream  # which takes seconds: a pipe is being read meanwhile

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


@app.command()
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
    from streamer.config import load_settings
    from streamer.sessions import Stream

    settings = load_settings(asr=asr, bundle=bundle, window=window, mqtt=mqtt, text=text, metrics=metrics)
    source = MicrophoneSource(int(device) if device is not None and device.isdecimal() else device)
    if view is None:
        view = events != "-" and sys.stdout.isatty()
    if stream is None and settings.mqtt is not None:
        from streamer.outputs.mqtt.naming import microphone_here

        stream = microphone_here(device)
        _log.warning("publishing as %s; --stream NAME gives it another name", stream)
    _run([Stream(source, stream or "microphone", live=True)], settings, events=events, view=view)


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on.", show_default="127.0.0.1")] = None,
    port: Annotated[int | None, typer.Option(help="Port; 0 takes a free one.", show_default="8765")] = None,
    token_file: Annotated[
        Path | None,
        typer.Option(help="File with the token that clients must show; or MERITS_TOKEN in the environment."),
    ] = None,
    allow_origin: Annotated[
        list[str] | None,
        typer.Option(metavar="ORIGIN", help="Let pages of this web site connect: https://home.example."),
    ] = None,
    tls_cert: Annotated[Path | None, typer.Option(help="Certificate (PEM), for wss://.")] = None,
    tls_key: Annotated[Path | None, typer.Option(help="Its key (PEM).")] = None,
    max_streams: Annotated[int | None, typer.Option(help="Streams at once.", show_default="128")] = None,
    events: Annotated[
        str | None,
        typer.Option(
            metavar="DIR", help='A file of events a session, in folder DIR; "-": all on standard output.'
        ),
    ] = None,
    asr: Asr = None,
    bundle: Bundle = None,
    window: Window = None,
    mqtt: Mqtt = None,
    text: Text = None,
    view: Annotated[
        bool, typer.Option("--view/--no-view", help="The live view, all streams side by side.")
    ] = False,
) -> None:
    """Take many streams over websockets until Ctrl-C, and give each its events (docs/protocol.md).

    Addresses other than this machine's own are only listened on with a token. Try it:
    python examples/client.py samples/conversation.wav
    """
    from streamer.config import load_settings

    server = {
        "host": host,
        "port": port,
        "token_file": token_file,
        "allow_origins": allow_origin,
        "tls_cert": tls_cert,
        "tls_key": tls_key,
        "max_streams": max_streams,
    }
    settings = load_settings(
        asr=asr,
        bundle=bundle,
        window=window,
        mqtt=mqtt,
        text=text,
        server={name: value for name, value in server.items() if value is not None},
    )
    _serve(settings, events, view=view)


@app.command()
def devices() -> None:
    """List the microphones there are."""
    from rich.markup import escape
    from rich.table import Table

    from streamer.audio.devices import list_microphones
    from streamer.outputs.console import Console
    from streamer.printable import printable

    table = Table("number", "name", "host", "channels", "rate")
    for microphone in list_microphones():
        table.add_row(
            f"{microphone.index}{' *' if microphone.is_default else ''}",
            escape(printable(microphone.name)),
            escape(printable(microphone.host_api)),
            str(microphone.channels),
            f"{microphone.default_rate:.0f} Hz",
        )
    if not table.row_count:
        print("No microphone found. Plug one in, or check that this user may record (group audio on Linux).")
        return
    Console().print(table)
    print("* is the default. Use one with: merits listen --device NUMBER")


@app.command()
def export(
    events: Annotated[
        str,
        typer.Argument(
            metavar="EVENTS", help='Events file of analyze, listen or serve; "-" for standard input.'
        ),
    ],
    out: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FILE",
            help='What to write, "-" for standard output; several times for several files.',
            show_default="-",
        ),
    ] = None,
    to: Annotated[
        Format | None,
        typer.Option("--to", "--format", help="To what.", show_default="as FILE's ending says"),
    ] = None,
    audio: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The recording: html plays it, eaf names it."),
    ] = None,
    link_audio: Annotated[
        bool,
        typer.Option("--link-audio", help="html links to the recording, instead of carrying it."),
    ] = False,
    session: Annotated[
        str | None,
        typer.Option(help="Which one of a file of several: its number in the file, its stream, or its id."),
    ] = None,
    first: Annotated[
        bool, typer.Option("--first", help="What was said of each turn at first, not as it was revised.")
    ] = False,
) -> None:
    """Export a session: subtitles, tables, annotation formats, or a page to read (docs/reports.md).

    merits export call.jsonl --out call.html --audio call.wav
    """
    from streamer.reports.command import export as run

    run(
        events,
        out or [],
        to,
        audio=audio,
        link_audio=link_audio,
        session=session,
        first=first,
    )


@app.command()
def schema() -> None:
    """Print the JSON Schema of the events."""
    import json

    from streamer.events import event_schema

    print(json.dumps(event_schema(), indent=2, ensure_ascii=False))


@app.command()
def doctor(asr: Asr = None, bundle: Bundle = None, mqtt: Mqtt = None) -> None:
    """Say what works on this machine, and what to do about what doesn't."""
    from streamer.config import load_settings
    from streamer.doctor import examine

    raise typer.Exit(run_async(examine(load_settings(asr=asr, bundle=bundle, mqtt=mqtt))))


app.add_typer(mqtt_commands)


app.command()(replay)


def _print_version(wanted: bool) -> None:
    if wanted:
        from streamer.version import VERSION

        print(f"merits {VERSION}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", is_eager=True, callback=_print_version)
    ] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Say more on standard error.")] = False,
    log: log_options.Log = None,
    log_level: log_options.LogLevel = None,
) -> None:
    del version, log, log_level  # their callbacks have seen to them
    if verbose and not log_options.is_level_chosen():
        log_options.choose(level=log_options.Level.INFO)


def main() -> None:
    """Run the command line. Exit codes: 2 bad usage or input, 1 failed while running, 130 Ctrl-C."""
    leave_at_once()
    log_options.begin(sys.argv[1:])
    code = _flush(_outcome())
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # all is done: a further Ctrl-C need not be told of
    logs.finish()
    sys.exit(code)


def _outcome() -> int:
    """Run a command; whatever becomes of it is told in one line at most. Returns the exit code."""
    try:
        return int(app(standalone_mode=False) or 0)
    except typer.TyperException as error:
        return _complain(error.format_message().replace("Value error, ", ""), 2)  # as pydantic begins it
    except InputError as error:
        return _complain(str(error), 2)
    except RunError as error:
        return _complain(str(error), 1)
    except (KeyboardInterrupt, asyncio.CancelledError):
        return 130
    except (BrokenPipeError, SystemExit):  # whoever read has read enough; typer then makes the latter of it
        return 0
    except Exception as error:  # noqa: BLE001 - it is told
        if memory.is_short(error):
            return _complain(
                f"there is no memory left ({described(error):.200}): free some, or allow more", 1
            )
        if isinstance(error, OSError) and error.strerror:
            return _complain(": ".join(filter(None, (error.filename, error.strerror))), 1)
        logs.unforeseen(error.__cause__ or error if isinstance(error, typer.Abort) else error)
        return 1


def _flush(code: int) -> int:
    """See that what was printed has been written; where it can't be, nothing tries it again."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
        return code
    except BrokenPipeError:
        pass
    except OSError as error:
        if code == 0:
            code = _complain(f"cannot write to standard output: {error.strerror}", 1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return code


def _complain(message: str, code: int) -> int:
    if message:  # there is none where the help was shown instead
        _log.error("%s", message)
    return code


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
    meter: Any = None
    control: Any = None
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
    from streamer.sessions import load_analyzer, run_sessions

    port = None
    if settings.metrics is not None:
        from streamer.metrics.server import MetricsPort, MetricsServer

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
            meter, control = terminal.hear, terminal.control
        else:
            outputs.append(Lines(console))
    code = run_async(
        run_sessions(
            streams,
            analyzer,
            settings,
            outputs,
            broker=broker,
            meter=meter,
            control=control,
        )
    )
    if code:
        raise typer.Exit(code)


def _serve(settings: "Settings", events: str | None, *, view: bool) -> None:
    from streamer.outputs.jsonl import STDOUT
    from streamer.outputs.mqtt.address import BrokerAddress
    from streamer.server.entrance import Entrance
    from streamer.server.events_folder import check_folder

    log_options.settle(settings)
    memory.check_limit()
    if events is not None and events != STDOUT:
        check_folder(Path(events))
    broker = None if settings.mqtt is None else BrokerAddress.of(settings.mqtt, settings.broker)
    entrance = Entrance(settings.server)
    logs.hide(entrance.token, None if broker is None else broker.password)

    from streamer.server.run import serve
    from streamer.server.streams import Streams
    from streamer.sessions import load_analyzer

    analyzer = load_analyzer(settings)
    if not log_options.is_level_chosen():
        logging.getLogger("merits.server").setLevel(logging.INFO)
    terminal = None
    if view and events != STDOUT:
        from streamer.outputs.console import Console
        from streamer.outputs.terminal.view import TerminalView, has_room

        console = Console()
        terminal = TerminalView(console) if has_room(console) else None

    async def run() -> int:
        streams = Streams(analyzer, settings, events=events, broker=broker)
        if terminal is None:
            return await serve(streams, entrance)
        streams.onlookers.views.append(terminal)
        async with terminal:
            return await serve(streams, entrance, control=terminal.control)

    if code := run_async(run()):
        raise typer.Exit(code)
