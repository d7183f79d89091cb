"""Takes streams off a broker, and out of Home Assistant with it."""

import asyncio
import json
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass

import aiomqtt

from streamer.errors import InputError, RunError
from streamer.outputs.mqtt.address import BrokerAddress
from streamer.outputs.mqtt.client import Connection, Connector, Refused, reason
from streamer.outputs.mqtt.discovery import ORIGIN, removal
from streamer.outputs.mqtt.messages import ONLINE, topic_level
from streamer.outputs.outbox.database import Database
from streamer.outputs.outbox.outbox import Outbox

_QUIET_S = 1.0
"""MQTT does not say when all retained messages have come: after so long without another one they have."""


@dataclass(frozen=True, slots=True)
class Removed:
    """What was taken off.

    Attributes:
        stream: the level of its topics that is its name.
        running: whether it seems to be published just now: then it comes back.
    """

    stream: str
    running: bool


async def remove(address: BrokerAddress, outbox: Outbox, names: Collection[str] = ()) -> list[Removed]:
    """Remove the retained messages of streams: their state, their availability, their device.

    What of that waits in the outbox is dropped too; turns that wait there are not.

    Args:
        address: the broker.
        outbox: entered by the caller.
        names: of the streams; none means all there are under the address's prefix.

    Raises:
        InputError: there is nothing of one of the streams named.
        RunError: there is no connection.
    """
    try:
        async with Connector(address).connect() as connection:
            found = await _find(address, connection)
            wanted = [topic_level(name) for name in names] or sorted(found)
            for name in wanted:
                messages = removal(address.options.discovery_prefix, f"{address.prefix}/{name}")
                waited = await _drop(outbox, address.place, [message.topic for message in messages])
                if name not in found and not waited:
                    known = ", ".join(sorted(found)) or "none"
                    raise InputError(f"{address} knows no stream {name!r}; it knows: {known}")
                for message in messages:
                    await connection.publish(message)
                    connection.check(message.topic)
    except aiomqtt.MqttError as error:
        raise RunError(f"no connection to {address}: {reason(error)}") from error
    except Refused as error:
        raise RunError(f"{address}: {error}") from error
    return [Removed(name, found.get(name, False)) for name in wanted]


async def _drop(outbox: Outbox, broker: str, topics: Sequence[str]) -> int:
    def job(database: Database) -> int:
        return sum(database.forget(broker, topic) for topic in topics)

    return await outbox.work(job)


async def _find(address: BrokerAddress, connection: Connection) -> dict[str, bool]:
    """The streams that have left something at the broker, and whether each is online."""
    found: dict[str, bool] = {}
    prefix = f"{address.prefix}/"
    for topic in (
        f"{prefix}+/availability",
        f"{prefix}+/state",
        f"{address.options.discovery_prefix}/device/+/config",
    ):
        await connection.client.subscribe(topic, qos=1)
    messages = aiter(connection.client.messages)
    with suppress(TimeoutError):
        while True:
            async with asyncio.timeout(_QUIET_S):
                message = await anext(messages)
            if not message.retain or not isinstance(message.payload, bytes):
                continue
            topic = str(message.topic)
            if topic.startswith(prefix):
                name, kind = topic.removeprefix(prefix).rsplit("/", 1)
                online = kind == "availability" and message.payload == ONLINE.encode()
                found[name] = found.get(name, False) or online
            elif (ours := _stream_of(message.payload, prefix)) is not None:
                found.setdefault(ours, False)
    return found


def _stream_of(payload: bytes, prefix: str) -> str | None:
    """The stream that a device of Home Assistant is ours for."""
    try:
        config = json.loads(payload)
        ours = config["o"]["name"] == ORIGIN
        base = str(config["state_topic"]).removesuffix("/state")
    except (ValueError, KeyError, TypeError):
        return None  # another program's
    return base.removeprefix(prefix) if ours and base.startswith(prefix) else None
