"""The command line, `merits`. Heavy modules are imported by the commands that need them."""

import asyncio
import logging
import os
import signal
import sys
from typing import Annotated

import typer

from docstring_options import documented
from streamer import logs
from streamer.cli import log_options
from streamer.cli.analyze_listen import analyze, listen
from streamer.cli.export import export
from streamer.cli.mqtt import app as mqtt_commands
from streamer.cli.options import ModelOptions, Mqtt
from streamer.cli.replay import replay
from streamer.cli.serve import serve
from streamer.errors import InputError, RunError, described
from streamer.machine import memory
from streamer.machine.interrupts import leave, leave_at_once, run_async

_log = logging.getLogger("merits")

app = typer.Typer(
    name="merits",
    help="Real-time conversation emotion analysis: live audio in, an emotion for every turn out.",
    epilog="Examples:\n"
    "    merits listen\n"
    "    merits analyze samples/conversation.flac --events talk.jsonl\n"
    "    merits export samples/conversation.jsonl --out talk.html\n"
    "    merits doctor\n\n"
    "merits COMMAND --help describes a command. Settings are also read from merits.toml in the current "
    "folder, and from the environment, such as MERITS_ASR=none.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    cls=log_options.LoggingGroup,
)


_ANALYZE, _EARLIER, _CHECK = "Listen and analyze", "Look at earlier sessions", "Check and repair"
app.command(rich_help_panel=_ANALYZE)(listen)
app.command(rich_help_panel=_ANALYZE)(analyze)
app.command(rich_help_panel=_ANALYZE)(serve)
app.command(rich_help_panel=_EARLIER)(replay)
app.command(rich_help_panel=_EARLIER)(export)


@app.command(rich_help_panel=_CHECK)
def devices() -> None:
    """List the microphones of this machine.

    An asterisk marks the default. `merits listen --device NUMBER` uses another one.

    Examples:
        merits devices
        merits listen --device 3
    """
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


@app.command(rich_help_panel="Write programs")
def schema() -> None:
    """Print the JSON Schema of the events.

    Events files, standard output, websockets and MQTT all carry these events, one JSON object each.

    Examples:
        merits schema
        merits schema > events.schema.json
    """
    import json

    from streamer.events import event_schema

    print(json.dumps(event_schema(), indent=2, ensure_ascii=False))


@app.command(rich_help_panel=_CHECK)
@documented
def doctor(models: ModelOptions, mqtt: Mqtt = None) -> None:
    """Check models, recogniser, microphone and broker.

    Prints whether each part works, and how to repair one that does not. The exit code is 1 if recordings
    cannot be analyzed or the broker does not answer.

    Examples:
        merits doctor
        merits doctor --asr faster-whisper
        merits doctor --mqtt mqtt://localhost

    Args:
        mqtt: MQTT broker to connect to as a check: mqtt://localhost or mqtts://user:password@host:8883. [env:
            MERITS_MQTT; default: no check]
    """
    from streamer.cli.doctor import examine
    from streamer.settings.settings import load_settings

    raise typer.Exit(run_async(examine(load_settings(**vars(models), mqtt=mqtt))))


@app.command(rich_help_panel=_CHECK)
@documented
def models(
    bundle: Annotated[str | None, typer.Option(metavar="NAME")] = None,
    speed: Annotated[bool, typer.Option("--speed/--no-speed")] = True,
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """List the models on this machine, and those that can be had besides.

    Lists recognisers from packages and from the model hub's cache, the bundle of emotion models and what it
    is built on: size, licence, SHA-256, languages and speed. The exit code is 1 if one was changed.

    Examples:
        merits models
        merits models --no-speed
        merits models --json > models.json

    Args:
        bundle: Trained emotion models: a folder, or the name of a bundle that comes with the program. [env:
            MERITS_BUNDLE; default: meld-small]
        speed: Measure how fast the recognisers are on a few seconds of speech; --no-speed leaves it out.
        as_json: Print one JSON object, with whole hashes and folders.
    """
    from streamer.cli.models import list_models
    from streamer.settings.settings import load_settings

    raise typer.Exit(list_models(load_settings(bundle=bundle), speed=speed, as_json=as_json))


app.add_typer(mqtt_commands, rich_help_panel=_CHECK)


def _print_version(wanted: bool) -> None:
    if wanted:
        from streamer.version import VERSION

        print(f"merits {VERSION}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option("--version", help="Print the version and exit.", is_eager=True, callback=_print_version),
    ] = False,
    verbose: Annotated[
        bool,
        typer.Option("--verbose", "-v", help="Log progress on standard error, as --log-level info does."),
    ] = False,
    log: log_options.Log = None,
    log_level: log_options.LogLevel = None,
) -> None:
    del version, log, log_level  # handled by their callbacks
    if verbose and not log_options.is_level_chosen():
        log_options.choose(level=log_options.Level.INFO)


def main() -> None:
    """Run the command line. Exit codes: 2 bad usage or input, 1 failed while running, 130 Ctrl-C."""
    leave_at_once()
    log_options.begin(sys.argv[1:])
    code = _flush(_outcome())
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # the work is done: Ctrl-C ends the process silently
    logs.finish()
    leave(code)


def _outcome() -> int:
    """Run a command and return the exit code. Any failure is reported in one line."""
    try:
        return int(app(standalone_mode=False) or 0)
    except typer.TyperException as error:
        return _complain(error.format_message().replace("Value error, ", ""), 2)  # pydantic's prefix
    except InputError as error:
        return _complain(str(error), 2)
    except RunError as error:
        return _complain(str(error), 1)
    except KeyboardInterrupt:
        return 130
    except asyncio.CancelledError as cancelled:  # see `Interrupts`
        return next((code for code in cancelled.args if isinstance(code, int)), 130)
    except (BrokenPipeError, SystemExit):  # the reader closed the pipe; typer turns that into SystemExit
        return 0
    except Exception as error:  # noqa: BLE001 - reported to the user
        if memory.is_short(error):
            return _complain(
                f"there is no memory left ({described(error):.200}): free some, or allow more", 1
            )
        if isinstance(error, OSError) and error.strerror:
            return _complain(": ".join(filter(None, (error.filename, error.strerror))), 1)
        logs.unforeseen(error.__cause__ or error if isinstance(error, typer.Abort) else error)
        return 1


def _flush(code: int) -> int:
    """Flush standard output. If that fails, discard the rest, so that no later flush fails again."""
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
    if message:  # empty if the help was shown instead
        _log.error("%s", message)
    return code
