"""Sends what earlier runs and ended streams have left in the outbox, without a stream of its own."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from streamer.errors import RunError
from streamer.outputs.mqtt.address import BrokerAddress
from streamer.outputs.mqtt.delivery import Delivery
from streamer.outputs.outbox.outbox import Outbox


async def send_leftovers(address: BrokerAddress, outbox: Outbox) -> int:
    """Send everything that waits for a broker and that no running program has to send.

    Args:
        address: the broker.
        outbox: entered by the caller.

    Returns:
        How many messages were sent; those that can't be are set aside.

    Raises:
        RunError: there is no connection (any more). What was not sent still waits.
    """
    async with outbox.mailbox(address.place) as mailbox:
        await mailbox.adopt()
        delivery = Delivery(address, mailbox, settle_s=0)
        delivery.close()
        if not await delivery.attempt():
            why = delivery.state.trouble or "the connection was lost"
            raise RunError(f"no connection to {address}: {why}; {mailbox.depth} messages still wait")
        return mailbox.delivered


@asynccontextmanager
async def sending_leftovers(address: BrokerAddress, outbox: Outbox) -> AsyncIterator[Delivery]:
    """Send what waits for a broker, now and whenever there is something, until left."""
    async with outbox.mailbox(address.place) as mailbox:
        await mailbox.look()
        async with Delivery(address, mailbox).running(tells=False) as delivery:
            yield delivery
