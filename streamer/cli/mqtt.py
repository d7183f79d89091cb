"""`merits mqtt`: what there is to do about a broker besides publishing to it."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from streamer.errors import InputError
from streamer.session.interrupts import run_async

if TYPE_CHECKING:
    from streamer.outputs.mqtt.address import BrokerAddress
    from streamer.outputs.outbox.database import Aside, Database
    from streamer.settings.settings import Settings

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

    run_async(run())


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

    say(f"sent {run_async(run())} messages to {address}")


set_aside = typer.Typer(
    name="set-aside",
    help="Look after messages that could not be delivered: too large, refused, or no MQTT.\n\n"
    "Without a command it lists them. They hold nothing up, and are dropped as all that waits too long.",
    invoke_without_command=True,
    add_completion=False,
)
app.add_typer(set_aside)
Numbers = Annotated[list[int] | None, typer.Argument(metavar="NUMBER", help="Which, as listed; all without.")]
OfBroker = Annotated[
    str | None, typer.Option("--mqtt", metavar="URL", help="Of this broker alone.", show_default="all")
]


@set_aside.callback()
def _list_by_default(context: typer.Context, mqtt: OfBroker = None) -> None:
    if context.invoked_subcommand is None:
        list_aside(mqtt)


@set_aside.command("list")
def list_aside(mqtt: OfBroker = None) -> None:
    """List them: number, when it was put in, size, broker, topic, and why it is set aside."""
    from datetime import datetime

    from streamer.outputs.console import say
    from streamer.outputs.outbox.message import shown

    found, _ = run_async(_with_aside(mqtt, None, None))
    for one in found:
        at = datetime.fromtimestamp(one.at_s).isoformat(" ", "seconds")
        where = f"{shown(one.broker)}  {shown(one.topic)}"
        say(f"{one.number}  {at}  {one.bytes:,} bytes  {where}: {shown(one.why)}")
    if not found:
        say("nothing is set aside")


@set_aside.command()
def retry(numbers: Numbers = None, mqtt: OfBroker = None) -> None:
    """Let them wait again, in their old places: `merits mqtt send` or the next run sends them."""
    from streamer.outputs.console import say
    from streamer.outputs.outbox.database import Database

    _, count = run_async(_with_aside(mqtt, numbers, Database.retry))
    say(f"{count} messages wait again")


@set_aside.command()
def delete(numbers: Numbers = None, mqtt: OfBroker = None) -> None:
    """Delete them."""
    from streamer.outputs.console import say
    from streamer.outputs.outbox.database import Database

    _, count = run_async(_with_aside(mqtt, numbers, Database.discard))
    say(f"deleted {count} messages")


async def _with_aside(
    mqtt: str | None, numbers: "list[int] | None", act: "Callable[[Database, list[int]], int] | None"
) -> "tuple[list[Aside], int]":
    """What is set aside for a broker or for all, and what became of it, or of those of the given numbers."""
    from streamer.outputs.mqtt.address import BrokerAddress
    from streamer.outputs.outbox.database import Database
    from streamer.outputs.outbox.outbox import Outbox
    from streamer.settings.settings import load_settings

    broker = None if mqtt is None else BrokerAddress.parse(mqtt).place

    def job(database: Database) -> "tuple[list[Aside], int]":
        found = database.set_aside_for(broker)
        if numbers and (unknown := set(numbers) - {one.number for one in found}):
            raise InputError(f"nothing is set aside as {min(unknown)}; see: merits mqtt set-aside")
        return found, 0 if act is None else act(database, numbers or [one.number for one in found])

    async with Outbox(load_settings().outbox) as outbox:
        return await outbox.work(job)


@app.command()
def asyncapi() -> None:
    """Print the topics and payloads as an AsyncAPI document (docs/asyncapi.yaml)."""
    from streamer.outputs.mqtt.asyncapi import document

    print(document(), end="")


def _broker(mqtt: str | None) -> "tuple[Settings, BrokerAddress]":
    from streamer.settings.settings import load_settings

    settings = load_settings(mqtt=mqtt)
    if settings.mqtt is None:
        raise InputError("which broker? Say --mqtt mqtt://HOST, or set MERITS_MQTT or mqtt in merits.toml")
    from streamer.outputs.mqtt.address import BrokerAddress

    return settings, BrokerAddress.of(settings.mqtt, settings.broker)
