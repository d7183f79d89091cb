"""Options that several commands have."""

from typing import Annotated

import typer

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
