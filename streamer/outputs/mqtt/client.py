"""Connections to a broker, in the version of MQTT that it knows."""

import asyncio
import errno
import logging
import re
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiomqtt
from aiomqtt import ProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from streamer.errors import RunError
from streamer.outputs.mqtt.address import BrokerAddress
from streamer.outputs.outbox.message import Message

_quiet = logging.getLogger(f"{__name__}.paho")
_quiet.setLevel(logging.CRITICAL)  # what it says comes as an exception too

_TIMEOUT_S = 5.0
_KEEPALIVE_S = 30
_NO_MATCHING_SUBSCRIBERS = 0x10
_FIRST_FAILURE = 0x80
"""Reason codes of a PUBACK (MQTT 5, section 3.4.2.1)."""
_RECEIVE_MAXIMUM = 65_535
"""Where a broker names none (MQTT 5, section 3.2.2.3.3)."""
_NEVER_SUBSCRIBED = "merits/sign-of-life"
_UNSUPPORTED_VERSION = "Unsupported protocol version"


class _Client(aiomqtt.Client):
    """Also keeps what a broker says of messages with MQTT 5.

    Attributes:
        unheard: whether nobody has subscribed to the last one.
        refused: topics of those that were not taken, as an access list may want it, and why.
        receives: how many it takes at once.
    """

    unheard = False
    receives = _RECEIVE_MAXIMUM

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.refused: dict[str, str] = {}

    def _on_publish(self, client: Any, userdata: Any, mid: int, reason_code: Any, *more: Any) -> None:
        value = getattr(reason_code, "value", 0)
        self.unheard = value == _NO_MATCHING_SUBSCRIBERS
        if value >= _FIRST_FAILURE:
            self.refused[client._out_messages[mid].topic] = str(reason_code)
        super()._on_publish(client, userdata, mid, reason_code, *more)

    def _on_connect(
        self, client: Any, userdata: Any, flags: Any, reason_code: Any, properties: Any = None
    ) -> None:
        self.receives = getattr(properties, "ReceiveMaximum", _RECEIVE_MAXIMUM)
        super()._on_connect(client, userdata, flags, reason_code, properties)


def _still_open(record: logging.LogRecord) -> bool:
    """A connection that breaks while something is sent is no fault: paho closes what asyncio is to watch."""
    error = record.exc_info[1] if record.exc_info else None
    return not (
        isinstance(error, OSError) and error.errno == errno.EBADF and "add_writer" in record.getMessage()
    )


logging.getLogger("asyncio").addFilter(_still_open)


class Refused(Exception):
    """The broker does not take a message of ours, as its access list may want it. Says which, and why."""


class Connector:
    """Makes connections to one broker, and remembers which version of MQTT it knows.

    Nothing is asked of the broker's memory: what is not confirmed is sent again over the next connection.

    Args:
        address: the broker.
    """

    def __init__(self, address: BrokerAddress) -> None:
        self.address = address
        self._version = ProtocolVersion.V311 if address.options.protocol == "3.1.1" else ProtocolVersion.V5

    @asynccontextmanager
    async def connect(self, will: Message | None = None) -> AsyncIterator["Connection"]:
        """Connect, and disconnect at the end.

        Args:
            will: what the broker publishes should this process vanish.

        Raises:
            aiomqtt.MqttError: there is no connection, or no longer.
            InputError: a certificate can't be read (any more).
        """
        client = await self._client(will)
        try:
            await client.__aenter__()
        except aiomqtt.MqttError as error:
            if not (self._too_new_for_it(error) and self.address.options.protocol == "auto"):
                raise
            self._version = ProtocolVersion.V311
            client = await self._client(will)
            await client.__aenter__()
        try:
            yield Connection(client, self._version)
        finally:
            await client.__aexit__(None, None, None)

    def _too_new_for_it(self, error: aiomqtt.MqttError) -> bool:
        return self._version is ProtocolVersion.V5 and _UNSUPPORTED_VERSION in str(error)

    async def _client(self, will: Message | None) -> _Client:
        address = self.address
        return _Client(
            address.host,
            address.port,
            username=address.username,
            password=address.password,
            logger=_quiet,
            protocol=self._version,
            # Loading the certificates reads files.
            tls_context=await asyncio.to_thread(address.tls_context),
            identifier=f"merits-{secrets.token_hex(8)}",
            will=aiomqtt.Will(will.topic, will.payload, will.qos, will.retain) if will else None,
            keepalive=_KEEPALIVE_S,
            timeout=_TIMEOUT_S,
        )


class Connection:
    """One connection, while it lasts.

    Args:
        client: connected.
        version: of MQTT.
    """

    def __init__(self, client: _Client, version: ProtocolVersion) -> None:
        self.client = client
        self._version = version

    @property
    def receives(self) -> int:
        """How many messages the broker takes at once, before it has confirmed them."""
        return self.client.receives

    async def publish(self, message: Message, *, timeout_s: float = _TIMEOUT_S) -> bool:
        """Publish, and with QoS 1 wait until the broker has confirmed it.

        Returns:
            False if the broker says that nobody has subscribed to it (with MQTT 5, one message at a time).

        Raises:
            aiomqtt.MqttError: it may or may not have arrived.
        """
        self.client.unheard = False
        await self.client.publish(
            message.topic,
            message.payload,
            message.qos,
            message.retain,
            properties=self._properties(message),
            timeout=timeout_s,
        )
        return not self.client.unheard

    async def sign_of_life(self, *, timeout_s: float = _TIMEOUT_S) -> None:
        """Wait until the broker answers something that changes nothing.

        Raises:
            aiomqtt.MqttError: it does not.
        """
        await self.client.unsubscribe(_NEVER_SUBSCRIBED, timeout=timeout_s)

    def check(self) -> None:
        """See whether the messages published since it was last asked have been taken.

        Raises:
            Refused: one has not.
        """
        if refused := self.client.refused:
            topic, why = next(iter(refused.items()))
            refused.clear()
            raise Refused(f"{topic} is refused: {why}")

    def _properties(self, message: Message) -> Properties | None:
        """What MQTT 5 can say of a message besides (section 3.3.2.3)."""
        if self._version is not ProtocolVersion.V5:
            return None
        properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        properties.PayloadFormatIndicator = 1  # UTF-8
        if message.id is not None:
            properties.ContentType = "application/json"
            properties.UserProperty = ("id", message.id)
        return properties


async def probe(address: BrokerAddress) -> None:
    """See whether the broker lets us in.

    Raises:
        RunError: it does not, or cannot be reached.
    """
    try:
        async with Connector(address).connect():
            pass
    except aiomqtt.MqttError as error:
        raise RunError(f"no connection to {address}: {reason(error)}") from error


def reason(error: aiomqtt.MqttError) -> str:
    """What an error says, without numbers and places in source code."""
    said = re.sub(r"^\[[^]]*\] | \(_ssl\.c:\d+\)$", "", str(error.__cause__ or error))
    if said == "Operation timed out":
        return "no answer: is the port right, is TLS (mqtts://) or a certificate of ours asked for?"
    return "the connection was lost" if said == "Unspecified error" else said
