"""Delivers what is in a mailbox, and keeps at it while the broker is away."""

import asyncio
import contextlib
import logging
import random
from time import monotonic

import aiomqtt

from streamer.errors import InputError
from streamer.events import QueueHealth
from streamer.outputs.base import OutputStatus
from streamer.outputs.mqtt.address import BrokerAddress
from streamer.outputs.mqtt.client import Connection, Connector, Refused, reason
from streamer.outputs.mqtt.messages import OFFLINE, ONLINE, StreamMessages
from streamer.outputs.outbox.message import Message
from streamer.outputs.outbox.outbox import SETTLED_AFTER_S, Mailbox

_log = logging.getLogger(__name__)

_IN_FLIGHT = 10
"""Messages on their way at once: a distant broker must not slow a fast analysis down."""
BETWEEN_BATCHES_S = 0.03
"""Of a backlog: brokers queue so many messages for a subscriber (mosquitto 1000), and drop the others."""
_LOOK_FOR_ORPHANS_S = 30.0
_ASK_AGAIN_S = 0.2
_LEAVE_S = 1.0
_PATIENCE, _CLOSED_PATIENCE = 9, 4
"""With subscribers, in `settle_s`: Home Assistant looks for its broker every 10 s, Node-RED every 15 s, and
neither has a session there that outlives the connection. A program that is to end waits for less."""


class Delivery:
    """Sends the messages of a mailbox in order, and those that other runs left for its broker.

    Whatever happens to the connection is said once through `logging`, and retried with a delay that doubles.
    A message whose delivery is in doubt is sent again, and so is what a broker had confirmed just before it,
    or this process, vanished.

    Args:
        address: the broker.
        mailbox: what is to be sent.
        stream: whose availability is published too; None where there is none.
        retry_s: delay before the first new attempt to connect, in seconds.
        longest_retry_s: what that delay grows to, in seconds.
        settle_s: how long subscribers are given to find a broker again that was away, in seconds; up to nine
            times as long while there are none, or while Home Assistant has not come back.
    """

    def __init__(
        self,
        address: BrokerAddress,
        mailbox: Mailbox,
        stream: StreamMessages | None = None,
        *,
        retry_s: float = 1.0,
        longest_retry_s: float = 10.0,
        settle_s: float = 2.0,
    ) -> None:
        self._address = address
        self._connector = Connector(address)
        self._mailbox = mailbox
        self._stream = stream
        self._retry_s = retry_s
        self._longest_retry_s = longest_retry_s
        self._settle_s = settle_s
        self._wake = asyncio.Event()
        self._closing = asyncio.Event()
        self._trouble: str | None = None
        self._refused = False
        self._answered = False
        self._warned: set[str] = set()
        self._patient = (
            mailbox.depth > 0
        )  # what earlier runs left: who knows how long the broker has been back
        self._was_away = False
        self._announcement: Message | None = None
        self._announced = True
        self._home_assistant: bool | None = None  # whether someone heard the announcement; None: not known
        self._online = False
        self._kept: set[str] = set()
        self._passing: Message | None = None

    @property
    def queue(self) -> QueueHealth:
        """How much waits to be published; without a stream of its own, also what it will take over."""
        box = self._mailbox
        return QueueHealth(depth=box.depth + box.left_behind, limit=box.limit, shed=box.shed)

    @property
    def status(self) -> OutputStatus:
        """Whether the broker is there and takes events, and what waits for it."""
        trouble = None
        if self._trouble is not None:
            trouble = "no connection to the broker"
        elif self._refused:
            trouble = "the broker refuses events"
        connecting = trouble is None and not self._answered
        return OutputStatus("mqtt", trouble, self.queue, connecting=connecting)

    def wake(self) -> None:
        """There is something new in the mailbox."""
        self._wake.set()

    def announce(self, message: Message) -> None:
        """Publish this now, over every new connection, and whenever Home Assistant starts."""
        self._announcement = message
        self._announced = False
        self._wake.set()

    def pass_on(self, message: Message | None) -> None:
        """Publish this when nothing else waits, unless it has been replaced by then."""
        self._passing = message
        self._wake.set()

    def close(self) -> None:
        """End `run` as soon as all is delivered, or there is no connection."""
        self._closing.set()
        self._wake.set()

    async def run(self) -> None:
        """Connect and deliver until closed and all is delivered.

        Once closed, there is one last attempt with a broker that never answered, or for which nothing waits;
        another one is waited for for as long as the caller likes.
        """
        retry_s = self._retry_s
        while True:
            last = self._closing.is_set()
            try:
                async with self._connector.connect(self._availability(OFFLINE)) as connection:
                    retry_s = self._retry_s
                    await self._session(connection)
                return
            except aiomqtt.MqttError as error:
                self._say(reason(error))
            except InputError as error:
                self._say(str(error))
            if last and not (self._answered and self._mailbox.depth):
                return
            if self._stream is None:
                await self._mailbox.look()
            await self._pause(retry_s * random.uniform(0.75, 1))
            retry_s = min(2 * retry_s, self._longest_retry_s)

    async def _pause(self, seconds: float) -> None:
        if self._closing.is_set():
            await asyncio.sleep(min(seconds, self._retry_s))
            return
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._closing.wait(), seconds)

    async def _session(self, connection: Connection) -> None:
        """Deliver over one connection until it breaks, or until closed and all is delivered."""
        await self._mailbox.doubt()  # what was confirmed just before the last one broke
        if online := self._availability(ONLINE):
            await self._publish(connection, online)
        self._announced = self._announcement is None
        self._online = False
        self._answered = True
        if self._trouble is not None:
            _log.warning("connected to %s again", self._address)
            self._trouble = None
            self._patient = self._was_away = True
        listening = asyncio.create_task(self._listen(connection))
        delivery = asyncio.create_task(self._deliver(connection))
        try:
            await asyncio.wait({delivery, listening}, return_when=asyncio.FIRST_COMPLETED)
            finished = delivery if delivery.done() else listening
            finished.result()
        finally:
            for task in (delivery, listening):
                task.cancel()
            await asyncio.gather(delivery, listening, return_exceptions=True)
            if offline := self._availability(OFFLINE):
                with contextlib.suppress(aiomqtt.MqttError):
                    await connection.publish(offline, timeout_s=_LEAVE_S)
            await take_leave(connection, self._mailbox)

    def _availability(self, payload: str) -> Message | None:
        return None if self._stream is None else self._stream.availability(payload)

    async def _listen(self, connection: Connection) -> None:
        """Hear of Home Assistant's (re)start, until the connection breaks."""
        options = self._address.options
        if options.discovery:
            with contextlib.suppress(aiomqtt.MqttError):  # where that may not be read, retained messages do
                await connection.client.subscribe(f"{options.discovery_prefix}/status", qos=1)
        async for message in connection.client.messages:
            if message.retain:
                self._kept.add(str(message.topic))
            if message.payload == ONLINE.encode():
                self._announced = self._announcement is None
                self._online = not message.retain
                self._wake.set()

    async def _deliver(self, connection: Connection) -> None:
        known = self._home_assistant
        await self._deliver_announcement(connection)
        await self._mailbox.adopt()
        if self._patient and (self._mailbox.depth or (self._was_away and known)):
            back_s = monotonic()
            await asyncio.sleep(self._settle_s)
            if self._was_away and known is not False:
                await self._await_home_assistant(connection, back_s, certain=known is True)
            await self._find_subscribers(connection, back_s)
        self._patient = self._was_away = False
        while True:
            self._wake.clear()
            await self._deliver_announcement(connection)
            if await self._deliver_batch(connection):
                if self._mailbox.depth:
                    await asyncio.sleep(BETWEEN_BATCHES_S)
            elif self._passing is not None:
                passing, self._passing = self._passing, None
                await connection.publish(passing)
            elif self._closing.is_set():
                return
            else:
                await self._rest(connection)

    async def _await_home_assistant(self, connection: Connection, back_s: float, *, certain: bool) -> None:
        """Wait until Home Assistant says that it is online, but not for ever."""
        while self._address.options.discovery and not self._online and self._may_wait(back_s, certain):
            await self._deliver_announcement(connection)
            await asyncio.sleep(_ASK_AGAIN_S)

    def _may_wait(self, back_s: float, certain: bool = False) -> bool:
        """Whether there is time for subscribers: less once closed, unless one was certainly there."""
        times = _CLOSED_PATIENCE if self._closing.is_set() and not certain else _PATIENCE
        return monotonic() < back_s + times * self._settle_s

    async def _find_subscribers(self, connection: Connection, back_s: float) -> None:
        """Send the first message, again and again until there is someone who hears it, but not for ever.

        A broker that was killed has forgotten its subscribers, and hears of them as they come back.
        """
        while batch := await self._mailbox.peek(1):
            ((number, message),) = batch
            asked_s = monotonic()
            heard = await connection.publish(message)
            if connection.client.refused:
                return  # which will be said of the whole batch
            if heard or not self._may_wait(back_s):
                await self._mailbox.confirm([number], asked_s)
                return
            await asyncio.sleep(_ASK_AGAIN_S)

    async def _deliver_announcement(self, connection: Connection) -> None:
        if self._announced or self._announcement is None:
            return
        self._announced = True
        is_new = not await self._is_kept(connection, self._announcement.topic)
        heard = await self._publish(connection, self._announcement)
        if heard or not self._patient:
            self._home_assistant = heard
        if heard and is_new:
            await asyncio.sleep(2 * self._settle_s)  # until its entities have subscribed

    async def _is_kept(self, connection: Connection, topic: str) -> bool:
        """Whether the broker keeps a message of this topic, as far as it lets us see."""
        with contextlib.suppress(aiomqtt.MqttError):
            await connection.client.subscribe(topic, qos=1)
        await connection.client.unsubscribe(topic)  # the kept message comes before the answer
        return topic in self._kept

    async def _publish(self, connection: Connection, message: Message) -> bool:
        """Publish what the broker may refuse without harm to the events, which is said then.

        Returns:
            False if the broker says that nobody has subscribed to it.
        """
        heard = await connection.publish(message)
        try:
            connection.check()
        except Refused as error:
            self._warn_once(f"{self._address}: {error}")
        return heard

    async def _deliver_batch(self, connection: Connection) -> bool:
        """Deliver what is next, and return whether there was something."""
        try:
            count = await deliver_batch(connection, self._mailbox)
            self._refused = False
            return count > 0
        except Refused as error:
            self._refused = True
            self._warn_once(f"{self._address}: {error}; events wait until that is taken")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._closing.wait(), self._longest_retry_s)
            await self._settle(connection)
            return not self._closing.is_set()

    def _warn_once(self, trouble: str) -> None:
        if trouble not in self._warned:
            self._warned.add(trouble)
            _log.warning("%s", trouble)

    async def _rest(self, connection: Connection) -> None:
        wait_s = SETTLED_AFTER_S if self._mailbox.unsettled else _LOOK_FOR_ORPHANS_S
        try:
            await asyncio.wait_for(self._wake.wait(), wait_s)
        except TimeoutError:
            await self._settle(connection)
            await self._mailbox.adopt()

    async def _settle(self, connection: Connection) -> None:
        if self._mailbox.unsettled:
            asked_s = monotonic()
            await connection.sign_of_life()
            await self._mailbox.settle(asked_s - SETTLED_AFTER_S)

    def _say(self, trouble: str) -> None:
        if trouble != self._trouble:
            _log.warning("no connection to %s (%s); events wait until there is one", self._address, trouble)
        self._trouble = trouble


async def deliver_batch(connection: Connection, mailbox: Mailbox) -> int:
    """Deliver the next messages of a mailbox, and return how many that were: 0 when it is empty.

    Raises:
        aiomqtt.MqttError: for some it is in doubt; those still wait.
        Refused: the broker does not take some of them; those still wait.
    """
    batch = await mailbox.peek(min(_IN_FLIGHT, connection.receives))
    asked_s = monotonic()
    results = await asyncio.gather(
        *(connection.publish(message) for _, message in batch), return_exceptions=True
    )
    refused = connection.client.refused
    confirmed = [
        number
        for (number, message), result in zip(batch, results, strict=True)
        if isinstance(result, bool) and message.topic not in refused
    ]
    await mailbox.confirm(confirmed, asked_s)
    connection.check()
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return len(batch)


async def take_leave(connection: Connection, mailbox: Mailbox) -> None:
    """Forget all that was confirmed, should the broker still answer, since this connection ends.

    What is kept is sent again over the next one. A broker or an outbox that does not answer holds nobody up.
    """
    if mailbox.unsettled:
        with contextlib.suppress(aiomqtt.MqttError, TimeoutError):
            asked_s = monotonic()
            await connection.sign_of_life(timeout_s=_LEAVE_S)
            await asyncio.wait_for(mailbox.settle(asked_s), _LEAVE_S)
