"""Publishes events, and keeps at it while the broker is away."""

import asyncio
import contextlib
import logging
import re
import secrets
import ssl
from types import TracebackType
from typing import Self

import aiomqtt

from streamer.errors import RunError
from streamer.events import Event, QueueHealth
from streamer.outputs.mqtt.address import BrokerAddress
from streamer.outputs.mqtt.messages import OFFLINE, ONLINE, Message, StreamMessages
from streamer.outputs.mqtt.outbox import Outbox

_log = logging.getLogger(__name__)

_IN_FLIGHT = 10
"""Messages on their way at once: a distant broker must not slow a fast analysis down."""


class Mqtt:
    """Publishes the events of one stream under `<prefix>/<stream>/`.

    `send` never waits: events go into an outbox, and a task of its own delivers them in order. Whatever
    happens to the connection is said once through `logging`, and retried with a delay that doubles. A
    message whose delivery is in doubt is sent again, so subscribers may see a turn twice: `session` and
    `seq` tell.

    Args:
        address: the broker.
        stream: name of the stream.
        limit: messages that wait at most; beyond it the oldest are shed.
        retry_s: delay before the first new attempt to connect, in seconds.
        longest_retry_s: what that delay grows to, in seconds.
        drain_s: how long leaving may wait for what is still held to be delivered, in seconds.
    """

    def __init__(
        self,
        address: BrokerAddress,
        stream: str,
        *,
        limit: int = 10_000,
        retry_s: float = 1.0,
        longest_retry_s: float = 30.0,
        drain_s: float = 5.0,
    ) -> None:
        self._address = address
        self._messages = StreamMessages(address.prefix, stream)
        self._outbox = Outbox(limit)
        self._retry_s = retry_s
        self._longest_retry_s = longest_retry_s
        self._drain_s = drain_s
        self._wake = asyncio.Event()
        self._closing = asyncio.Event()
        self._trouble: str | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def queue(self) -> QueueHealth:
        """How much waits to be published."""
        return QueueHealth(depth=len(self._outbox), limit=self._outbox.limit, shed=self._outbox.shed)

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._keep_delivering(), name="mqtt")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._task is not None
        self._closing.set()
        self._wake.set()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._task, self._drain_s)
        if lost := len(self._outbox) + self._outbox.shed:
            _log.warning("%d MQTT messages could not be delivered to %s", lost, self._address)

    async def send(self, event: Event) -> None:
        """Put the event into the outbox."""
        shed = self._outbox.shed
        for message in self._messages.of(event):
            self._outbox.put(message)
        if shed == 0 and self._outbox.shed:
            _log.warning("%s has been away too long: the oldest events are being shed", self._address)
        self._wake.set()

    async def _keep_delivering(self) -> None:
        """Connect and deliver until closed; once closed, one last attempt is all there is."""
        retry_s = self._retry_s
        while True:
            last = self._closing.is_set()
            try:
                async with await connect(self._address, self._messages.availability(OFFLINE)) as client:
                    retry_s = self._retry_s
                    await self._session(client)
                return
            except aiomqtt.MqttError as error:
                self._say(_reason(error))
            if last:
                return
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._closing.wait(), retry_s)
            retry_s = min(2 * retry_s, self._longest_retry_s)

    async def _session(self, client: aiomqtt.Client) -> None:
        """Deliver over one connection until it breaks, or until closed and all is delivered."""
        await _publish(client, self._messages.availability(ONLINE))
        if self._trouble is not None:
            _log.warning("connected to %s again", self._address)
            self._trouble = None
        delivery = asyncio.create_task(self._deliver(client))
        connection = asyncio.create_task(_until_broken(client))
        try:
            await asyncio.wait({delivery, connection}, return_when=asyncio.FIRST_COMPLETED)
            finished = delivery if delivery.done() else connection
            finished.result()
        finally:
            for task in (delivery, connection):
                task.cancel()
            await asyncio.gather(delivery, connection, return_exceptions=True)
            with contextlib.suppress(aiomqtt.MqttError):
                await _publish(client, self._messages.availability(OFFLINE), timeout=1)

    async def _deliver(self, client: aiomqtt.Client) -> None:
        while True:
            self._wake.clear()
            batch = self._outbox.peek(_IN_FLIGHT)
            results = await asyncio.gather(
                *(_publish(client, message) for _, message in batch), return_exceptions=True
            )
            for (message_id, _), result in zip(batch, results, strict=True):
                if isinstance(result, BaseException):
                    raise result
                self._outbox.confirm(message_id)
            if not self._outbox:
                if self._closing.is_set():
                    return
                await self._wake.wait()

    def _say(self, trouble: str) -> None:
        if trouble != self._trouble:
            _log.warning("no connection to %s (%s); events wait until there is one", self._address, trouble)
        self._trouble = trouble


async def connect(address: BrokerAddress, will: Message | None = None) -> aiomqtt.Client:
    """Make a client, to be entered once.

    Args:
        address: the broker.
        will: what the broker publishes should this process vanish.
    """
    return aiomqtt.Client(
        address.host,
        address.port,
        username=address.username,
        password=address.password,
        # Loading the certificates reads files.
        tls_context=await asyncio.to_thread(ssl.create_default_context) if address.tls else None,
        identifier=f"merits-{secrets.token_hex(8)}",
        will=aiomqtt.Will(will.topic, will.payload, will.qos, will.retain) if will else None,
        keepalive=30,
        timeout=5,
    )


async def probe(address: BrokerAddress) -> None:
    """See whether the broker lets us in.

    Raises:
        RunError: it does not, or cannot be reached.
    """
    try:
        async with await connect(address):
            pass
    except aiomqtt.MqttError as error:
        raise RunError(f"no connection to {address}: {_reason(error)}") from error


async def _publish(client: aiomqtt.Client, message: Message, timeout: float | None = None) -> None:
    await client.publish(message.topic, message.payload, message.qos, message.retain, timeout=timeout)


async def _until_broken(client: aiomqtt.Client) -> None:
    """Wait for the end of the connection, which aiomqtt reports to those who read messages."""
    async for _ in client.messages:
        pass


def _reason(error: aiomqtt.MqttError) -> str:
    return re.sub(r"^\[[^]]*\] ", "", str(error.__cause__ or error))
