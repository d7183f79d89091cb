"""Which messages no broker takes, how large a packet is, and which one a broker hangs up on."""

import random
from typing import Any

import pytest
from aiomqtt import ProtocolVersion
from hypothesis import given
from hypothesis import strategies as st
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from streamer.outbox.message import Message
from streamer.outputs.mqtt.client import Connection, _properties
from streamer.outputs.mqtt.undeliverable import (
    LARGEST,
    SuspectedMessages,
    packet_bytes,
    tries,
    why_undeliverable,
)

FIT = [
    Message("a", "", qos=1),
    Message("ä" * 32_767, "x", qos=1),
    Message("a/b", "\0", qos=0),
    Message("$x", "x" * 100_000, qos=1),
]
MISFITS = [
    (Message("", "x", qos=1), "topic"),
    (Message("a" * 65_536, "x", qos=1), "65,536 bytes"),
    (Message("ä" * 32_768, "x", qos=1), "65,536 bytes"),
    (Message("a\0b", "x", qos=1), "topic"),
    (Message("a/+", "x", qos=1), "topic"),
    (Message("a/#", "x", qos=1), "topic"),
    (Message("a\ud800", "x", qos=1), "topic is no UTF-8"),
    (Message("a", "\udcff", qos=1), "payload is no UTF-8"),
    (Message("a", "x" * (LARGEST + 1), qos=1), "payload is longer"),
    (Message("a", "x", qos=1, id="x" * 65_536), "id is longer"),
    (Message("a", None, qos=1), "payload is no text"),  # type: ignore[arg-type]
]


@pytest.mark.parametrize("message", FIT)
def test_what_can_be_sent(message: Message) -> None:
    assert why_undeliverable(message) is None


@pytest.mark.parametrize(("message", "why"), MISFITS)
def test_what_can_t_be_sent(message: Message, why: str) -> None:
    said = why_undeliverable(message)
    assert said is not None
    assert why in said


@pytest.mark.slow
@given(
    st.text(st.characters(codec="utf-8", exclude_characters="+#\0"), min_size=1, max_size=300),
    st.text(st.characters(codec="utf-8"), max_size=20_000),
    st.sampled_from([0, 1]),
    st.none() | st.text(st.characters(codec="utf-8"), max_size=40),
    st.sampled_from([ProtocolVersion.V311, ProtocolVersion.V5]),
)
def test_a_packet_is_as_large_as_paho_makes_it(
    topic: str, payload: str, qos: int, event: str | None, version: ProtocolVersion
) -> None:
    message = Message(topic, payload, qos, id=event)
    paho: Any = Client(CallbackAPIVersion.VERSION2, protocol=version.value)
    packets: list[bytes] = []
    paho._packet_queue = lambda _, packet, *__: packets.append(packet)
    paho._sock = True
    properties = _properties(message, version)
    paho._send_publish(1, topic.encode(), payload.encode(), qos, False, False, None, properties)
    paho._sock = None
    beside = b"" if properties is None else properties.pack()  # type: ignore[no-untyped-call]
    assert packet_bytes(message, len(beside)) == len(packets[0])


async def test_a_broker_s_own_limit_is_kept_to_the_byte() -> None:
    connection = Connection("127.0.0.1", protocol=ProtocolVersion.V5)
    message = Message("a", "x" * 100, qos=1, id="S-1")
    assert connection.why_undeliverable(message) is None
    for largest in range(1, 300):
        connection.largest = largest
        if connection.why_undeliverable(message) is None:
            break
    connection.largest = largest - 1
    assert f"{largest} bytes of {largest - 1}" in str(connection.why_undeliverable(message))
    assert 110 < largest < 160


class Broker:
    """Hangs up on certain messages, and on others by chance."""

    def __init__(self, bad: set[int], seed: int, restarts: float = 0.0) -> None:
        self.bad, self._random, self._restarts = bad, random.Random(seed), restarts

    def takes(self, batch: list[int]) -> tuple[list[int], bool]:
        """Those that it confirms, and whether it hangs up then."""
        for place, number in enumerate(batch):
            if number in self.bad or self._random.random() < self._restarts:
                return batch[:place], True
        return batch, False


@given(st.sets(st.integers(0, 60)), st.integers(1, 10), st.integers(0, 999))
def test_the_messages_a_broker_hangs_up_on_are_found_and_no_others(
    bad: set[int], at_once: int, seed: int
) -> None:
    broker, suspicions = Broker(bad, seed), SuspectedMessages()
    waiting, aside, hangups = list(range(61)), set(), 0
    while waiting:
        batch = waiting[: 1 if suspicions.careful else at_once]
        if hopeless := {number for number in batch if suspicions.verdict(number, 0)}:
            assert all(suspicions.condemn(number, 0) for number in hopeless)
            aside |= hopeless
            waiting = [number for number in waiting if number not in hopeless]
            continue
        taken, lost = broker.takes(batch)
        for number in taken:
            suspicions.taken(number, 0)
            waiting.remove(number)
        if lost:
            hangups += 1
            suspicions.lost([number for number in batch if number not in taken], hung_up=True)
            suspicions.connected(at_once=True)
    assert aside == bad
    assert hangups <= 3 * len(bad)


@given(st.integers(0, 999))
def test_a_broker_that_dies_again_and_again_takes_all_in_the_end(seed: int) -> None:
    broker, suspicions = Broker(set(), seed, restarts=0.02), SuspectedMessages()
    waiting = list(range(200))
    while waiting:
        batch = waiting[: 1 if suspicions.careful else 10]
        assert not any(suspicions.verdict(number, 0) for number in batch)
        taken, lost = broker.takes(batch)
        for number in taken:
            suspicions.taken(number, 0)
            waiting.remove(number)
        if lost:
            suspicions.lost([number for number in batch if number not in taken], hung_up=True)
            suspicions.connected(at_once=False)


def condemn(suspicions: SuspectedMessages, key: int, size: int) -> None:
    for _ in range(2):
        suspicions.lost([key], hung_up=True)
        assert suspicions.connected(at_once=True)
    assert suspicions.verdict(key, size) is not None
    assert suspicions.condemn(key, size)


def test_two_messages_tell_what_is_too_large_until_one_is_taken() -> None:
    suspicions = SuspectedMessages()
    suspicions.taken(1, 300)
    condemn(suspicions, 2, 1000)
    assert suspicions.verdict(3, 5000) is None
    condemn(suspicions, 3, 900)
    assert "900 bytes" in str(suspicions.verdict(4, 900))
    assert suspicions.verdict(4, 899) is None
    suspicions.taken(4, 900)
    assert suspicions.verdict(5, 5000) is None, "so it was not their size"


def test_a_broker_that_takes_nothing_at_all_condemns_none() -> None:
    suspicions = SuspectedMessages()
    for key in (1, 2):
        for _ in range(2):
            suspicions.lost([key], hung_up=True)
            suspicions.connected(at_once=True)
        assert not suspicions.alone(key)
    suspicions.taken(3, 0)
    assert not suspicions.alone(1), "a subscription is no message"
    suspicions.taken(4, 10)
    assert suspicions.alone(1)
    suspicions.spare(2)
    assert suspicions.verdict(2, 0) is None


def test_what_is_never_confirmed_while_all_else_is_answered_is_found() -> None:
    suspicions = SuspectedMessages()
    for _ in range(3):
        assert suspicions.verdict(1, 0) is None
        suspicions.ignored(1)
        suspicions.lost([1], hung_up=False)
        assert not suspicions.connected(at_once=True)
    assert suspicions.verdict(1, 0) is not None


def test_a_connection_that_breaks_by_itself_says_nothing_of_a_message() -> None:
    suspicions = SuspectedMessages()
    for _ in range(9):
        suspicions.lost([1], hung_up=False)
        suspicions.connected(at_once=True)
    assert suspicions.verdict(1, 0) is None
    assert suspicions.careful
    suspicions.nothing_waits()
    assert not suspicions.careful


def test_what_is_invalid_is_not_tried_again_and_a_quota_is_waited_for() -> None:
    assert tries(0x90) == tries(0x99) == 1
    assert tries(0x87) == 3
    assert tries(0x97) > 10
