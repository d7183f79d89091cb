"""Delivers the messages of a mailbox, with retries while the broker is away."""

import asyncio
import contextlib
import logging
import random
from collections.abc import AsyncIterator, Iterator
from time import monotonic
from typing import Self

import aiomqtt

from streamer.errors import InputError
from streamer.events import QueueHealth
from streamer.outbox.message import Message, shown
from streamer.outbox.outbox import SETTLED_AFTER_S, Mailbox
from streamer.outputs.base import OutputStatus
from streamer.outputs.mqtt.address import BrokerAddress
from streamer.outputs.mqtt.client import INSTANCE, Answer, Connection, Connector, reason
from streamer.outputs.mqtt.delivery_state import DeliveryState
from streamer.outputs.mqtt.presence import Presence
from streamer.outputs.mqtt.topics import ONLINE, StreamMessages
from streamer.outputs.mqtt.undeliverable import Key
from streamer.tasks import keep_going

_log = logging.getLogger(__name__)

_SAY_AFTER_S = 1.0
"""Message at the end, while waiting for the broker."""
_FRUITLESS = 12
"""Connections lost in succession, after which the end of a run no longer waits for the broker."""
_IN_FLIGHT = 10
"""Most unconfirmed messages at once: a distant broker must not slow down a fast analysis."""
_BETWEEN_BATCHES_S = 0.03
"""The same for a backlog: brokers drop messages beyond a subscriber's queue (mosquitto: 1000)."""
_LOOK_FOR_ORPHANS_S = 30.0
_ASK_AGAIN_S = 0.2
_LEAVE_S = 1.0
_PATIENCE, _CLOSED_PATIENCE = 9, 4
"""Longest wait for subscribers, in units of `settle_s`: Home Assistant reconnects every 10 s, Node-RED every
15 s, and neither has a persistent session at the broker. A program that is ending waits less."""
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
        self.address = address
        self.mailbox = mailbox
        self.presence = None if stream is None else Presence(stream, INSTANCE)
        self.settle_s = settle_s
        self.state = DeliveryState(address, retry_s, longest_retry_s, patient=mailbox.depth > 0)
        self.announcement: Message | None = None
        self.passing: Message | None = None
        self.changed, self.closing = asyncio.Event(), asyncio.Event()
        self._connector = Connector(address)
        self._ended = False

    @property
    def queue(self) -> QueueHealth:
        """Number of messages that wait; without a stream, including those left by other runs."""
        box = self.mailbox
        return QueueHealth(depth=box.depth + box.left_behind, limit=box.limit, shed=box.shed)

    @property
    def status(self) -> OutputStatus:
        """Whether the broker is connected and accepts events, and how many wait."""
        return self.state.status(self.queue, ended=self._ended and not self.closing.is_set())

    def wake(self) -> None:
        """Signal a new message in the mailbox."""
        self.changed.set()

    def announce(self, message: Message) -> None:
        """Publish a message now, after every reconnection, and at every start of Home Assistant."""
        self.announcement = message
        self.changed.set()

    def pass_on(self, message: Message | None) -> None:
        """Publish a message when nothing else waits; a later call replaces it before that."""
        self.passing = message
        self.changed.set()

    def close(self) -> None:
        """End `run` as soon as everything is delivered, or there is no connection."""
        self.closing.set()
        self.changed.set()

    @contextlib.asynccontextmanager
    async def running(self, *, tells: bool) -> AsyncIterator[Self]:
        """Deliver until left, and then what still waits, for as long as the broker's options allow.

        Args:
            tells: whether to log that the end waits for the broker.
        """
        task = keep_going(self.run(), "mqtt")
        try:
            yield self
        finally:
            self.close()
            try:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self.address.options.drain_s):
                        done, _ = await asyncio.wait({task}, timeout=_SAY_AFTER_S)
                        if tells and not done:
                            said = "waiting for %s; interrupt to leave what is not sent in the outbox"
                            _log.warning(said, self.address)
                        await task
            finally:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)

    async def run(self) -> None:
        """Connect and deliver until closed and all is delivered.

        After `close`, a broker that never answered, or for which nothing waits, gets one last attempt. Others
        are retried until the caller cancels this.
        """
        try:
            while True:
                last = self.closing.is_set()
                if await self.attempt():
                    return
                if last and not (self.state.answered and self.mailbox.depth):
                    return
                with self._supervised():
                    await self.mailbox.grow_old()
                    if self.presence is None:
                        await self.mailbox.look()
                await self.pause(self.state.retry_in_s() * random.uniform(0.75, 1))
        finally:
            self._ended = True

    async def attempt(self) -> bool:
        """Connect and deliver until closed and all is delivered; reconnect whenever the connection is lost.

        Returns:
            Whether all is delivered; otherwise the connection failed.
        """
        will = None if self.presence is None else self.presence.offline
        at_once = False
        while True:
            connected, why = False, None
            with self._supervised():
                try:
                    async with self._connector.connect(will) as connection:
                        connected = True
                        self.state.connected(at_once=at_once)
                        await _Session(self, connection).run()
                        return True
                except aiomqtt.MqttError as error:
                    why = reason(error)
                except InputError as error:
                    why = str(error)
            if not connected:
                if why is not None:
                    self.state.no_connection(why)
                return False
            pause_s = self.state.lost(why)
            if self.state.lost_in_a_row > _FRUITLESS and self.closing.is_set():
                return False
            if pause_s:
                await self.pause(pause_s)
            at_once = True

    @contextlib.contextmanager
    def _supervised(self) -> Iterator[None]:
        """Log unexpected errors; the waiting messages are tried again."""
        try:
            yield
        except Exception as error:  # noqa: BLE001 - no message may wait forever
            self.state.failed(error)

    async def pause(self, seconds: float) -> None:
        """Wait until `close`; after `close`, only for a short time."""
        if self.closing.is_set():
            await asyncio.sleep(min(seconds, self.state.retry_s))
            return
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.closing.wait(), seconds)


class _Session:
    """The delivery over one connection."""

    def __init__(self, delivery: Delivery, connection: Connection) -> None:
        self._delivery, self._connection = delivery, connection
        self._mailbox, self._presence, self._state = delivery.mailbox, delivery.presence, delivery.state
        self._address, self._settle_s = delivery.address, delivery.settle_s
        self._home_assistant = f"{delivery.address.options.discovery_prefix}/status"
        self._online = False  # whether Home Assistant has announced itself since
        self._announced: Message | None = None
        self._kept: set[str] = set()  # topics with a known retained message
        self._answers: dict[str, Message] = {}  # answers to other programs of this name, by topic
        self._asked = asyncio.Event()

    async def run(self) -> None:
        """Deliver until the connection breaks, or until closed and all is delivered."""
        tasks: list[asyncio.Task[None]] = []
        try:
            await self._mailbox.doubt()  # confirmed just before the last connection broke
            await self._subscribe()
            if self._presence is not None:
                await self._publish(self._presence.online)
            self._state.greeted()
            tasks = [asyncio.create_task(work) for work in (self._deliver(), self._listen(), self._answer())]
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            next(task for task in tasks if task.done()).result()
        except Exception as error:
            fault = self._connection.hung_up or not isinstance(error, aiomqtt.MqttError)
            self._state.suspects.lost(self._state.in_flight, hung_up=fault)
            raise
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._leave()

    async def _leave(self) -> None:
        """Publish `offline`, and forget all confirmed messages, if the broker still answers.

        The others are sent again over the next connection. Time limits apply to the broker and the outbox.
        """
        if self._presence is not None:
            offline = self._presence.offline
            if self._impossible(offline.topic, offline) is None:
                with contextlib.suppress(aiomqtt.MqttError):
                    await self._connection.send(offline, timeout_s=_LEAVE_S)
        if self._mailbox.unsettled:
            with contextlib.suppress(aiomqtt.MqttError, TimeoutError):
                asked_s = monotonic()
                await self._connection.sign_of_life(timeout_s=_LEAVE_S)
                await asyncio.wait_for(self._mailbox.settle(asked_s), _LEAVE_S)

    async def _subscribe(self) -> None:
        topics: list[str] = []
        # A name that is invalid for publishing is invalid for subscribing, too.
        if self._presence and not self._connection.why_undeliverable(self._presence.introduction):
            topics += self._presence.topics
        if self._address.options.discovery:
            topics.append(self._home_assistant)
        if topics and self._state.suspects.verdict(_SUBSCRIBING, 0) is None:
            self._state.in_flight.add(_SUBSCRIBING)
            await self._connection.listen_to(*topics)
            self._state.arrived(_SUBSCRIBING, 0)

    async def _listen(self) -> None:
        """Watch for starts of Home Assistant and programs of the same name, until the connection breaks."""
        async for message in self._connection.messages:
            topic, payload = str(message.topic), bytes(message.payload or b"").decode("utf-8", "replace")
            if message.retain:
                self._kept.add(topic)
            if topic == self._home_assistant:
                if payload == ONLINE:
                    self._announced = None
                    self._online = not message.retain
                    self._delivery.changed.set()
            elif self._presence is not None:
                answer, stranger = self._presence.hear(topic, payload, retained=message.retain)
                if stranger:
                    self._state.warn_once(
                        f"another program publishes as {shown(self._presence.name)} to {self._address}:"
                        " give one of them another --stream"
                    )
                if answer is not None:
                    self._answers[answer.topic] = answer
                    self._asked.set()

    async def _answer(self) -> None:
        """Answer other programs that publish under this name, once, after a delay."""
        while await self._asked.wait():
            await asyncio.sleep(_PUT_RIGHT_S)
            self._asked.clear()
            answers, self._answers = self._answers, {}
            for answer in answers.values():
                await self._publish(answer)

    async def _deliver(self) -> None:
        state, delivery = self._state, self._delivery
        known = state.home_assistant
        await self._announce()
        await self._mailbox.adopt()
        if state.patient and (self._mailbox.depth or (state.was_away and known)):
            back_s = monotonic()
            await asyncio.sleep(self._settle_s)
            if state.was_away and known is not False:
                await self._await_home_assistant(back_s, certain=known is True)
            await self._find_subscribers(back_s)
        state.patient = state.was_away = False
        while True:
            delivery.changed.clear()
            await self._announce()
            if await self._deliver_batch():
                if self._mailbox.depth:
                    await asyncio.sleep(_BETWEEN_BATCHES_S)
            elif delivery.passing is not None:
                passing, delivery.passing = delivery.passing, None
                await self._publish(passing)
            elif delivery.closing.is_set() and not self._mailbox.depth:
                return
            else:
                await self._rest()

    async def _await_home_assistant(self, back_s: float, *, certain: bool) -> None:
        """Wait until Home Assistant is online, up to a time limit."""
        while self._address.options.discovery and not self._online and self._may_wait(back_s, certain):
            await self._announce()
            await asyncio.sleep(_ASK_AGAIN_S)

    def _may_wait(self, back_s: float, certain: bool = False) -> bool:
        """Whether there is time to wait for subscribers: less after `close`, unless one certainly exists."""
        times = _CLOSED_PATIENCE if self._delivery.closing.is_set() and not certain else _PATIENCE
        return monotonic() < back_s + times * self._settle_s

    async def _find_subscribers(self, back_s: float) -> None:
        """Send the first message repeatedly until it has a subscriber, up to a time limit.

        A broker that was killed has forgotten its subscribers until they reconnect.
        """
        while batch := await self._mailbox.peek(1):
            ((number, message),) = batch
            if self._impossible(number, message):
                return  # handled with the batch
            asked_s = monotonic()
            answer = await self._send(number, message)
            if answer.refused:
                return
            if answer.heard or not self._may_wait(back_s):
                await self._mailbox.confirm([number], asked_s)
                return
            await asyncio.sleep(_ASK_AGAIN_S)

    async def _announce(self) -> None:
        announcement = self._delivery.announcement
        if announcement is None or announcement is self._announced:
            return
        self._announced = announcement
        is_new = not await self._is_kept(announcement)
        heard = await self._publish(announcement)
        if heard or not self._state.patient:
            self._state.home_assistant = heard
        if heard and is_new:
            await asyncio.sleep(2 * self._settle_s)  # time for its entities to subscribe

    async def _is_kept(self, message: Message) -> bool:
        """Whether the broker has a retained message of this topic, as far as we may read it."""
        if self._impossible(message.topic, message) is None:
            await self._connection.listen_to(message.topic)
            await self._connection.unsubscribe(message.topic)  # the retained message comes before the answer
        return message.topic in self._kept

    async def _publish(self, message: Message) -> bool:
        """Publish a message that is not in the outbox; log it if the broker cannot accept it.

        Returns:
            Whether the topic has a subscriber, as far as is known.
        """
        heard = False
        why = self._impossible(message.topic, message)
        if why is None:
            answer = await self._send(message.topic, message)
            heard, why = answer.heard and not answer.refused, answer.said if answer.refused else None
        if why is not None:
            self._state.warn_once(f"{self._address}: {shown(message.topic)} is refused: {why}")
        return heard

    def _impossible(self, key: Key, message: Message) -> str | None:
        """Why a message cannot be published; None if it may be tried."""
        return self._connection.why_undeliverable(message) or self._state.suspects.verdict(
            key, self._connection.size(message)
        )

    async def _send(self, key: Key, message: Message) -> Answer:
        """Publish, and record what is unconfirmed in case the connection is lost."""
        self._state.in_flight.add(key)
        try:
            answer = await self._connection.send(message)
        except aiomqtt.MqttError:
            if self._state.in_flight == {key} and not self._connection.hung_up:
                await self._connection.sign_of_life()
                self._state.suspects.ignored(key)
            raise
        if not message.qos and self._state.lost_in_a_row:  # no answer reveals that the broker hung up
            await self._connection.sign_of_life()
        self._state.arrived(key, self._connection.size(message))
        return answer

    async def _deliver_batch(self) -> bool:
        """Deliver the next messages; return whether any could be tried."""
        batch, seen_to = [], False
        at_once = 1 if self._state.suspects.careful else min(_IN_FLIGHT, self._connection.receives)
        for number, message in await self._mailbox.peek(at_once):
            if await self._set_aside(number, message):
                seen_to = True
            elif not message.refused or monotonic() >= self._state.try_refused_s:
                batch.append((number, message))
        if not self._mailbox.depth:
            self._state.suspects.nothing_waits()
        if not batch:
            return seen_to
        asked_s = monotonic()
        answers = await asyncio.gather(
            *(self._send(number, message) for number, message in batch), return_exceptions=True
        )
        confirmed, refused = [], []
        for (number, message), answer in zip(batch, answers, strict=True):
            if isinstance(answer, Answer) and answer.refused:
                refused.append((number, message, answer))
            elif isinstance(answer, Answer):
                confirmed.append(number)
        if confirmed:
            self._state.lasts()
            await self._mailbox.confirm(confirmed, asked_s)
        self._state.refuses = bool(refused)
        await self._see_to_refused(refused)
        for answer in answers:
            if isinstance(answer, BaseException):
                raise answer
        return True

    async def _set_aside(self, number: int, message: Message) -> bool:
        """Set aside a message that cannot be published; False if it can."""
        if why := self._connection.why_undeliverable(message):
            await self._mailbox.set_aside(number, message, why)
            return True
        suspects, size = self._state.suspects, self._connection.size(message)
        if (why := suspects.verdict(number, size)) is None:
            return False
        if self._mailbox.depth > 1 and not suspects.alone(number):
            suspects.spare(number)  # perhaps the broker accepts none: try the others first
            await self._mailbox.refuse([number])
            return True
        await self._mailbox.set_aside(number, message, why)
        if suspects.condemn(number, size):
            self._state.lost_in_a_row = 0
            await self._delivery.pause(self._state.retry_s)
        return True

    async def _see_to_refused(self, refused: list[tuple[int, Message, Answer]]) -> None:
        """Move refused messages behind all others; set aside those refused too often."""
        waiting = []
        for number, message, answer in refused:
            if why := self._state.refused(message, answer, monotonic()):
                await self._mailbox.set_aside(number, message, why)
            else:
                waiting.append(number)
        if waiting:
            await self._mailbox.refuse(waiting)

    async def _rest(self) -> None:
        """Wait until there is something to do."""
        wait_s = SETTLED_AFTER_S if self._mailbox.unsettled else _LOOK_FOR_ORPHANS_S
        if self._mailbox.depth:  # refused messages wait
            wait_s = min(wait_s, max(self._state.try_refused_s - monotonic(), 0))
        try:
            await asyncio.wait_for(self._delivery.changed.wait(), wait_s)
        except TimeoutError:
            if self._mailbox.unsettled:
                asked_s = monotonic()
                await self._connection.sign_of_life()
                await self._mailbox.settle(asked_s - SETTLED_AFTER_S)
            await self._mailbox.adopt()
            if not self._mailbox.depth:
                self._state.lasts()
