"""`merits serve`: many streams over websockets."""

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar

import typer
from typer import Option

from docstring_options import documented
from streamer import logs
from streamer.cli import log_options
from streamer.cli.options import AnalysisOptions, OutputOptions
from streamer.machine import memory
from streamer.machine.interrupts import run_async

if TYPE_CHECKING:
    from streamer.settings.settings import Settings


@dataclass(frozen=True)
class ServerOptions:
    """Where the server listens, and who may connect.

    Attributes:
        host: Address to listen on; one that other machines can reach, such as 0.0.0.0, needs a token. [env:
            MERITS_SERVER__HOST; default: 127.0.0.1]
        port: TCP port to listen on; 0 takes a free one. [env: MERITS_SERVER__PORT; default: 8765]
        token_file: File with the token that clients must present, 16 to 256 characters. [env:
            MERITS_SERVER__TOKEN_FILE, or MERITS_TOKEN for the token itself; default: no token]
        allow_origins: Web site whose pages may connect, besides the server's own page: https://home.example.
            May be repeated. [env: MERITS_SERVER__ALLOW_ORIGINS; default: none]
        tls_cert: Certificate chain for https and wss, a PEM file; needs --tls-key. [env:
            MERITS_SERVER__TLS_CERT; default: none]
        tls_key: Private key of the certificate, a PEM file without a passphrase. [env:
            MERITS_SERVER__TLS_KEY; default: none]
        max_streams: Number of clients that may stream at once, 1 to 10000. [env: MERITS_SERVER__MAX_STREAMS;
            default: 128]
    """

    panel: ClassVar = "Server"

    host: Annotated[str | None, Option(metavar="ADDRESS")] = None
    port: Annotated[int | None, Option(metavar="PORT")] = None
    token_file: Annotated[Path | None, Option(metavar="FILE")] = None
    allow_origins: Annotated[list[str] | None, Option("--allow-origin", metavar="ORIGIN")] = None
    tls_cert: Annotated[Path | None, Option(metavar="FILE")] = None
    tls_key: Annotated[Path | None, Option(metavar="FILE")] = None
    max_streams: Annotated[int | None, Option(metavar="NUMBER")] = None


@dataclass(frozen=True)
class ServerOutputOptions(OutputOptions):
    """Where events go, besides to the clients.

    Attributes:
        events: Folder to write an events file to for each session, STREAM-SESSION.jsonl. "-" writes the
            events of all sessions to standard output. [default: none]
        view: Show the live view in the terminal, all streams side by side. [default: no-view]
    """

    events: Annotated[str | None, Option(metavar="DIR")] = None


@documented
def serve(server: ServerOptions, analysis: AnalysisOptions, output: ServerOutputOptions) -> None:
    """Analyze the streams of many clients, over websockets, until Ctrl-C.

    Each client sends the sound of a stream and receives its events (docs/protocol.md). The server's web page
    shows all streams, and can stream the browser's microphone.

    Examples:
        merits serve
        merits serve --port 0 --events sessions --view
        merits serve --host 0.0.0.0 --token-file token.txt

    A client, in another terminal:
        python examples/client.py samples/conversation.flac
    """
    from streamer.settings.settings import load_settings

    settings = load_settings(
        **vars(analysis),
        mqtt=output.mqtt,
        text=output.text,
        server={name: value for name, value in vars(server).items() if value is not None},
    )
    _serve(settings, output.events, view=bool(output.view))


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
    from streamer.session.wiring import begin_to_load

    if not log_options.is_level_chosen():
        logging.getLogger("merits.server").setLevel(logging.INFO)
    terminal = None
    if view and events != STDOUT:
        from streamer.outputs.console import Console
        from streamer.outputs.terminal.view import TerminalView, has_room

        console = Console()
        terminal = TerminalView(console) if has_room(console) else None

    streams = Streams(begin_to_load(settings), settings, events=events, broker=broker)
    if code := run_async(serve(streams, listener, terminal)):
        raise typer.Exit(code)
