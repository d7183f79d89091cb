"""Connections to a broker, in the MQTT version that it supports."""

import asyncio
import errno
import logging
import re
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiomqtt
from aiomqtt import ProtocolVersion
from paho.mqtt.client import MQTT_ERR_SUCCESS
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

from streamer.errors import RunError
from streamer.outbox.message import Message
from streamer.outputs.mqtt.address import BrokerAddress
from streamer.outputs.mqtt.undeliverable import LARGEST, packet_bytes, why_undeliverable

_quiet = logging.getLogger(f"{__name__}.paho")
_quiet.setLevel(logging.CRITICAL)  # its messages are raised as exceptions, too

_TIMEOUT_S = 15.0
"""Time limit for an answer: a slow line that loses packets takes several times 4 s."""
_KEEPALIVE_S = 30
_NO_HANGING_UP = {0x89, 0x8B, 0x8D, 0x8E, 0x98, 16}
"""Reasons to disconnect that no message of ours causes: busy, shutting down, keep-alive timeout, session
taken over, administrative action (MQTT 5, section 3.14.2.1), and a timeout of the broker (paho's number)."""
_NO_MATCHING_SUBSCRIBERS = 0x10
_FIRST_FAILURE = 0x80
"""Reason codes of a PUBACK (MQTT 5, section 3.4.2.1)."""
_RECEIVE_MAXIMUM = 65_535
"""Default if a broker states no receive maximum (MQTT 5, section 3.2.2.3.3)."""
_NEVER_SUBSCRIBED = "merits/sign-of-life"
_UNSUPPORTED_VERSION = "Unsupported protocol version"


INSTANCE = secrets.token_hex(4)
"""Identifies this program among all that publish, even under the same name."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A broker's answer to a message, with MQTT 5 (section 3.4.2.1)."""

    code: int = 0
    said: str = ""

    @property
    def heard(self) -> bool:
        """Whether the topic has a subscriber, as far as is known."""
        return self.code != _NO_MATCHING_SUBSCRIBERS

    @property
    def refused(self) -> bool:
        """Whether the broker refused the message, for example because of an access list."""
        return self.code >= _FIRST_FAILURE


class Connection(aiomqtt.Client):
    """A connection that also keeps a broker's limits and its answers to messages.

    Attributes:
        receives: most unconfirmed messages that the broker accepts.
        largest: largest packet that the broker accepts, in bytes; None if it does not say.
    """

    receives = _RECEIVE_MAXIMUM
    largest: int | None = None

    def __init__(self, *arguments: Any, protocol: ProtocolVersion, **options: Any) -> None:
        super().__init__(*arguments, protocol=protocol, **options)
        self._version = protocol
        self._answers: dict[int, asyncio.Future[Answer]] = {}

    @property
    def hung_up(self) -> bool:
        """Whether the broker ended the connection, for a reason that a message may have caused."""
        if not self._disconnected.done() or (error := self._disconnected.exception()) is None:
            return False
        code = getattr(error, "rc", None)
        return getattr(code, "value", code) not in _NO_HANGING_UP

    def size(self, message: Message) -> int:
        """Size of the packet that carries a message, in bytes."""
        properties = _properties(message, self._version)
        beside = b"" if properties is None else properties.pack()  # type: ignore[no-untyped-call]
        return packet_bytes(message, len(beside))

    def why_undeliverable(self, message: Message) -> str | None:
        """Why this broker cannot accept a message; None if no reason is known."""
        if why := why_undeliverable(message):
            return why
        size = self.size(message)
        if size > LARGEST:
            return f"it is larger than MQTT allows: {size:,} bytes"
        if self.largest is not None and size > self.largest:
            return f"it is larger than the broker takes: {size:,} bytes of {self.largest:,}"
        return None

    async def send(self, message: Message, *, timeout_s: float = _TIMEOUT_S) -> Answer:
        """Publish, and with QoS 1 wait for the answer, at most until the connection ends.

        Raises:
            aiomqtt.MqttError: the message may or may not have arrived.
        """
        properties = _properties(message, self._version)
        info = self._client.publish(message.topic, message.payload, message.qos, message.retain, properties)
        if info.rc == MQTT_ERR_SUCCESS and not message.qos:
            return Answer()
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._answers[info.mid] = answer
        try:
            if info.rc == MQTT_ERR_SUCCESS:
                awaited = (answer, self._disconnected)
                await asyncio.wait(awaited, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            del self._answers[info.mid]
        if answer.done():
            return answer.result()
        if self._disconnected.done():
            raise aiomqtt.MqttError("disconnected") from self._disconnected.exception()
        raise aiomqtt.MqttError("Operation timed out" if info.rc == MQTT_ERR_SUCCESS else str(info.rc))

    async def listen_to(self, *topics: str) -> None:
        """Subscribe to topics; topics that may not be read are silently left out.

        Raises:
            aiomqtt.MqttError: the broker does not answer.
        """
        v5 = self._version is ProtocolVersion.V5
        wanted: Any = [(topic, SubscribeOptions(qos=1) if v5 else 1) for topic in topics]
        await self.subscribe(wanted)

    async def sign_of_life(self, *, timeout_s: float = _TIMEOUT_S) -> None:
        """Wait until the broker answers a request without effect.

        Raises:
            aiomqtt.MqttError: it does not.
        """
        await self.unsubscribe(_NEVER_SUBSCRIBED, timeout=timeout_s)

    def _on_publish(self, client: Any, userdata: Any, mid: int, reason_code: Any, *more: Any) -> None:
        answer = self._answers.get(mid)
        if answer is not None and not answer.done():
            answer.set_result(Answer(getattr(reason_code, "value", 0), str(reason_code)))
        super()._on_publish(client, userdata, mid, reason_code, *more)

    def _on_connect(
        self, client: Any, userdata: Any, flags: Any, reason_code: Any, properties: Any = None
    ) -> None:
        self.receives = getattr(properties, "ReceiveMaximum", _RECEIVE_MAXIMUM)
        self.largest = getattr(properties, "MaximumPacketSize", None)
        super()._on_connect(client, userdata, flags, reason_code, properties)


def _still_open(record: logging.LogRecord) -> bool:
    """Drop the message about a socket that paho closes while asyncio uses it: that is no fault."""
    error = record.exc_info[1] if record.exc_info else None
    return not (
        isinstance(error, OSError) and error.errno == errno.EBADF and "add_writer" in record.getMessage()
    )


logging.getLogger("asyncio").addFilter(_still_open)


class Connector:
    """Connects to one broker, and remembers which MQTT version it supports.

    Sessions at the broker are not used: unconfirmed messages are sent again over the next connection.
    """

    def __init__(self, address: BrokerAddress) -> None:
        self.address = address
        self._version = ProtocolVersion.V311 if address.options.protocol == "3.1.1" else ProtocolVersion.V5

    @asynccontextmanager
    async def connect(self, will: Message | None = None) -> AsyncIterator[Connection]:
        """Connect, and disconnect at the end.

        Args:
            will: the message that the broker publishes if this process vanishes.

        Raises:
            aiomqtt.MqttError: there is no connection, or it broke.
            InputError: a certificate cannot be read.
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
            yield client
        finally:
            await client.__aexit__(None, None, None)
            client.hung_up  # noqa: B018 - records how the connection ended

    def _too_new_for_it(self, error: aiomqtt.MqttError) -> bool:
        return self._version is ProtocolVersion.V5 and _UNSUPPORTED_VERSION in str(error)

    async def _client(self, will: Message | None) -> Connection:
        address = self.address
        return Connection(
            address.host,
            address.port,
            username=address.username,
            password=address.password,
            logger=_quiet,
            protocol=self._version,
            # Loading the certificates reads files.
            tls_context=await asyncio.to_thread(address.tls_context),
            identifier=f"merits-{INSTANCE}{secrets.token_hex(4)}",
            will=self._will(will),
            keepalive=_KEEPALIVE_S,
            timeout=_TIMEOUT_S,
        )

    def _will(self, message: Message | None) -> aiomqtt.Will | None:
        if message is None or why_undeliverable(message):
            return None
        properties = _properties(message, self._version, PacketTypes.WILLMESSAGE)
        return aiomqtt.Will(message.topic, message.payload, message.qos, message.retain, properties)


def _properties(
    message: Message, version: ProtocolVersion, packet: int = PacketTypes.PUBLISH
) -> Properties | None:
    """The properties of a message in MQTT 5 (section 3.3.2.3)."""
    if version is not ProtocolVersion.V5:
        return None
    properties = Properties(packet)  # type: ignore[no-untyped-call]
    properties.PayloadFormatIndicator = 1  # UTF-8
    if message.id is not None:
        properties.ContentType = "application/json"
        properties.UserProperty = ("id", message.id)
    if message.instance is not None:
        properties.UserProperty = ("instance", message.instance)
    return properties


async def probe(address: BrokerAddress) -> None:
    """Check that the broker accepts a connection.

    Raises:
        RunError: it does not, or cannot be reached.
    """
    try:
        async with Connector(address).connect():
            pass
    except aiomqtt.MqttError as error:
        raise RunError(f"no connection to {address}: {reason(error)}") from error


def reason(error: aiomqtt.MqttError) -> str:
    """The text of an error, without error numbers and source locations."""
    said = re.sub(r"^\[[^]]*\] | \(_ssl\.c:\d+\)$", "", str(error.__cause__ or error))
    if said == "Operation timed out":
        return "no answer: is the port right, is TLS (mqtts://) or a certificate of ours asked for?"
    return "the connection was lost" if said == "Unspecified error" else said
