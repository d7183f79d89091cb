"""The command line, `merits`. What is heavy is imported by the commands that need it."""

import asyncio
import logging
import os
import signal
import sys
from pathlib import Path
from typing import Annotated

import typer

from streamer import logs
from streamer.cli import log_options
from streamer.cli.live import analyze, listen
from streamer.cli.mqtt import app as mqtt_commands
from streamer.cli.options import Asr, Bundle, Mqtt
from streamer.cli.replay import replay
from streamer.cli.serve import serve
from streamer.errors import InputError, RunError, described
from streamer.machine import memory
from streamer.reports.formats.format import Format
from streamer.session.interrupts import leave_at_once, run_async

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


app.command()(analyze)
app.command()(listen)
app.command()(serve)


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
    from streamer.cli.export import export as run

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
    from streamer.cli.doctor import examine
    from streamer.settings.settings import load_settings

    raise typer.Exit(run_async(examine(load_settings(asr=asr, bundle=bundle, mqtt=mqtt))))


app.command()(replay)
app.add_typer(mqtt_commands)


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
