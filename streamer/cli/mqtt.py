"""`merits mqtt`: removes streams from a broker, sends waiting events, handles undeliverable messages."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from docstring_options import documented
from streamer.errors import InputError
from streamer.machine.interrupts import run_async

if TYPE_CHECKING:
    from streamer.outbox.database import Aside, Database
    from streamer.outputs.mqtt.address import BrokerAddress
    from streamer.settings.settings import Settings

app = typer.Typer(
    name="mqtt",
    help="Clean up at an MQTT broker; deliver what could not be delivered.\n\n"
    "Events that the broker has not confirmed wait in the outbox, a file on this machine (docs/mqtt.md).\n\n"
    "Examples:\n"
    "    merits mqtt send --mqtt mqtt://localhost\n"
    "    merits mqtt remove kitchen --mqtt mqtt://localhost",
    no_args_is_help=True,
    add_completion=False,
)

_URL = (
    "Address of the broker: mqtt://localhost or mqtts://user:password@host:8883/prefix. "
    r"\[env: MERITS_MQTT; required]"
)
Url = Annotated[str | None, typer.Option("--mqtt", metavar="URL", help=_URL)]


@app.command()
@documented
def remove(
    streams: Annotated[list[str] | None, typer.Argument(metavar="STREAM")] = None, mqtt: Url = None
) -> None:
    """Remove streams from the broker and from Home Assistant.

    Deletes their retained messages: state, availability, and the device of Home Assistant. A stream that a
    running program publishes comes back when that program reconnects: end the program first.

    Examples:
        merits mqtt remove kitchen --mqtt mqtt://localhost
        merits mqtt remove --mqtt mqtt://user:password@host/prefix

    Args:
        streams: Names of the streams to remove. [default: all under the prefix]
    """
    settings, address = _broker(mqtt)
    from streamer.outbox.outbox import Outbox
    from streamer.outputs.console import say
    from streamer.outputs.mqtt.removal import remove

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
    """Send the events that wait in the outbox for this broker, then exit.

    Every run that publishes to the broker sends them first, too.

    Examples:
        merits mqtt send --mqtt mqtt://localhost
        merits mqtt send --mqtt mqtts://user:password@host:8883
    """
    settings, address = _broker(mqtt)
    from streamer.outbox.outbox import Outbox
    from streamer.outputs.console import say
    from streamer.outputs.mqtt.leftovers import send_leftovers

    async def run() -> int:
        async with Outbox(settings.outbox) as outbox:
            return await send_leftovers(address, outbox)

    say(f"sent {run_async(run())} messages to {address}")


set_aside = typer.Typer(
    name="set-aside",
    help="List, retry or delete messages that the broker cannot take.\n\n"
    "Messages that are too large, refused by the broker, or invalid in MQTT are set aside in the outbox and "
    "do not delay other messages. Without a sub-command, this command lists them.\n\n"
    "Examples:\n"
    "    merits mqtt set-aside\n"
    "    merits mqtt set-aside retry 12 13",
    invoke_without_command=True,
    add_completion=False,
)
app.add_typer(set_aside)
Numbers = Annotated[
    list[int] | None,
    typer.Argument(metavar="NUMBER", help=r"Numbers of the messages, as listed. \[default: all]"),
]
OfBroker = Annotated[
    str | None,
    typer.Option(
        "--mqtt",
        metavar="URL",
        help="Broker whose messages are meant, such as mqtt://localhost. "
        r"\[default: all brokers]",
    ),
]


@set_aside.callback()
def _list_by_default(context: typer.Context, mqtt: OfBroker = None) -> None:
    if context.invoked_subcommand is None:
        list_aside(mqtt)


@set_aside.command("list")
def list_aside(mqtt: OfBroker = None) -> None:
    """List the messages that are set aside.

    A line for each: number, time at which it was queued, size, broker, topic, and the reason.

    Examples:
        merits mqtt set-aside list
        merits mqtt set-aside list --mqtt mqtt://localhost
    """
    from datetime import datetime

    from streamer.outbox.message import shown
    from streamer.outputs.console import say

    found, _ = run_async(_with_aside(mqtt, None, None))
    for one in found:
        at = datetime.fromtimestamp(one.at_s).isoformat(" ", "seconds")
        where = f"{shown(one.broker)}  {shown(one.topic)}"
        say(f"{one.number}  {at}  {one.bytes:,} bytes  {where}: {shown(one.why)}")
    if not found:
        say("nothing is set aside")


@set_aside.command()
def retry(numbers: Numbers = None, mqtt: OfBroker = None) -> None:
    """Queue messages that are set aside again, each in its old place.

    `merits mqtt send` or the next run that publishes to the broker sends them.

    Examples:
        merits mqtt set-aside retry
        merits mqtt set-aside retry 12 13
    """
    from streamer.outbox.database import Database
    from streamer.outputs.console import say

    _, count = run_async(_with_aside(mqtt, numbers, Database.retry))
    say(f"{count} messages wait again")


@set_aside.command()
def delete(numbers: Numbers = None, mqtt: OfBroker = None) -> None:
    """Delete messages that are set aside.

    Examples:
        merits mqtt set-aside delete 12
        merits mqtt set-aside delete --mqtt mqtt://localhost
    """
    from streamer.outbox.database import Database
    from streamer.outputs.console import say

    _, count = run_async(_with_aside(mqtt, numbers, Database.discard))
    say(f"deleted {count} messages")


async def _with_aside(
    mqtt: str | None, numbers: "list[int] | None", act: "Callable[[Database, list[int]], int] | None"
) -> "tuple[list[Aside], int]":
    """Apply `act` to messages set aside (of a broker, of `numbers`); return all, and how many changed."""
    from streamer.outbox.database import Database
    from streamer.outbox.outbox import Outbox
    from streamer.outputs.mqtt.address import BrokerAddress
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
    """Print the topics and payloads as an AsyncAPI document.

    It is the one in docs/asyncapi.yaml.

    Examples:
        merits mqtt asyncapi
        merits mqtt asyncapi > merits.yaml
    """
    from streamer.outputs.mqtt.asyncapi import document

    print(document(), end="")


def _broker(mqtt: str | None) -> "tuple[Settings, BrokerAddress]":
    from streamer.settings.settings import load_settings

    settings = load_settings(mqtt=mqtt)
    if settings.mqtt is None:
        raise InputError("which broker? Say --mqtt mqtt://HOST, or set MERITS_MQTT or mqtt in merits.toml")
    from streamer.outputs.mqtt.address import BrokerAddress

    return settings, BrokerAddress.of(settings.mqtt, settings.broker)
