"""Sends messages that earlier runs and ended streams left in the outbox."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from streamer.errors import RunError
from streamer.outbox.outbox import Outbox
from streamer.outputs.mqtt.address import BrokerAddress
from streamer.outputs.mqtt.delivery import Delivery


async def send_leftovers(address: BrokerAddress, outbox: Outbox) -> int:
    """Send all messages for a broker that wait and that no running program owns.

    Args:
        address: the broker.
        outbox: the outbox; the caller enters its context.

    Returns:
        The number of messages sent; undeliverable ones are set aside.

    Raises:
        RunError: there is no connection, or it broke. Unsent messages still wait.
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
    """Send waiting messages for a broker, now and later, until the context is left."""
    async with outbox.mailbox(address.place) as mailbox:
        await mailbox.look()
        async with Delivery(address, mailbox).running(tells=False) as delivery:
            yield delivery
