"""Sends what earlier runs and ended streams have left in the outbox, without a stream of its own."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiomqtt

from streamer.errors import RunError
from streamer.outputs.mqtt.address import BrokerAddress
from streamer.outputs.mqtt.client import Connector, Refused, reason
from streamer.outputs.mqtt.delivery import BETWEEN_BATCHES_S, Delivery, deliver_batch, take_leave
from streamer.outputs.outbox.outbox import Outbox


async def send_leftovers(address: BrokerAddress, outbox: Outbox) -> int:
    """Send everything that waits for a broker and that no running program has to send.

    Args:
        address: the broker.
        outbox: entered by the caller.

    Returns:
        How many messages were sent.

    Raises:
        RunError: there is no connection (any more). What was not sent still waits.
    """
    async with outbox.mailbox(address.place) as mailbox:
        await mailbox.adopt()
        sent = 0
        try:
            async with Connector(address).connect() as connection:
                try:
                    while count := await deliver_batch(connection, mailbox):
                        sent += count
                        await asyncio.sleep(BETWEEN_BATCHES_S)
                finally:
                    await take_leave(connection, mailbox)
        except aiomqtt.MqttError as error:
            await mailbox.doubt()
            raise RunError(
                f"no connection to {address}: {reason(error)}; {mailbox.depth} messages still wait"
            ) from error
        except Refused as error:
            raise RunError(f"{address}: {error}; {mailbox.depth} messages still wait") from error
    return sent


@asynccontextmanager
async def sending_leftovers(address: BrokerAddress, outbox: Outbox) -> AsyncIterator[Delivery]:
    """Send what waits for a broker, now and whenever there is something, until left.

    Args:
        address: the broker.
        outbox: entered by the caller.

    Yields:
        What says how that fares.
    """
    async with outbox.mailbox(address.place) as mailbox:
        await mailbox.look()
        delivery = Delivery(address, mailbox)
        task = asyncio.create_task(delivery.run(), name="mqtt leftovers")
        try:
            yield delivery
        finally:
            delivery.close()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(task, address.options.drain_s)
