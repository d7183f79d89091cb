"""Takes streams off a broker, and out of Home Assistant with it."""

import asyncio
import json
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass

import aiomqtt

from streamer.errors import InputError, RunError
from streamer.outputs.mqtt.address import BrokerAddress
from streamer.outputs.mqtt.client import Connection, Connector, reason
from streamer.outputs.mqtt.discovery import ORIGIN, removal
from streamer.outputs.mqtt.topics import ONLINE, topic_level
from streamer.outputs.outbox.database import Database
from streamer.outputs.outbox.outbox import Outbox

_QUIET_S = 1.0
"""MQTT does not say when all retained messages have come: after so long without another one they have. Those
that are published meanwhile are not among them."""


@dataclass(frozen=True, slots=True)
class Removed:
    """A stream that was taken off, and whether it seems to be published just now: then it comes back."""

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
            found, kept = await _find(address, connection)
            wanted = [topic_level(name) for name in names] or sorted(found)
            for name in wanted:
                messages = removal(address.options.discovery_prefix, f"{address.prefix}/{name}")
                waited = await _drop(outbox, address.place, [message.topic for message in messages])
                # Home Assistant warns of a device that it is to remove and does not know
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
    """The streams that have left something at the broker and whether each is online; the topics of that."""
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
    """The stream that a retained message is of, None where it is not ours, and whether it says that it is
    online."""
    if topic.startswith(prefix):
        name, kind = topic.removeprefix(prefix).rsplit("/", 1)
        return name, kind == "availability" and payload == ONLINE.encode()
    return _stream_of_device(payload, prefix), False


def _stream_of_device(payload: bytes, prefix: str) -> str | None:
    """The stream that a device of Home Assistant is ours for."""
    try:
        config = json.loads(payload)
        ours = config["o"]["name"] == ORIGIN
        base = str(config["state_topic"]).removesuffix("/state")
    except (ValueError, KeyError, TypeError):
        return None  # another program's
    name = base.removeprefix(prefix)
    of_prefix = base.startswith(prefix) and "/" not in name  # else it is of one that begins like ours
    return name if ours and of_prefix else None
