"""Sends what earlier runs have left in the outbox, without a stream of its own."""

import asyncio

import aiomqtt

from streamer.errors import RunError
from streamer.outputs.mqtt.address import BrokerAddress
from streamer.outputs.mqtt.client import Connector, reason
from streamer.outputs.mqtt.delivery import BETWEEN_BATCHES_S, deliver_batch
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
                while count := await deliver_batch(connection, mailbox):
                    sent += count
                    await asyncio.sleep(BETWEEN_BATCHES_S)
        except aiomqtt.MqttError as error:
            raise RunError(
                f"no connection to {address}: {reason(error)}; {mailbox.depth} messages still wait"
            ) from error
    return sent
