"""MQTT against a real broker: order, retained state, availability, and brokers that come and go."""

import asyncio
import json
import logging
import shutil
import signal
import sqlite3
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import aiomqtt
import pytest
from pydantic import SecretStr

from streamer.errors import RunError
from streamer.outbox.outbox import Outbox
from streamer.outputs.mqtt.address import BrokerAddress
from streamer.outputs.mqtt.client import probe
from streamer.outputs.mqtt.output import Mqtt
from streamer.settings.broker import BrokerSettings
from streamer.settings.outbox import OutboxSettings
from tests.mosquitto import Mosquitto
from tests.streamer.outputs.samples import Sample

CHILD = """
import asyncio, sys
from streamer.outputs.mqtt.address import BrokerAddress
from streamer.outputs.mqtt.output import Mqtt
from streamer.settings.broker import BrokerSettings
from streamer.outbox.outbox import Outbox
from streamer.settings.outbox import OutboxSettings
from tests.streamer.outputs.samples import Sample

async def main():
    address = BrokerAddress.of(sys.argv[1], BrokerSettings(drain_s=0.5))
    async with Outbox(OutboxSettings(path=sys.argv[3])) as outbox, Mqtt(address, "kitchen", outbox) as output:
        await output.send(Sample().final())
        await asyncio.sleep(float(sys.argv[2]))

asyncio.run(main())
"""


async def run_child(
    url: str, stay_s: str, folder: Path, stderr: int | None = None
) -> asyncio.subprocess.Process:
    """Start a process that publishes one turn and stays for a while."""
    outbox = str(folder / "outbox.sqlite")
    return await asyncio.create_subprocess_exec(
        sys.executable, "-c", CHILD, url, stay_s, outbox, stderr=stderr
    )


async def run_tool(*command: str) -> None:
    tool = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.DEVNULL)
    assert await tool.wait() == 0


async def make_certificate(folder: Path, name: str) -> tuple[Path, Path]:
    """A certificate that vouches for itself, and its key."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    cert, key = folder / f"{name}.pem", folder / f"{name}.key"
    request = (
        f"openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN={name}"
    )
    what = ("-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(cert))
    await run_tool(*request.split(), *what)
    return cert, key


class Subscriber:
    """Collects messages of one broker as (topic below merits/kitchen, payload, retained)."""

    def __init__(self, client: aiomqtt.Client) -> None:
        self._client = client
        self.received: list[tuple[str, str, bool]] = []

    async def until(self, topic: str, payload: str) -> None:
        """Read on until a payload that contains `payload` arrives."""
        async with asyncio.timeout(20):
            async for message in self._client.messages:
                assert isinstance(message.payload, bytes)
                name = str(message.topic).removeprefix("merits/kitchen/")
                self.received.append((name, message.payload.decode(), message.retain))
                if name == topic and payload in message.payload.decode():
                    return

    def turns(self) -> list[int]:
        return [json.loads(payload)["turn"] for topic, payload, _ in self.received if topic == "turn"]


class SlowBroker:
    """As much of MQTT 5 as it takes to be published to, with a pause before each confirmation.

    Args:
        receive_maximum: how many unconfirmed messages it says that it takes.

    Attributes:
        peak: how many there were at most.
    """

    def __init__(self, receive_maximum: int) -> None:
        self._connack = bytes([0x20, 6, 0, 0, 3, 0x21, 0, receive_maximum])
        self._unconfirmed = self.peak = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while first := await reader.read(1):
            length = shift = 0
            while (byte := (await reader.readexactly(1))[0]) & 0x80:
                length, shift = length | (byte & 0x7F) << shift, shift + 7
            packet = await reader.readexactly(length | byte << shift)
            match first[0] >> 4:
                case 1:  # CONNECT
                    writer.write(self._connack)
                case 3 if first[0] & 0x06:  # PUBLISH, QoS 1
                    self._unconfirmed += 1
                    self.peak = max(self.peak, self._unconfirmed)
                    after_topic = 2 + int.from_bytes(packet[:2])
                    puback = bytes([0x40, 2]) + packet[after_topic : after_topic + 2]
                    asyncio.get_running_loop().call_later(0.1, self._confirm, writer, puback)
                case 8:  # SUBSCRIBE
                    writer.write(bytes([0x90, 4]) + packet[:2] + bytes([0, 1]))
                case 10:  # UNSUBSCRIBE
                    writer.write(bytes([0xB0, 4]) + packet[:2] + bytes([0, 0x11]))
        writer.close()

    def _confirm(self, writer: asyncio.StreamWriter, puback: bytes) -> None:
        self._unconfirmed -= 1
        writer.write(puback)


@asynccontextmanager
async def subscriber(broker: Mosquitto) -> AsyncIterator[Subscriber]:
    async with aiomqtt.Client("127.0.0.1", broker.port) as client:
        await client.subscribe("merits/#", qos=1)
        yield Subscriber(client)


@asynccontextmanager
async def kitchen(url: str, folder: Path, drain_s: float = 10, **settings: Any) -> AsyncIterator[Mqtt]:
    """An output that loses no time, over an outbox of its own."""
    async with Outbox(OutboxSettings(path=folder / "outbox.sqlite", **settings)) as outbox:
        address = BrokerAddress.of(url, BrokerSettings(drain_s=drain_s))
        async with Mqtt(address, "kitchen", outbox, retry_s=0.1, longest_retry_s=0.2, settle_s=0.2) as output:
            yield output


async def becomes(done: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not done():
            await asyncio.sleep(0.01)


async def delivered(output: Mqtt) -> None:
    await becomes(lambda: not output.queue.depth)


async def confirm_a_turn(output: Mqtt, monkeypatch: pytest.MonkeyPatch, settled_after_s: float) -> None:
    """Have the first turn confirmed, and settled by what is answered so much later."""
    for module in ("outputs.mqtt.delivery", "outbox.outbox"):
        monkeypatch.setattr(f"streamer.{module}.SETTLED_AFTER_S", settled_after_s)
    await output.send(Sample().final(1))
    await delivered(output)


def kept(folder: Path, where: str = "1") -> int:
    """How many messages are in the outbox's file."""
    with closing(sqlite3.connect(folder / "outbox.sqlite")) as connection:
        (count,) = connection.execute(f"SELECT count(*) FROM messages WHERE {where}").fetchone()
    return int(count)


def waiting(folder: Path) -> int:
    """How many of them wait."""
    return kept(folder, "waits = 1")


async def test_turns_arrive_in_order_between_online_and_offline(mosquitto: Mosquitto, tmp_path: Path) -> None:
    sample = Sample()
    async with subscriber(mosquitto) as kept:
        async with kitchen(mosquitto.url, tmp_path) as output:
            await output.send(sample.started())
            await output.send(sample.partial())
            await kept.until("partial", "joy")
            for turn in range(1, 101):
                await output.send(sample.final(turn))
            await output.send(sample.revised(100, "sadness"))
        await kept.until("availability", "offline")
    assert kept.turns() == [*range(1, 101), 100]
    topics = [topic for topic, _, _ in kept.received]
    assert [topic for topic in topics if topic != "state"][:2] == ["availability", "partial"]
    assert kept.received[0][1] == "online"
    assert topics[-1] == "availability"
    assert output.queue.shed == 0


async def test_a_late_subscriber_finds_the_state(mosquitto: Mosquitto, tmp_path: Path) -> None:
    async with kitchen(mosquitto.url, tmp_path) as output:
        await output.send(Sample().final(1, "joy"))
        await delivered(output)
        async with subscriber(mosquitto) as late:
            # The order of retained messages is the broker's; both come before anything new.
            await output.send(Sample().final(2, "fear"))
            await late.until("turn", "fear")
    assert {topic for topic, _, retained in late.received if retained} == {"availability", "state"}


async def test_killed_means_offline(mosquitto: Mosquitto, tmp_path: Path) -> None:
    child = await run_child(mosquitto.url, "60", tmp_path)
    async with subscriber(mosquitto) as witness:
        await witness.until("turn", "anger")
        child.send_signal(signal.SIGKILL)
        await witness.until("availability", "offline")
    await child.wait()
    async with subscriber(mosquitto) as late:
        await late.until("availability", "offline")
    assert all(retained for _, _, retained in late.received)


@pytest.mark.slow
async def test_a_broker_that_restarts_misses_nothing(
    mosquitto: Mosquitto, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    sample = Sample()
    async with kitchen(mosquitto.url, tmp_path) as output:
        await output.send(sample.final(1))
        await delivered(output)
        mosquitto.stop()
        for turn in range(2, 31):
            await output.send(sample.final(turn))
        await asyncio.sleep(0.5)
        assert output.queue.depth == 29 + 1
        mosquitto.start()
        async with subscriber(mosquitto) as witness:
            await witness.until("turn", '"turn":30,')
            await witness.until("state", '"turn":30,')
            assert ("availability", "online") in [(topic, payload) for topic, payload, _ in witness.received]
            await output.send(sample.final(31))
            await witness.until("turn", '"turn":31,')
    # The subscriber may connect after some have been delivered: what it saw is without a hole.
    turns = list(dict.fromkeys(witness.turns()))
    assert turns == list(range(turns[0], 32))
    assert [record.levelname for record in caplog.records] == ["WARNING"] * len(caplog.records)
    assert "no connection" in caplog.text
    assert "again" in caplog.text


@pytest.mark.slow
async def test_home_assistant_is_given_time_to_find_a_broker_that_restarts(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    """Like Home Assistant's own client: no session of its own, slow to come back, then `online`."""
    sample = Sample()

    @asynccontextmanager
    async def home_assistant() -> AsyncIterator[Subscriber]:
        async with aiomqtt.Client("127.0.0.1", mosquitto.port) as client:
            await client.subscribe([("homeassistant/device/+/config", 0), ("merits/kitchen/turn", 1)])
            await client.publish("homeassistant/status", "online")
            yield Subscriber(client)

    async with kitchen(mosquitto.url, tmp_path) as output:
        async with home_assistant() as home:
            await output.send(sample.started())
            await output.send(sample.final(1))
            await home.until("turn", '"turn":1,')
        mosquitto.stop()
        await output.send(sample.final(2))
        await becomes(lambda: output.status.trouble is not None)
        mosquitto.start()
        async with subscriber(mosquitto) as quicker:
            await quicker.until("availability", "online")
            await output.send(sample.final(3))
            await asyncio.sleep(1.0)
            async with home_assistant() as home:
                await home.until("turn", '"turn":3,')
    assert list(dict.fromkeys(home.turns())) == [1, 2, 3]  # the first once more, being in doubt


async def test_what_the_broker_took_with_it_is_sent_by_the_next_run_when_this_one_is_killed_too(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    child = await run_child(mosquitto.url, "60", tmp_path)
    async with subscriber(mosquitto) as first:
        await first.until("state", "anger")
    await becomes(lambda: waiting(tmp_path) == 0)
    mosquitto.stop()
    child.kill()
    await child.wait()
    mosquitto.start()
    async with subscriber(mosquitto) as second, kitchen(mosquitto.url, tmp_path):
        await second.until("turn", "anger")
        await second.until("state", "anger")
    assert kept(tmp_path) == 0


@pytest.mark.slow
async def test_a_broker_that_falls_silent_may_have_passed_on_nothing(
    mosquitto: Mosquitto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with kitchen(mosquitto.url, tmp_path) as output:
        await confirm_a_turn(output, monkeypatch, settled_after_s=0.5)
        mosquitto.freeze()
        await becomes(lambda: output.status.trouble is not None)
        assert kept(tmp_path) == 2
        mosquitto.stop()
        mosquitto.start()
        async with subscriber(mosquitto) as witness:
            await witness.until("turn", '"turn":1,')
    assert kept(tmp_path) == 0


@pytest.mark.slow
async def test_what_a_living_broker_has_is_kept_no_longer(
    mosquitto: Mosquitto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with kitchen(mosquitto.url, tmp_path) as output:
        await confirm_a_turn(output, monkeypatch, settled_after_s=2.0)
        assert kept(tmp_path) == 2
        await becomes(lambda: kept(tmp_path) == 0)
        await output.send(Sample().final(2))
        await delivered(output)
    assert kept(tmp_path) == 0


async def test_availability_is_online_again_without_any_event(mosquitto: Mosquitto, tmp_path: Path) -> None:
    async with kitchen(mosquitto.url, tmp_path):
        async with subscriber(mosquitto) as before:
            await before.until("availability", "online")
        mosquitto.stop()
        mosquitto.start()
        async with subscriber(mosquitto) as after:
            await after.until("availability", "online")


@pytest.mark.slow
async def test_a_broker_that_comes_late_gets_everything(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    broker, sample = Mosquitto(tmp_path), Sample()
    try:
        async with kitchen(broker.url, tmp_path) as output:
            for turn in range(1, 4):
                await output.send(sample.final(turn))
            await asyncio.sleep(0.7)
            said = [record.message for record in caplog.records]
            assert len(said) == 1
            assert f"no connection to {broker.url} (Connection refused)" in said[0]
            broker.start()
            async with subscriber(broker) as witness:
                await witness.until("state", '"turn":3,')
    finally:
        broker.stop()


async def test_leaving_without_a_broker_is_quick_and_says_what_waits_and_what_was_shed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    broker = Mosquitto(tmp_path)
    url, place = broker.url, f"127.0.0.1:{broker.port}"
    start = time.monotonic()
    async with kitchen(url, tmp_path, max_events=3) as output:
        for turn in range(1, 6):
            await output.send(Sample().final(turn))
    assert time.monotonic() - start < 10
    assert (output.queue.depth, output.queue.shed) == (3, 3)
    said = [record.message for record in caplog.records]
    assert said.count(f"{place} has been away too long: the oldest events are being shed") == 1
    assert f"3 MQTT messages were shed: {place} was away too long" in said
    assert said[-1].startswith(f"3 MQTT messages wait in {tmp_path / 'outbox.sqlite'}; the next run with")


@pytest.mark.parametrize("drain_s", [0, 0.3])
async def test_no_delivery_outlives_its_stream(mosquitto: Mosquitto, tmp_path: Path, drain_s: float) -> None:
    async with kitchen(mosquitto.url, tmp_path, drain_s) as output:
        await output.send(Sample().final())
        await delivered(output)
        mosquitto.stop()
        await output.send(Sample().final())
    assert output.queue.depth == 2
    assert not [task for task in asyncio.all_tasks() if task.get_name() == "mqtt"]


async def test_a_broker_that_went_away_is_not_waited_for_when_nothing_waits_for_it(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    async with kitchen(mosquitto.url, tmp_path) as output:
        await output.send(Sample().final())
        await delivered(output)
        mosquitto.stop()
        await becomes(lambda: output.status.trouble is not None)
        start = time.monotonic()
    assert time.monotonic() - start < 5


async def test_how_it_fares(tmp_path: Path) -> None:
    broker = Mosquitto(tmp_path)
    try:
        async with kitchen(broker.url, tmp_path) as output:
            assert (output.status.trouble, output.status.connecting) == (None, True)
            await becomes(lambda: output.status.trouble == "no connection to the broker")
            assert not output.status.connecting
            broker.start()
            await becomes(lambda: output.status.trouble is None)
            assert not output.status.connecting
    finally:
        broker.stop()


async def test_a_broker_gets_no_more_at_once_than_it_takes(tmp_path: Path) -> None:
    broker = SlowBroker(receive_maximum=2)
    server = await asyncio.start_server(broker.serve, "127.0.0.1", 0)
    async with kitchen(f"mqtt://127.0.0.1:{server.sockets[0].getsockname()[1]}", tmp_path) as output:
        for turn in range(1, 11):
            await output.send(Sample().final(turn))
        await delivered(output)
    assert broker.peak == 2
    server.close()
    await server.wait_closed()


async def test_a_broker_that_never_answers_holds_nobody_up(tmp_path: Path) -> None:
    async def swallow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(swallow, "127.0.0.1", 0)
    url = f"mqtt://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    # In a process of its own, as aiomqtt leaves the socket of a cancelled attempt to the garbage collector.
    child = await run_child(url, "0", tmp_path, stderr=asyncio.subprocess.PIPE)
    async with asyncio.timeout(20):
        _, said = await child.communicate()
    assert child.returncode == 0
    (line,) = said.decode().splitlines()
    assert line.startswith("2 MQTT messages wait in ")
    server.close()
    await server.wait_closed()


@pytest.mark.slow
async def test_what_the_broker_refuses_is_said_once_and_set_aside_and_all_else_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rules = tmp_path / "rules"
    rules.write_text("topic read #\ntopic write merits/+/availability\ntopic write merits/+/state\n")
    with Mosquitto(tmp_path, "allow_anonymous true", f"acl_file {rules}") as broker:
        async with subscriber(broker) as witness, kitchen(broker.url, tmp_path) as output:
            await output.send(Sample().started())
            for turn in range(1, 31):
                await output.send(Sample().final(turn))
            await becomes(lambda: output.status.trouble == "the broker refuses events")
            await witness.until("state", '"turn":30,')
            await delivered(output)
    refused = [record.message for record in caplog.records if "Not authorized" in record.message]
    assert len(refused) == len(set(refused)) == 3
    assert any("merits/kitchen/turn is refused: Not authorized; events wait" in said for said in refused)
    assert "30 MQTT messages for" in caplog.text
    assert kept(tmp_path, "aside LIKE '%Not authorized%'") == kept(tmp_path) == 30
    assert kept(tmp_path, "refused = 2") == 30, "the third time decides"


async def test_what_was_refused_is_delivered_once_it_is_taken(tmp_path: Path) -> None:
    rules = tmp_path / "rules"
    rules.write_text("topic read #\ntopic write merits/+/availability\ntopic write merits/+/turn\n")
    with Mosquitto(tmp_path, "allow_anonymous true", f"acl_file {rules}") as broker:
        async with kitchen(broker.url, tmp_path) as output:
            await output.send(Sample().final())
            await becomes(lambda: kept(tmp_path, "aside IS NOT NULL") == 1)
        rules.write_text("topic readwrite #\n")
        broker.stop()
        broker.start()
        async with Outbox(OutboxSettings(path=tmp_path / "outbox.sqlite")) as outbox:
            ids = [one.number for one in await outbox.work(lambda database: database.set_aside_for(None))]
            assert await outbox.work(lambda database: database.retry(ids)) == 1
        async with subscriber(broker) as witness, kitchen(broker.url, tmp_path) as output:
            await witness.until("state", '"turn":1,')
        assert kept(tmp_path) == 0


@pytest.mark.slow
async def test_password(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    users = str(tmp_path / "users")
    broker = Mosquitto(tmp_path, "allow_anonymous false", f"password_file {users}")
    await run_tool("mosquitto_passwd", "-c", "-b", users, "ann", "s3cret")
    (tmp_path / "password").write_text("s3cret\n")
    with broker:
        address = broker.url.replace("mqtt://", "mqtt://ann:{}@")
        await probe(BrokerAddress.parse(address.format("s3cret")))
        await probe(
            BrokerAddress.of(broker.url, BrokerSettings(username="ann", password=SecretStr("s3cret")))
        )
        with pytest.raises(RunError, match="Not authorized"):
            await probe(BrokerAddress.parse(address.format("s3cret-but-wrong")))
        async with kitchen(address.format("s3cret-but-wrong"), tmp_path) as output:
            await output.send(Sample().final())
        assert output.queue.depth == 2
        async with Outbox(OutboxSettings(path=tmp_path / "outbox.sqlite")) as outbox:
            options = BrokerSettings(username="ann", password_file=tmp_path / "password")
            async with Mqtt(BrokerAddress.of(broker.url, options), "kitchen", outbox) as output:
                await delivered(output)
    assert "s3cret" not in caplog.text


@pytest.mark.slow
@pytest.mark.filterwarnings(
    "ignore:unclosed <ssl.SSLSocket:ResourceWarning"
)  # paho's, after a refused handshake
async def test_tls_checks_the_certificate_and_shows_its_own(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    server, client = await make_certificate(tmp_path, "server"), await make_certificate(tmp_path, "client")
    requires = ("require_certificate true", f"cafile {client[0]}")
    with Mosquitto(
        tmp_path, "allow_anonymous true", f"certfile {server[0]}", f"keyfile {server[1]}", *requires
    ) as broker:
        url = broker.url.replace("mqtt://", "mqtts://")
        with pytest.raises(RunError, match=r"certificate verify failed: self-signed certificate$"):
            await probe(BrokerAddress.of(url, BrokerSettings(cert_file=client[0], key_file=client[1])))
        with pytest.raises(RunError, match="no connection"):
            await probe(BrokerAddress.of(url, BrokerSettings(ca_file=server[0])))
        options = BrokerSettings(ca_file=server[0], cert_file=client[0], key_file=client[1])
        async with (
            Outbox(OutboxSettings(path=tmp_path / "outbox.sqlite")) as outbox,
            Mqtt(BrokerAddress.of(url, options), "kitchen", outbox) as output,
        ):
            await output.send(Sample().final())
            await delivered(output)
    assert not caplog.records


async def test_no_broker_is_said_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"no connection to mqtt://127.0.0.1:\d+: Connection refused"):
        await probe(BrokerAddress.parse(Mosquitto(tmp_path).url))
