"""Delivers the messages of a mailbox, with retries while the broker is away."""

import asyncio
import contextlib
import logging
import random
from collections.abc import Iterator
from time import monotonic

import aiomqtt

from streamer.errors import InputError
from streamer.events import QueueHealth
from streamer.outputs.base import OutputStatus
from streamer.outputs.mqtt.address import BrokerAddress
from streamer.outputs.mqtt.client import INSTANCE, Answer, Connection, Connector, reason
from streamer.outputs.mqtt.presence import Presence
from streamer.outputs.mqtt.topics import ONLINE, StreamMessages
from streamer.outputs.mqtt.undeliverable import Key, SuspectedMessages, tries
from streamer.outputs.outbox.message import Message, shown
from streamer.outputs.outbox.outbox import SETTLED_AFTER_S, Mailbox

_log = logging.getLogger(__name__)

_IN_FLIGHT = 10
"""Most unconfirmed messages at once: a distant broker must not slow down a fast analysis."""
BETWEEN_BATCHES_S = 0.03
"""The same for a backlog: brokers drop messages beyond a subscriber's queue (mosquitto: 1000)."""
_LOOK_FOR_ORPHANS_S = 30.0
_ASK_AGAIN_S = 0.2
_LEAVE_S = 1.0
_PATIENCE, _CLOSED_PATIENCE = 9, 4
"""Longest wait for subscribers, in units of `settle_s`: Home Assistant reconnects every 10 s, Node-RED every
15 s, and neither has a persistent session at the broker. A program that is ending waits less."""
_AT_ONCE = 6
"""Connections lost in succession, with no progress between, after which the next attempt is delayed."""
_FRUITLESS = 12
"""The same, after which the end of a run no longer waits for the broker."""
_PUT_RIGHT_S = 0.5
"""Delay before answering another program of the same name: one answer for several messages."""
_SUBSCRIBING = "what it would subscribe to"


class Delivery:
    """Sends the messages of a mailbox in order, and messages that other runs left for the same broker.

    A connection error is logged once, and retried with a delay that doubles. A message is sent again if its
    delivery is uncertain: also if the broker, or this process, vanished just after its confirmation. A
    message that cannot be delivered is set aside (`undeliverable`).

    Args:
        address: the broker.
        mailbox: the messages to send.
        stream: the stream whose availability is published, or None.
        retry_s: delay before the first retry, in seconds.
        longest_retry_s: longest delay before a retry, in seconds.
        settle_s: time for subscribers to reconnect to a broker that was away, in seconds; up to nine times as
            long while there are none, or while Home Assistant has not reconnected.
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
        self._presence = None if stream is None else Presence(stream, INSTANCE)
        self._name = "" if stream is None else stream.base
        self._retry_s = self._next_retry_s = retry_s
        self._longest_retry_s = longest_retry_s
        self._settle_s = settle_s
        self._wake = asyncio.Event()
        self._closing = asyncio.Event()
        self._trouble: str | None = None
        self._failing = False
        self._ended = False
        self._refused = False
        self._try_refused_s = 0.0
        self._answered = False
        self._warned: set[str] = set()
        self._patient = mailbox.depth > 0  # left by earlier runs: the broker may have just come back
        self._suspicions = SuspectedMessages()
        self._on_their_way: set[Key] = set()
        self._lost_in_a_row = 0
        self._was_away = False
        self._announcement: Message | None = None
        self._announced = True
        self._home_assistant: bool | None = None  # whether the announcement had a subscriber; None: unknown
        self._online = False
        self._kept: set[str] = set()
        self._passing: Message | None = None
        self._answers: dict[str, Message] = {}
        self._asked = asyncio.Event()

    @property
    def queue(self) -> QueueHealth:
        """Number of messages that wait; without a stream, including those left by other runs."""
        box = self._mailbox
        return QueueHealth(depth=box.depth + box.left_behind, limit=box.limit, shed=box.shed)

    @property
    def status(self) -> OutputStatus:
        """Whether the broker is connected and accepts events, and how many wait."""
        trouble = None
        if self._ended and not self._closing.is_set():
            trouble = "delivery has stopped"
        elif self._failing:
            trouble = "delivery fails"
        elif self._trouble is not None:
            trouble = "no connection to the broker"
        elif self._refused:
            trouble = "the broker refuses events"
        connecting = trouble is None and not self._answered
        return OutputStatus("mqtt", trouble, self.queue, connecting=connecting)

    @property
    def trouble(self) -> str | None:
        """Why there is no connection; None if there is one, or the reason is not known yet."""
        return self._trouble

    def wake(self) -> None:
        """Signal a new message in the mailbox."""
        self._wake.set()

    def announce(self, message: Message) -> None:
        """Publish a message now, after every reconnection, and at every start of Home Assistant."""
        self._announcement = message
        self._announced = False
        self._wake.set()

    def pass_on(self, message: Message | None) -> None:
        """Publish a message when nothing else waits; a later call replaces it before that."""
        self._passing = message
        self._wake.set()

    def close(self) -> None:
        """End `run` as soon as everything is delivered, or there is no connection."""
        self._closing.set()
        self._wake.set()

    async def run(self) -> None:
        """Connect and deliver until closed and all is delivered.

        After `close`, a broker that never answered, or for which nothing waits, gets one last attempt. Others
        are retried until the caller cancels this.
        """
        try:
            while True:
                last = self._closing.is_set()
                if await self.attempt():
                    return
                if last and not (self._answered and self._mailbox.depth):
                    return
                with self._supervised():
                    await self._mailbox.grow_old()
                    if self._presence is None:
                        await self._mailbox.look()
                await self._pause(self._next_retry_s * random.uniform(0.75, 1))
                self._next_retry_s = min(2 * self._next_retry_s, self._longest_retry_s)
        finally:
            self._ended = True

    async def attempt(self) -> bool:
        """Connect and deliver until closed and all is delivered; reconnect whenever the connection is lost.

        Returns:
            Whether all is delivered; otherwise the connection failed.
        """
        at_once = False
        while True:
            connected = False
            why = None
            with self._supervised():
                try:
                    will = None if self._presence is None else self._presence.offline
                    async with self._connector.connect(will) as connection:
                        connected = True
                        self._next_retry_s = self._retry_s
                        by_a_message = self._suspicions.connected(at_once=at_once)
                        if at_once:
                            self._patient = self._was_away = not by_a_message
                        await self._session(connection)
                        return True
                except aiomqtt.MqttError as error:
                    why = reason(error)
                except InputError as error:
                    why = str(error)
            if not connected:
                if why is not None:
                    self._say(why)
                return False
            self._lost_in_a_row += 1
            if self._lost_in_a_row > _FRUITLESS and self._closing.is_set():
                return False
            if self._lost_in_a_row > _AT_ONCE:
                self._say(why or "it fails")
                doubled_s = self._retry_s * 2 ** min(self._lost_in_a_row - _AT_ONCE, 10)
                await self._pause(min(doubled_s, self._longest_retry_s))
            at_once = True

    @contextlib.contextmanager
    def _supervised(self) -> Iterator[None]:
        """Log unexpected errors; the waiting messages are tried again."""
        try:
            yield
        except Exception as error:  # noqa: BLE001 - no message may wait forever
            self._failing = True
            said = " ".join(f"{type(error).__name__}: {error}".split())
            self._warn_once(f"delivery to {self._address} failed ({said}); it is tried again")

    async def _pause(self, seconds: float) -> None:
        if self._closing.is_set():
            await asyncio.sleep(min(seconds, self._retry_s))
            return
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._closing.wait(), seconds)

    async def _session(self, connection: Connection) -> None:
        """Deliver over one connection until it breaks, or until closed and all is delivered."""
        self._on_their_way.clear()
        self._kept.clear()
        self._online = False
        tasks: list[asyncio.Task[None]] = []
        try:
            await self._mailbox.doubt()  # confirmed just before the last connection broke
            await self._subscribe(connection)
            if self._presence is not None:
                await self._publish(connection, self._presence.online)
            self._announced = self._announcement is None
            self._answered = True
            if self._trouble is not None:
                self._patient = self._was_away = True
            if self._lost_in_a_row <= _AT_ONCE:
                self._say_well()
            tasks = [
                asyncio.create_task(self._deliver(connection)),
                asyncio.create_task(self._listen(connection)),
                asyncio.create_task(self._answer(connection)),
            ]
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            next(task for task in tasks if task.done()).result()
        except Exception as error:
            fault = connection.hung_up or not isinstance(error, aiomqtt.MqttError)
            self._suspicions.lost(self._on_their_way, hung_up=fault)
            raise
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            if self._presence is not None and not self._impossible(
                connection, self._presence.offline.topic, self._presence.offline
            ):
                with contextlib.suppress(aiomqtt.MqttError):
                    await connection.publish(self._presence.offline, timeout_s=_LEAVE_S)
            await take_leave(connection, self._mailbox)

    async def _subscribe(self, connection: Connection) -> None:
        topics = [] if self._presence is None else list(self._presence.topics)
        if self._presence is not None and connection.why_undeliverable(self._presence.introduction):
            topics.clear()  # cannot be subscribed to either
        if self._address.options.discovery:
            topics.append(f"{self._address.options.discovery_prefix}/status")
        if topics and self._suspicions.verdict(_SUBSCRIBING, 0) is None:
            self._on_their_way.add(_SUBSCRIBING)
            await connection.subscribe(*topics)
            self._arrived(_SUBSCRIBING, 0)

    async def _listen(self, connection: Connection) -> None:
        """Watch for starts of Home Assistant and programs of the same name, until the connection breaks."""
        async for message in connection.client.messages:
            topic, payload = str(message.topic), bytes(message.payload or b"").decode("utf-8", "replace")
            if message.retain:
                self._kept.add(topic)
            if topic == f"{self._address.options.discovery_prefix}/status":
                if payload == ONLINE:
                    self._announced = self._announcement is None
                    self._online = not message.retain
                    self._wake.set()
            elif self._presence is not None:
                answer, stranger = self._presence.hear(topic, payload, retained=message.retain)
                if stranger:
                    self._warn_once(
                        f"another program publishes as {shown(self._name)} to {self._address}:"
                        " give one of them another --stream"
                    )
                if answer is not None:
                    self._answers[answer.topic] = answer
                    self._asked.set()

    async def _answer(self, connection: Connection) -> None:
        """Answer other programs that publish under this name, once, after a delay."""
        while await self._asked.wait():
            await asyncio.sleep(_PUT_RIGHT_S)
            self._asked.clear()
            answers, self._answers = self._answers, {}
            for answer in answers.values():
                await self._publish(connection, answer)

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
                await self._publish(connection, passing)
            elif self._closing.is_set() and not self._mailbox.depth:
                return
            else:
                await self._rest(connection)

    async def _await_home_assistant(self, connection: Connection, back_s: float, *, certain: bool) -> None:
        """Wait until Home Assistant is online, up to a time limit."""
        while self._address.options.discovery and not self._online and self._may_wait(back_s, certain):
            await self._deliver_announcement(connection)
            await asyncio.sleep(_ASK_AGAIN_S)

    def _may_wait(self, back_s: float, certain: bool = False) -> bool:
        """Whether there is time to wait for subscribers: less after `close`, unless one certainly exists."""
        times = _CLOSED_PATIENCE if self._closing.is_set() and not certain else _PATIENCE
        return monotonic() < back_s + times * self._settle_s

    async def _find_subscribers(self, connection: Connection, back_s: float) -> None:
        """Send the first message repeatedly until it has a subscriber, up to a time limit.

        A broker that was killed has forgotten its subscribers until they reconnect.
        """
        while batch := await self._mailbox.peek(1):
            ((number, message),) = batch
            if self._impossible(connection, number, message):
                return  # handled with the batch
            asked_s = monotonic()
            answer = await self._send(connection, number, message)
            if answer.refused:
                return
            if answer.heard or not self._may_wait(back_s):
                await self._mailbox.confirm([number], asked_s)
                return
            await asyncio.sleep(_ASK_AGAIN_S)

    async def _deliver_announcement(self, connection: Connection) -> None:
        if self._announced or self._announcement is None:
            return
        self._announced = True
        is_new = not await self._is_kept(connection, self._announcement)
        heard = await self._publish(connection, self._announcement)
        if heard or not self._patient:
            self._home_assistant = heard
        if heard and is_new:
            await asyncio.sleep(2 * self._settle_s)  # time for its entities to subscribe

    async def _is_kept(self, connection: Connection, message: Message) -> bool:
        """Whether the broker has a retained message of this topic, as far as we may read it."""
        if self._impossible(connection, message.topic, message) is None:
            await connection.subscribe(message.topic)
            await connection.client.unsubscribe(message.topic)  # the retained message comes before the answer
        return message.topic in self._kept

    async def _publish(self, connection: Connection, message: Message) -> bool:
        """Publish a message that is not in the outbox; log it if the broker cannot accept it.

        Returns:
            Whether the topic has a subscriber, as far as is known.
        """
        heard = False
        why = self._impossible(connection, message.topic, message)
        if why is None:
            answer = await self._send(connection, message.topic, message)
            heard, why = answer.heard and not answer.refused, answer.said if answer.refused else None
        if why is not None:
            self._warn_once(f"{self._address}: {shown(message.topic)} is refused: {why}")
        return heard

    def _impossible(self, connection: Connection, key: Key, message: Message) -> str | None:
        """Why a message cannot be published; None if it may be tried."""
        return connection.why_undeliverable(message) or self._suspicions.verdict(
            key, connection.size(message)
        )

    async def _send(self, connection: Connection, key: Key, message: Message) -> Answer:
        """Publish, and record what is unconfirmed in case the connection is lost."""
        self._on_their_way.add(key)
        try:
            answer = await connection.publish(message)
        except aiomqtt.MqttError:
            if self._on_their_way == {key} and not connection.hung_up:
                await connection.sign_of_life()
                self._suspicions.ignored(key)
            raise
        if not message.qos and self._lost_in_a_row:  # no answer would reveal that the broker hung up on it
            await connection.sign_of_life()
        self._arrived(key, connection.size(message))
        return answer

    def _arrived(self, key: Key, size: int) -> None:
        self._on_their_way.discard(key)
        self._suspicions.taken(key, size)

    async def _deliver_batch(self, connection: Connection) -> bool:
        """Deliver the next messages; return whether any could be tried."""
        batch, seen_to = [], False
        for number, message in await self._mailbox.peek(self._at_once(connection)):
            if why := connection.why_undeliverable(message):
                await self._mailbox.set_aside(number, message, why)
                seen_to = True
            elif why := self._suspicions.verdict(number, size := connection.size(message)):
                seen_to = True
                if self._mailbox.depth > 1 and not self._suspicions.alone(number):
                    self._suspicions.spare(number)  # perhaps the broker accepts none: try the others first
                    await self._mailbox.refuse([number])
                    continue
                await self._mailbox.set_aside(number, message, why)
                if self._suspicions.condemn(number, size):
                    self._lost_in_a_row = 0
                    await self._pause(self._retry_s)
            elif not message.refused or monotonic() >= self._try_refused_s:
                batch.append((number, message))
        if not self._mailbox.depth:
            self._suspicions.nothing_waits()
        if not batch:
            return seen_to
        asked_s = monotonic()
        answers = await asyncio.gather(
            *(self._send(connection, number, message) for number, message in batch), return_exceptions=True
        )
        answered = [
            (number, message, answer)
            for (number, message), answer in zip(batch, answers, strict=True)
            if isinstance(answer, Answer)
        ]
        if confirmed := [number for number, _, answer in answered if not answer.refused]:
            self._lasts()
            await self._mailbox.confirm(confirmed, asked_s)
        refused = [(number, message, answer) for number, message, answer in answered if answer.refused]
        self._refused = bool(refused)
        await self._see_to_refused(refused)
        for answer in answers:
            if isinstance(answer, BaseException):
                raise answer
        return True

    def _at_once(self, connection: Connection) -> int:
        return 1 if self._suspicions.careful else min(_IN_FLIGHT, connection.receives)

    async def _see_to_refused(self, refused: "list[tuple[int, Message, Answer]]") -> None:
        """Move refused messages behind all others, with growing delays; set aside those refused too often."""
        waiting = []
        for number, message, answer in refused:
            if message.refused + 1 >= tries(answer.code):
                await self._mailbox.set_aside(number, message, f"the broker refuses it: {answer.said}")
                continue
            waiting.append(number)
            pause_s = min(self._retry_s * 2**message.refused, self._longest_retry_s)
            self._try_refused_s = monotonic() + pause_s
            said = f"{shown(message.topic)} is refused: {answer.said}"
            self._warn_once(f"{self._address}: {said}; events wait until that is taken")
        if waiting:
            await self._mailbox.refuse(waiting)

    def _warn_once(self, trouble: str) -> None:
        if trouble not in self._warned:
            self._warned.add(trouble)
            _log.warning("%s", trouble)

    async def _rest(self, connection: Connection) -> None:
        """Wait until there is something to do."""
        wait_s = SETTLED_AFTER_S if self._mailbox.unsettled else _LOOK_FOR_ORPHANS_S
        if self._mailbox.depth:  # refused messages wait
            wait_s = min(wait_s, max(self._try_refused_s - monotonic(), 0))
        try:
            await asyncio.wait_for(self._wake.wait(), wait_s)
        except TimeoutError:
            await self._settle(connection)
            await self._mailbox.adopt()
            if not self._mailbox.depth:
                self._lasts()

    async def _settle(self, connection: Connection) -> None:
        if self._mailbox.unsettled:
            asked_s = monotonic()
            await connection.sign_of_life()
            await self._mailbox.settle(asked_s - SETTLED_AFTER_S)

    def _lasts(self) -> None:
        """Record that the connection made progress."""
        self._lost_in_a_row, self._failing = 0, False
        self._say_well()

    def _say_well(self) -> None:
        if self._trouble is not None:
            _log.warning("connected to %s again", self._address)
            self._trouble = None

    def _say(self, trouble: str) -> None:
        self._failing = False
        if trouble != self._trouble:
            _log.warning("no connection to %s (%s); events wait until there is one", self._address, trouble)
        self._trouble = trouble


async def take_leave(connection: Connection, mailbox: Mailbox) -> None:
    """Before a connection ends, forget all confirmed messages, if the broker still answers.

    The others are sent again over the next connection. Time limits apply to the broker and the outbox.
    """
    if mailbox.unsettled:
        with contextlib.suppress(aiomqtt.MqttError, TimeoutError):
            asked_s = monotonic()
            await connection.sign_of_life(timeout_s=_LEAVE_S)
            await asyncio.wait_for(mailbox.settle(asked_s), _LEAVE_S)
