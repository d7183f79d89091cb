"""Publishes any number of streams to one broker, through one outbox."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, nullcontext
from functools import partial
from typing import TYPE_CHECKING

from streamer.outputs.base import OutputStatus

if TYPE_CHECKING:
    from streamer.outputs.mqtt.address import BrokerAddress
    from streamer.outputs.mqtt.delivery import Delivery
    from streamer.outputs.mqtt.output import Mqtt
    from streamer.settings.outbox import OutboxSettings


class Publishing:
    """Creates the outputs that publish a stream: one, or none without a broker."""

    def __init__(
        self, make: "Callable[[str], Mqtt] | None" = None, leftovers: "Delivery | None" = None
    ) -> None:
        self._make = make
        self._senders: list[Mqtt | Delivery] = [] if leftovers is None else [leftovers]
        self.leftovers = leftovers

    @asynccontextmanager
    async def stream(self, name: str) -> "AsyncIterator[list[Mqtt]]":
        """The outputs that publish a stream, until the context is left."""
        if self._make is None:
            yield []
            return
        output = self._make(name)
        self._senders.append(output)
        try:
            async with output:
                yield [output]
        finally:
            self._senders.remove(output)

    @property
    def statuses(self) -> list[OutputStatus]:
        """The status of publishing: of each stream, and of messages left by ended streams."""
        return [sender.status for sender in self._senders]


@asynccontextmanager
async def publishing(
    broker: "BrokerAddress | None", outbox: "OutboxSettings", *, words: bool = True, leftovers: bool = False
) -> AsyncIterator[Publishing]:
    """Publish to a broker, until the context is left."""
    if broker is None:
        yield Publishing()
        return
    from streamer.outbox.outbox import Outbox
    from streamer.outputs.mqtt.leftovers import sending_leftovers
    from streamer.outputs.mqtt.output import Mqtt

    async with (
        Outbox(outbox) as messages,
        sending_leftovers(broker, messages) if leftovers else nullcontext() as delivery,
    ):
        yield Publishing(partial(Mqtt, broker, outbox=messages, words=words), delivery)
