"""`merits mqtt`: what there is to do about a broker besides publishing to it."""

from typing import TYPE_CHECKING, Annotated

import typer

from streamer.errors import InputError
from streamer.interrupts import run_in_order

if TYPE_CHECKING:
    from streamer.config import Settings
    from streamer.outputs.mqtt.address import BrokerAddress

app = typer.Typer(
    name="mqtt",
    help="Look after what is published to an MQTT broker (see docs/mqtt.md).",
    no_args_is_help=True,
    add_completion=False,
)

Url = Annotated[
    str | None,
    typer.Option(
        "--mqtt", metavar="URL", help="The broker: mqtt://user:password@host:1883/prefix, or mqtts://."
    ),
]


@app.command()
def remove(
    streams: Annotated[
        list[str] | None, typer.Argument(metavar="STREAM", help="Which streams; all without.")
    ] = None,
    mqtt: Url = None,
) -> None:
    """Remove streams from the broker and from Home Assistant: state, availability, device.

    Streams that are being published just now come back when they connect again: stop them first.
    """
    settings, address = _broker(mqtt)
    from streamer.outputs.console import say
    from streamer.outputs.mqtt.removal import remove
    from streamer.outputs.outbox.outbox import Outbox

    async def run() -> None:
        async with Outbox(settings.outbox) as outbox:
            removed = await remove(address, outbox, streams or ())
        for one in removed:
            say(f"removed {one.stream}" + (" (it is running, and will be back)" if one.running else ""))
        if not removed:
            say(f"nothing to remove: {address} knows no stream under {address.prefix}/")

    run_in_order(run())


@app.command()
def send(mqtt: Url = None) -> None:
    """Send what waits in the outbox, as any run with this broker does first; leave when all is sent."""
    settings, address = _broker(mqtt)
    from streamer.outputs.console import say
    from streamer.outputs.mqtt.leftovers import send_leftovers
    from streamer.outputs.outbox.outbox import Outbox

    async def run() -> int:
        async with Outbox(settings.outbox) as outbox:
            return await send_leftovers(address, outbox)

    say(f"sent {run_in_order(run())} messages to {address}")


@app.command()
def asyncapi() -> None:
    """Print the topics and payloads as an AsyncAPI document (docs/asyncapi.yaml)."""
    from streamer.outputs.mqtt.asyncapi import document

    print(document(), end="")


def _broker(mqtt: str | None) -> "tuple[Settings, BrokerAddress]":
    from streamer.config import load_settings

    settings = load_settings(mqtt=mqtt)
    if settings.mqtt is None:
        raise InputError("which broker? Say --mqtt mqtt://HOST, or set MERITS_MQTT or mqtt in merits.toml")
    from streamer.outputs.mqtt.address import BrokerAddress

    return settings, BrokerAddress.of(settings.mqtt, settings.broker)
