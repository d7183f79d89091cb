"""Bad messages, rude brokers, two programs of one name: all else is delivered."""

import asyncio
import json
import logging
import signal
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing, suppress
from pathlib import Path

import pytest

from streamer.outbox.database import Aside
from streamer.outbox.message import Message
from streamer.outbox.outbox import Outbox
from streamer.outputs.mqtt.address import BrokerAddress
from streamer.outputs.mqtt.client import Connector
from streamer.outputs.mqtt.delivery import Delivery
from streamer.outputs.mqtt.leftovers import send_leftovers
from streamer.outputs.mqtt.output import Mqtt
from streamer.settings.broker import BrokerSettings, Protocol
from streamer.settings.outbox import OutboxSettings
from tests.mosquitto import Mosquitto
from tests.streamer.outputs.mqtt.test_output import becomes, delivered, kept, kitchen, run_child, subscriber
from tests.streamer.outputs.samples import Sample

TOPIC = "merits/kitchen/turn"


class Broker:
    """As much of MQTT 3.1.1 as it takes to be published to, with a mind of its own.

    Args:
        hangs_up: on which messages (topic and payload): it closes the connection, says nothing, and is there.
        ignores: which it never confirms.
        leaves: whether it closes each connection as soon as it is asked for anything.

    Attributes:
        taken: what it has confirmed.
        connections: how many there were.
    """

    def __init__(
        self,
        hangs_up: Callable[[bytes], bool],
        ignores: Callable[[bytes], bool] = lambda _: False,
        *,
        leaves: bool = False,
    ) -> None:
        self._hangs_up, self._ignores, self._leaves = hangs_up, ignores, leaves
        self.taken: list[bytes] = []
        self.connections = 0
        self._writers: list[asyncio.StreamWriter] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.append(writer)
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            await self._answer(reader, writer)
        writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while first := await reader.read(1):
            length = shift = 0
            while (byte := (await reader.readexactly(1))[0]) & 0x80:
                length, shift = length | (byte & 0x7F) << shift, shift + 7
            packet = await reader.readexactly(length | byte << shift)
            match first[0] >> 4:
                case kind if self._leaves and kind != 1:
                    break
                case 1:
                    writer.write(bytes([0x20, 2, 0, 0]))
                case 3:
                    after_topic = 2 + int.from_bytes(packet[:2])
                    acknowledged = first[0] & 0x06
                    message = (
                        packet[2:after_topic] + b" " + packet[after_topic + (2 if acknowledged else 0) :]
                    )
                    if self._hangs_up(message):
                        break
                    if not self._ignores(message) and acknowledged:
                        self.taken.append(message)
                        writer.write(bytes([0x40, 2]) + packet[after_topic : after_topic + 2])
                case 8:
                    writer.write(bytes([0x90, 3]) + packet[:2] + b"\1")
                case 10:
                    writer.write(bytes([0xB0, 2]) + packet[:2])
                case 14:
                    break

    @asynccontextmanager
    async def __call__(self) -> AsyncIterator[BrokerAddress]:
        server = await asyncio.start_server(self.serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        try:
            yield BrokerAddress.of(f"mqtt://127.0.0.1:{port}", BrokerSettings(protocol="3.1.1"))
        finally:
            server.close()
            for writer in self._writers:
                writer.close()
                with suppress(ConnectionError):
                    await writer.wait_closed()


def outbox_in(folder: Path) -> Outbox:
    return Outbox(OutboxSettings(path=folder / "outbox.sqlite"))


def turn(payload: str) -> Message:
    return Message(TOPIC, payload, qos=1)


async def aside(outbox: Outbox) -> list[Aside]:
    return await outbox.work(lambda database: database.set_aside_for(None))


async def deliver(address: BrokerAddress, outbox: Outbox, messages: list[Message]) -> Delivery:
    """Deliver in one go, without losing time."""
    async with outbox.mailbox(address.place) as mailbox:
        await mailbox.put(messages)
        delivery = Delivery(address, mailbox, retry_s=0.05, longest_retry_s=0.1, settle_s=0)
        delivery.close()
        async with asyncio.timeout(60):
            await delivery.run()
    return delivery


def poison(folder: Path, number: int, **columns: object) -> None:
    with closing(sqlite3.connect(folder / "outbox.sqlite")) as connection:
        for name, value in columns.items():
            connection.execute(f"UPDATE messages SET {name} = ? WHERE id = ?", (value, number))
        connection.commit()


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
async def test_what_no_broker_can_take_is_set_aside_and_the_rest_goes_on_in_order(
    mosquitto: Mosquitto, tmp_path: Path, protocol: Protocol, caplog: pytest.LogCaptureFixture
) -> None:
    options = BrokerSettings(protocol=protocol)
    address = BrokerAddress.of(mosquitto.url, options)
    async with outbox_in(tmp_path) as outbox, subscriber(mosquitto) as witness:
        async with outbox.mailbox(address.place) as mailbox:
            await mailbox.put([turn(str(number)) for number in range(1, 31)])
        poison(tmp_path, 1, topic="x" * 70_000)
        poison(tmp_path, 2, topic="")
        poison(tmp_path, 3, topic="a\0b")
        poison(tmp_path, 4, payload=b"\xff\xfe")
        poison(tmp_path, 5, topic=b"\xff")
        poison(tmp_path, 12, topic="merits/#")
        assert await send_leftovers(address, outbox) == 24
        await witness.until("turn", "30")
        assert [one.number for one in await aside(outbox)] == [1, 2, 3, 4, 5, 12]
    assert [int(payload) for _, payload, _ in witness.received] == [*range(6, 12), *range(13, 31)]
    assert [line for line in caplog.messages if "is set aside" in line] == [caplog.messages[0]]
    assert "6 MQTT messages" in caplog.messages[1]


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
async def test_what_is_larger_than_the_broker_takes_is_set_aside_and_the_rest_goes_on(
    tmp_path: Path, protocol: Protocol, caplog: pytest.LogCaptureFixture
) -> None:
    with Mosquitto(tmp_path, "allow_anonymous true", "max_packet_size 1000") as broker:
        address = BrokerAddress.of(broker.url, BrokerSettings(protocol=protocol))
        async with outbox_in(tmp_path) as outbox, subscriber(broker) as witness:
            messages = [
                turn(f"{number}-" + "x" * (2000 if number % 4 == 0 else 9)) for number in range(1, 21)
            ]
            await deliver(address, outbox, messages)
            await witness.until("turn", "19-")
            assert [one.number for one in await aside(outbox)] == [4, 8, 12, 16, 20]
        arrived = list(dict.fromkeys(int(payload.split("-")[0]) for _, payload, _ in witness.received))
        assert arrived == [number for number in range(1, 21) if number % 4]
    assert sum("is set aside" in line for line in caplog.messages) == 1
    assert not any("no connection" in line for line in caplog.messages)


async def test_a_session_goes_on_though_its_device_its_turns_and_its_partials_are_too_large(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with Mosquitto(tmp_path, "allow_anonymous true", "max_packet_size 300") as broker:
        address = BrokerAddress.of(broker.url, BrokerSettings(protocol="3.1.1", drain_s=30))
        async with subscriber(broker) as witness, outbox_in(tmp_path) as outbox:
            async with Mqtt(address, "kitchen", outbox, retry_s=0.05, settle_s=0.05) as output:
                sample = Sample()
                await output.send(sample.started())
                for number in range(1, 4):
                    await output.send(sample.partial(number, text="word " * 60))
                    await asyncio.sleep(0.3)
                    await output.send(sample.final(number))
                await becomes(lambda: kept(tmp_path, "aside IS NOT NULL") == 3)
            await witness.until("state", '"turn":3,')
    assert sum("config is refused: the broker hangs up on it" in line for line in caplog.messages) == 1
    assert "Traceback" not in caplog.text


async def test_a_broker_that_hangs_up_on_a_message_gets_it_twice_alone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    broker = Broker(hangs_up=lambda message: b"bad" in message)
    async with broker() as address, outbox_in(tmp_path) as outbox:
        await deliver(address, outbox, [turn(f"bad {n}" if n in (3, 4) else f"{n}") for n in range(1, 13)])
        assert [one.number for one in await aside(outbox)] == [3, 4]
    arrived = list(dict.fromkeys(message.split()[1] for message in broker.taken))
    assert arrived == [b"%d" % number for number in range(1, 13) if number not in (3, 4)]
    assert broker.connections <= 1 + 4 * 2
    assert kept(tmp_path) == 2
    assert not any("no connection" in line for line in caplog.messages)


async def test_what_a_broker_never_confirms_holds_nothing_up_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streamer.outputs.mqtt.client.Connection.send.__kwdefaults__", {"timeout_s": 0.2})
    broker = Broker(hangs_up=lambda _: False, ignores=lambda message: b"bad" in message)
    async with broker() as address, outbox_in(tmp_path) as outbox:
        await deliver(address, outbox, [turn(payload) for payload in ("1", "bad", "2")])
        assert [one.number for one in await aside(outbox)] == [2]
    assert list(dict.fromkeys(broker.taken)) == [f"{TOPIC} {n}".encode() for n in (1, 2)]


async def test_a_broker_that_hangs_up_on_whatever_is_subscribed_to_or_said_of_availability_gets_turns(
    tmp_path: Path,
) -> None:
    broker = Broker(hangs_up=lambda message: b"availability" in message)
    async with (
        broker() as address,
        outbox_in(tmp_path) as outbox,
        Mqtt(address, "kitchen", outbox, retry_s=0.05, settle_s=0.05) as output,
    ):
        await output.send(Sample().final())
        await becomes(lambda: any(b"/turn " in message for message in broker.taken))
    assert kept(tmp_path) == 0


@pytest.mark.slow
async def test_a_broker_that_always_hangs_up_is_said_and_left_in_peace(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    broker = Broker(hangs_up=lambda _: False, leaves=True)
    async with broker() as address, outbox_in(tmp_path) as outbox, outbox.mailbox(address.place) as mailbox:
        await mailbox.put([turn(str(number)) for number in range(5)])
        delivery = Delivery(address, mailbox, retry_s=0.2, longest_retry_s=20)
        running = asyncio.create_task(delivery.run())
        await becomes(lambda: delivery.status.trouble == "no connection to the broker")
        await asyncio.sleep(1)
        assert broker.connections < 12
        assert await aside(outbox) == []
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert len([line for line in caplog.messages if "no connection" in line]) == 1
    assert not [line for line in caplog.messages if "again" in line]


async def test_a_delivery_that_fails_is_said_in_a_line_and_tried_again(
    mosquitto: Mosquitto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever it is: here a fault of the library, in place of one that is not known yet."""
    original = Connector.connect
    faults = iter([RuntimeError("a fault\nof two lines"), KeyError("another")])

    def faulty(self: Connector, will: Message | None = None) -> object:
        if fault := next(faults, None):
            raise fault
        return original(self, will)

    monkeypatch.setattr(Connector, "connect", faulty)
    async with kitchen(mosquitto.url, tmp_path) as output:
        await becomes(lambda: output.status.trouble == "delivery fails")
        async with subscriber(mosquitto) as witness:
            await output.send(Sample().final())
            await witness.until("turn", "anger")
            await becomes(lambda: output.status.trouble is None)
    assert [line for line in caplog.messages if "failed" in line] == [
        f"delivery to {mosquitto.url} failed (RuntimeError: a fault of two lines); it is tried again",
        f"delivery to {mosquitto.url} failed (KeyError: 'another'); it is tried again",
    ]


@pytest.mark.slow
@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
async def test_offline_of_one_program_never_hides_another(
    mosquitto: Mosquitto, tmp_path: Path, protocol: Protocol, caplog: pytest.LogCaptureFixture
) -> None:
    address = BrokerAddress.of(mosquitto.url, BrokerSettings(protocol=protocol))
    (tmp_path / "other").mkdir()
    async with outbox_in(tmp_path) as outbox, Mqtt(address, "kitchen", outbox) as output:
        await output.send(Sample().final())
        await becomes(lambda: not output.queue.depth)
        for killed in (False, True):
            child = await run_child(
                mosquitto.url, "60" if killed else "2", tmp_path / "other", asyncio.subprocess.PIPE
            )
            async with subscriber(mosquitto) as witness:
                await witness.until("turn", "anger")
                if killed:
                    child.send_signal(signal.SIGKILL)
                await witness.until("availability", "offline")
                await witness.until("availability", "online")
            _, said = await child.communicate()
            assert killed or b"another program publishes as merits/kitchen" in said
        async with subscriber(mosquitto) as late:
            await late.until("availability", "online")
    async with subscriber(mosquitto) as late:
        await late.until("availability", "offline")
    assert sum("another program publishes as merits/kitchen" in line for line in caplog.messages) == 1


async def test_alone_under_a_name_nothing_is_said_of_it(
    mosquitto: Mosquitto, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with subscriber(mosquitto) as witness:
        for _ in range(2):
            async with kitchen(mosquitto.url, tmp_path) as output:
                await output.send(Sample().final())
                await delivered(output)
            await witness.until("availability", "offline")
    topics = [topic for topic, _, _ in witness.received]
    assert topics == ["availability", "turn", "state", "availability"] * 2
    assert not caplog.messages


async def test_availability_says_which_program_it_is(mosquitto: Mosquitto, tmp_path: Path) -> None:
    reader = await asyncio.create_subprocess_exec(
        "mosquitto_sub", "-V", "5", "-p", str(mosquitto.port), "-t", "merits/kitchen/availability", "-C", "2",
        "-F", "%P %p", stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    await asyncio.sleep(0.5)
    async with kitchen(mosquitto.url, tmp_path) as output:
        await becomes(lambda: not output.status.connecting)
    said, _ = await reader.communicate()
    (first, online), (second, offline) = (line.rsplit(" ", 1) for line in said.decode().splitlines())
    assert (online, offline) == ("online", "offline")
    assert first == second
    assert first.startswith("instance:")
    assert len(first) > len("instance:")


async def test_messages_of_a_stream_that_no_broker_can_name_hold_up_no_other(
    mosquitto: Mosquitto, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    async with outbox_in(tmp_path) as outbox:
        address = BrokerAddress.of(mosquitto.url, BrokerSettings())
        async with Mqtt(address, "x" * 70_000, outbox) as output:
            await output.send(Sample().started())
            await output.send(Sample().final())
            await becomes(lambda: not output.queue.depth)
        assert [json.loads(str(one.bytes)) > 70_000 for one in await aside(outbox)] == [True, True]
    assert all(len(line) < 400 and "\n" not in line for line in caplog.messages)
