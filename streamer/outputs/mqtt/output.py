"""The output that publishes the events of a stream."""

import logging
from contextlib import AsyncExitStack
from typing import Self

from streamer.events import Event, QueueHealth, SessionStarted, TurnFinal
from streamer.outbox.message import Message
from streamer.outbox.outbox import Mailbox, Outbox
from streamer.outputs.base import OutputStatus
from streamer.outputs.mqtt.address import BrokerAddress
from streamer.outputs.mqtt.delivery import Delivery
from streamer.outputs.mqtt.discovery import announcement
from streamer.outputs.mqtt.topics import StreamMessages

_log = logging.getLogger(__name__)


class Mqtt:
    """Publishes the events of one stream under `<prefix>/<stream>/`.

    `send` waits for the disk, never for the broker: when it returns, the turn is in the outbox, and a
    separate task delivers it (see `Delivery`). Put this before outputs that show the event: everything shown
    is then delivered, even if this process is killed. Subscribers may get a turn twice; `session` and `seq`
    identify it. `pace` sets the delays of the delivery, if not the usual ones.
    """

    def __init__(
        self,
        address: BrokerAddress,
        stream: str,
        outbox: Outbox,
        *,
        words: bool = True,
        **pace: float,
    ) -> None:
        self._address = address
        self._messages = StreamMessages(address.prefix, stream, words=words)
        self._outbox = outbox
        self._words = words
        self._pace = pace
        self._stack = AsyncExitStack()
        self._mailbox: Mailbox | None = None
        self._delivery: Delivery | None = None

    @property
    def queue(self) -> QueueHealth:
        """Number of messages of this stream that wait."""
        assert self._delivery is not None
        return self._delivery.queue

    @property
    def status(self) -> OutputStatus:
        """Whether the broker is connected, and how many messages wait."""
        return OutputStatus("mqtt", connecting=True) if self._delivery is None else self._delivery.status

    async def __aenter__(self) -> Self:
        self._mailbox = await self._stack.enter_async_context(self._outbox.mailbox(self._address.place))
        await self._mailbox.adopt()
        if waiting := self._mailbox.depth:
            _log.info("%d MQTT messages of earlier runs wait for %s", waiting, self._address)
        delivery = Delivery(self._address, self._mailbox, self._messages, **self._pace)
        self._delivery = await self._stack.enter_async_context(delivery.running(tells=True))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def send(self, event: Event) -> None:
        """Put the event's messages into the outbox."""
        assert self._delivery is not None
        assert self._mailbox is not None
        if isinstance(event, SessionStarted) and self._address.options.discovery:
            self._delivery.announce(self._announcement(event))
        messages = self._messages.of(event)
        if isinstance(event, TurnFinal):
            self._delivery.pass_on(None)  # drops a waiting partial, which is outdated
        if lasting := [message for message in messages if message.qos]:
            await self._mailbox.put(lasting)
            self._delivery.wake()
        for message in messages:
            if not message.qos:
                self._delivery.pass_on(message)

    def _announcement(self, event: SessionStarted) -> Message:
        return announcement(
            self._address.options.discovery_prefix,
            self._messages.base,
            event.stream,
            event.labels,
            event.bundle,
            words=self._words,
        )
