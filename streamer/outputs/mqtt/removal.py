"""Removes streams from a broker, and so from Home Assistant."""

import asyncio
import json
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass

import aiomqtt

from streamer.errors import InputError, RunError
from streamer.outbox.database import Database
from streamer.outbox.outbox import Outbox
from streamer.outputs.mqtt.address import BrokerAddress
from streamer.outputs.mqtt.client import Connection, Connector, reason
from streamer.outputs.mqtt.discovery import ORIGIN, removal
from streamer.outputs.mqtt.topics import ONLINE, topic_level

_QUIET_S = 1.0
"""MQTT does not say when all retained messages have arrived: they have after this long without another one.
Messages published meanwhile are not retained ones."""


@dataclass(frozen=True, slots=True)
class Removed:
    """A stream that was taken off, and whether it seems to be published just now: then it comes back."""

    stream: str
    running: bool


async def remove(address: BrokerAddress, outbox: Outbox, names: Collection[str] = ()) -> list[Removed]:
    """Remove the retained messages of streams: their state, their availability, their device.

    Such messages in the outbox are dropped, too; turns in the outbox are kept.

    Args:
        address: the broker.
        outbox: entered by the caller.
        names: names of the streams; empty means all under the address's prefix.

    Raises:
        InputError: nothing is known of one of the named streams.
        RunError: there is no connection.
    """
    try:
        async with Connector(address).connect() as connection:
            found, kept = await _find(address, connection)
            wanted = [topic_level(name) for name in names] or sorted(found)
            for name in wanted:
                messages = removal(address.options.discovery_prefix, f"{address.prefix}/{name}")
                waited = await _drop(outbox, address.place, [message.topic for message in messages])
                # Home Assistant warns if it is to remove an unknown device
                messages = [message for message in messages if message.topic in kept]
                if name not in found and not waited:
                    known = ", ".join(sorted(found)) or "none"
                    raise InputError(f"{address} knows no stream {name!r}; it knows: {known}")
                for message in messages:
                    if why := connection.why_undeliverable(message):
                        raise InputError(f"{address} can have no stream {name[:80]!r}: {why}")
                    answer = await connection.send(message)
                    if answer.refused:
                        raise RunError(f"{address}: {message.topic} is refused: {answer.said}")
    except aiomqtt.MqttError as error:
        raise RunError(f"no connection to {address}: {reason(error)}") from error
    return [Removed(name, found.get(name, False)) for name in wanted]


async def _drop(outbox: Outbox, broker: str, topics: Sequence[str]) -> int:
    def job(database: Database) -> int:
        return sum(database.forget(broker, topic) for topic in topics)

    return await outbox.work(job)


async def _find(address: BrokerAddress, connection: Connection) -> tuple[dict[str, bool], set[str]]:
    """The streams with retained messages and whether each is online; and the topics of those messages."""
    found: dict[str, bool] = {}
    kept: set[str] = set()
    prefix = f"{address.prefix}/"
    devices = f"{address.options.discovery_prefix}/device/+/config"
    await connection.listen_to(f"{prefix}+/availability", f"{prefix}+/state", devices)
    now = asyncio.get_running_loop().time
    with suppress(TimeoutError):
        async with asyncio.timeout(_QUIET_S) as quiet:
            async for message in connection.messages:
                if message.retain and isinstance(message.payload, bytes):
                    quiet.reschedule(now() + _QUIET_S)
                    name, online = _stream_of(str(message.topic), message.payload, prefix)
                    if name is not None:
                        found[name] = found.get(name, False) or online
                        kept.add(str(message.topic))
    return found, kept


def _stream_of(topic: str, payload: bytes, prefix: str) -> tuple[str | None, bool]:
    """The stream of a retained message, None if it is not ours; and whether the message says `online`."""
    if topic.startswith(prefix):
        name, kind = topic.removeprefix(prefix).rsplit("/", 1)
        return name, kind == "availability" and payload == ONLINE.encode()
    return _stream_of_device(payload, prefix), False


def _stream_of_device(payload: bytes, prefix: str) -> str | None:
    """The stream of a Home Assistant device, None if the device is not ours."""
    try:
        config = json.loads(payload)
        ours = config["o"]["name"] == ORIGIN
        base = str(config["state_topic"]).removesuffix("/state")
    except (ValueError, KeyError, TypeError):
        return None  # of another program
    name = base.removeprefix(prefix)
    of_prefix = base.startswith(prefix) and "/" not in name  # otherwise of a longer prefix
    return name if ours and of_prefix else None
