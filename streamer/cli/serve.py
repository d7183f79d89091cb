"""`merits serve`: many streams over websockets."""

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from streamer import logs
from streamer.cli import log_options
from streamer.cli.options import Asr, Bundle, Mqtt, Text, Window
from streamer.machine import memory
from streamer.session.interrupts import run_async

if TYPE_CHECKING:
    from streamer.settings.settings import Settings


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
    from streamer.settings.settings import load_settings

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


def _serve(settings: "Settings", events: str | None, *, view: bool) -> None:
    from streamer.outputs.jsonl import STDOUT
    from streamer.outputs.jsonl_folder import check_folder
    from streamer.outputs.mqtt.address import BrokerAddress
    from streamer.server.listener import Listener

    log_options.settle(settings)
    memory.check_limit()
    if events is not None and events != STDOUT:
        check_folder(Path(events))
    broker = None if settings.mqtt is None else BrokerAddress.of(settings.mqtt, settings.broker)
    listener = Listener(settings.server)
    logs.hide(listener.token, None if broker is None else broker.password)

    from streamer.server.run import serve
    from streamer.server.streams import Streams
    from streamer.session.wiring import load_analyzer

    analyzer = load_analyzer(settings)
    if not log_options.is_level_chosen():
        logging.getLogger("merits.server").setLevel(logging.INFO)
    terminal = None
    if view and events != STDOUT:
        from streamer.outputs.console import Console
        from streamer.outputs.terminal.view import TerminalView, has_room

        console = Console()
        terminal = TerminalView(console) if has_room(console) else None

    streams = Streams(analyzer, settings, events=events, broker=broker)
    if code := run_async(serve(streams, listener, terminal)):
        raise typer.Exit(code)
