"""Streams taken off a broker, and what other runs left sent without a stream of its own."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import aiomqtt
import pytest

from streamer.errors import InputError, RunError
from streamer.outbox.message import Message
from streamer.outbox.outbox import Outbox
from streamer.outputs.mqtt.address import BrokerAddress
from streamer.outputs.mqtt.leftovers import send_leftovers
from streamer.outputs.mqtt.output import Mqtt
from streamer.outputs.mqtt.removal import Removed, remove
from streamer.settings.outbox import OutboxSettings
from tests.mosquitto import Mosquitto
from tests.streamer.outputs.mqtt.test_output import subscriber
from tests.streamer.outputs.samples import Sample


def outbox_in(folder: Path) -> Outbox:
    return Outbox(OutboxSettings(path=folder / "outbox.sqlite"))


async def publish(address: BrokerAddress, streams: Sequence[str], outbox: Outbox) -> None:
    for stream in streams:
        async with Mqtt(address, stream, outbox) as output:
            sample = Sample(stream)
            await output.send(sample.started())
            await output.send(sample.final())


async def retained(broker: Mosquitto) -> set[str]:
    found = set()
    async with aiomqtt.Client("127.0.0.1", broker.port) as client:
        await client.subscribe("#")
        try:
            async with asyncio.timeout(0.5):
                async for message in client.messages:
                    found.add(str(message.topic))
        except TimeoutError:
            return found
    return found


@pytest.mark.slow
async def test_what_is_removed_leaves_nothing_behind(mosquitto: Mosquitto, tmp_path: Path) -> None:
    address = BrokerAddress.parse(mosquitto.url)
    async with outbox_in(tmp_path) as outbox, aiomqtt.Client("127.0.0.1", mosquitto.port) as client:
        await client.publish(
            "homeassistant/device/other/config", '{"o": {"name": "zigbee2mqtt"}}', retain=True
        )
        await client.publish("homeassistant/device/broken/config", "{", retain=True)
        await publish(address, ["kitchen", "attic", "Küche"], outbox)
        assert len(await retained(mosquitto)) == 3 * 3 + 2
        assert await remove(address, outbox, ["kitchen"]) == [Removed("kitchen", running=False)]
        assert not [topic for topic in await retained(mosquitto) if "kitchen" in topic]
        with pytest.raises(InputError, match="knows no stream 'kitchen'; it knows: Küche, attic"):
            await remove(address, outbox, ["kitchen"])
        assert [one.stream for one in await remove(address, outbox)] == ["Küche", "attic"]
        assert await retained(mosquitto) == {
            "homeassistant/device/other/config",
            "homeassistant/device/broken/config",
        }
        assert await remove(address, outbox) == []


async def test_a_device_that_is_not_known_is_not_removed(mosquitto: Mosquitto, tmp_path: Path) -> None:
    address = BrokerAddress.parse(mosquitto.url)
    async with outbox_in(tmp_path) as outbox, aiomqtt.Client("127.0.0.1", mosquitto.port) as client:
        await client.publish("merits/kitchen/state", "{}", retain=True)
        await client.subscribe("homeassistant/#")
        assert await remove(address, outbox) == [Removed("kitchen", running=False)]
        await client.publish("homeassistant/last", "")
        assert str((await anext(client.messages)).topic) == "homeassistant/last"


async def test_a_stream_that_runs_is_said_to_come_back(mosquitto: Mosquitto, tmp_path: Path) -> None:
    address = BrokerAddress.parse(mosquitto.url)
    async with (
        outbox_in(tmp_path) as outbox,
        Mqtt(address, "kitchen", outbox),
        subscriber(mosquitto) as witness,
    ):
        await witness.until("availability", "online")
        assert await remove(address, outbox) == [Removed("kitchen", running=True)]


async def test_streams_that_run_hold_nothing_up(mosquitto: Mosquitto, tmp_path: Path) -> None:
    address = BrokerAddress.parse(mosquitto.url)

    async def talk() -> None:
        async with aiomqtt.Client("127.0.0.1", mosquitto.port) as client:
            while True:
                await client.publish("merits/hall/state", "{}")
                await asyncio.sleep(0.1)

    async with outbox_in(tmp_path) as outbox, asyncio.timeout(20):
        await publish(address, ["kitchen"], outbox)
        talking = asyncio.create_task(talk())
        assert await remove(address, outbox) == [Removed("kitchen", running=False)]
        talking.cancel()


@pytest.mark.slow
async def test_what_another_prefix_begins_like_ours_stays(mosquitto: Mosquitto, tmp_path: Path) -> None:
    upstairs, merits = (BrokerAddress.parse(f"{mosquitto.url}/{path}") for path in ("merits/upstairs", ""))
    async with outbox_in(tmp_path) as outbox:
        await publish(upstairs, ["attic"], outbox)
        before = await retained(mosquitto)
        assert len(before) == 3
        assert await remove(merits, outbox) == []
        assert await retained(mosquitto) == before


async def test_what_is_shed_of_leftovers_is_said(
    mosquitto: Mosquitto, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    address = BrokerAddress.parse(mosquitto.url)
    messages = [Message("merits/kitchen/turn", str(number), qos=1) for number in range(5)]
    async with outbox_in(tmp_path) as outbox, outbox.mailbox(address.place) as mailbox:
        await mailbox.put(messages)
    caplog.clear()
    async with Outbox(OutboxSettings(path=tmp_path / "outbox.sqlite", max_events=2)) as outbox:
        assert await send_leftovers(address, outbox) == 2
    said = [record.message for record in caplog.records]
    assert said == [
        f"{address.place} has been away too long: the oldest events are being shed",
        f"3 MQTT messages were shed: {address.place} was away too long",
    ]


@pytest.mark.slow
async def test_leftovers_are_sent_and_those_of_a_removed_stream_s_state_are_not(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    broker = Mosquitto(tmp_path)
    address = BrokerAddress.parse(broker.url)
    async with outbox_in(tmp_path) as outbox:
        await publish(address, ["kitchen"], outbox)
        with pytest.raises(RunError, match="2 messages still wait"):
            await send_leftovers(address, outbox)
        with broker:
            async with subscriber(broker) as witness:
                assert await send_leftovers(address, outbox) == 2
                await witness.until("state", "anger")
            assert witness.turns() == [1]
            assert await send_leftovers(address, outbox) == 0
        await publish(address, ["kitchen"], outbox)
        with broker:
            await remove(address, outbox, ["kitchen"])
            assert await send_leftovers(address, outbox) == 1
    assert "Traceback" not in caplog.text


@pytest.mark.slow
async def test_home_assistant_is_told_again_when_it_starts(mosquitto: Mosquitto, tmp_path: Path) -> None:
    address = BrokerAddress.parse(mosquitto.url)
    topic = "homeassistant/device/merits_kitchen/config"
    async with (
        outbox_in(tmp_path) as outbox,
        Mqtt(address, "kitchen", outbox) as output,
        aiomqtt.Client("127.0.0.1", mosquitto.port) as client,
    ):
        await client.subscribe(topic)
        await output.send(Sample().started())
        async with asyncio.timeout(20):
            first = await anext(aiter(client.messages))
            await client.publish("homeassistant/status", "online")
            again = await anext(aiter(client.messages))
    assert first.payload == again.payload
    assert not again.retain
