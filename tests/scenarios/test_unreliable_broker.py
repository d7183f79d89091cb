"""The program, a broker that is stopped and killed, and a kill of the program: no turn is lost."""

import asyncio
import json
import os
import shutil
import ssl
import subprocess
import sys
import wave
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiomqtt
import numpy as np
import pytest

from tests.mosquitto import Mosquitto
from tests.streamer.sound import conversation
from tests.tiny import make_bundle

pytestmark = pytest.mark.system

MERITS = str(Path(sys.executable).parent / "merits")
TURNS = 14


@dataclass
class Setup:
    """A broker, who is let in, and how the program is told so.

    Attributes:
        broker: not yet started.
        url: for `--mqtt`.
        environment: of the program.
        subscriber: arguments of the subscriber's client.
    """

    broker: Mosquitto
    url: str
    environment: dict[str, str] = field(default_factory=dict)
    subscriber: dict[str, Any] = field(default_factory=dict)


Command = Callable[[Setup, Path, str], list[str]]
"""What tells TURNS turns to the broker and to a file of events, at the pace of "realtime" or "fast"."""

TALK = """
import asyncio, logging, sys
from streamer.settings.settings import load_settings
from streamer.outputs.jsonl import JsonLines
from streamer.outputs.mqtt.address import BrokerAddress
from streamer.outputs.mqtt.output import Mqtt
from streamer.outbox.outbox import Outbox
from tests.streamer.outputs.samples import Sample

async def main(url, events, pause_s):
    settings = load_settings()
    address = BrokerAddress.of(url, settings.broker)
    outbox, file, sample = Outbox(settings.outbox), JsonLines(events), Sample()
    async with outbox, Mqtt(address, "kitchen", outbox) as mqtt, file:
        for event in (sample.started(), *(sample.final(turn) for turn in range(1, int(sys.argv[4]) + 1))):
            for output in (mqtt, file):
                await output.send(event)
            await asyncio.sleep(pause_s)

logging.basicConfig(format="merits: %(message)s")
asyncio.run(main(sys.argv[1], sys.argv[2], 0.4 if sys.argv[3] == "realtime" else 0.1))
"""


def plain(folder: Path) -> Setup:
    broker = Mosquitto(folder)
    return Setup(broker, broker.url)


def password(folder: Path) -> Setup:
    users = folder / "users"
    subprocess.run(["mosquitto_passwd", "-c", "-b", str(users), "ann", "s3cret"], check=True)
    broker = Mosquitto(folder, "allow_anonymous false", f"password_file {users}")
    environment = {"MERITS_BROKER__USERNAME": "ann", "MERITS_BROKER__PASSWORD": "s3cret"}
    return Setup(broker, broker.url, environment, {"username": "ann", "password": "s3cret"})


def tls(folder: Path) -> Setup:
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    cert, key = folder / "cert.pem", folder / "key.pem"
    request = (
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=test"
    )
    what = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(cert)]
    subprocess.run([*request.split(), *what], check=True, stderr=subprocess.DEVNULL)
    broker = Mosquitto(folder, "allow_anonymous true", f"certfile {cert}", f"keyfile {key}")
    context = ssl.create_default_context(cafile=str(cert))
    url = broker.url.replace("mqtt://", "mqtts://")
    return Setup(broker, url, {"MERITS_BROKER__CA_FILE": str(cert)}, {"tls_context": context})


class Subscriber:
    """Reads turns for as long as it takes, and finds the broker again whatever becomes of it."""

    def __init__(self, setup: Setup) -> None:
        self._setup = setup
        self.turns: list[dict[str, Any]] = []

    async def run(self) -> None:
        while True:
            with suppress(aiomqtt.MqttError):
                port = self._setup.broker.port
                async with aiomqtt.Client("127.0.0.1", port, **self._setup.subscriber) as client:
                    await client.subscribe("merits/kitchen/turn", qos=1)
                    async for message in client.messages:
                        assert isinstance(message.payload, bytes)
                        self.turns.append(json.loads(message.payload))
            await asyncio.sleep(0.2)

    def finals(self) -> list[tuple[str, int]]:
        """Those that came, each once, in the order in which they came first."""
        events = [turn for turn in self.turns if turn["type"] == "turn.final"]
        return list(dict.fromkeys((event["session"], event["seq"]) for event in events))


def written(events: Path) -> list[tuple[str, int]]:
    lines = [json.loads(line) for line in events.read_text().splitlines()] if events.exists() else []
    return [(line["session"], line["seq"]) for line in lines if line["type"] == "turn.final"]


def many_turns(path: Path) -> Path:
    """Someone who says "Good morning" again and again."""
    speech = conversation()[16_000 * 8 // 10 : 16_000 * 18 // 10]
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes(np.concatenate([speech, np.zeros(16_000, np.int16)] * TURNS).astype("<i2").tobytes())
    return path


def talk(setup: Setup, events: Path, pace: str) -> list[str]:
    """The outputs alone, wired as the program does."""
    return [sys.executable, "-c", TALK, setup.url, str(events), pace, str(TURNS)]


def program(recording: Path, bundle: Path) -> Command:
    """The program itself."""

    def command(setup: Setup, events: Path, pace: str) -> list[str]:
        what = [MERITS, "analyze", str(recording), "--bundle", str(bundle), "--asr", "none", "--pace", pace]
        return [*what, "--no-view", "--stream", "kitchen", "--mqtt", setup.url, "--events", str(events)]

    return command


async def live_through_it(setup: Setup, folder: Path, command: Command, patience_s: float) -> None:
    ours = {"MERITS_OUTBOX__PATH": str(folder / "outbox.sqlite"), "MERITS_BROKER__DRAIN_S": str(patience_s)}
    environment = os.environ | setup.environment | ours
    errors = (folder / "errors").open("wb")
    processes = []

    async def start(events: Path, pace: str) -> asyncio.subprocess.Process:
        process = await asyncio.create_subprocess_exec(
            *command(setup, events, pace), env=environment, stdout=subprocess.DEVNULL, stderr=errors
        )
        processes.append(process)
        return process

    async def until(done: Callable[[], bool]) -> None:
        async with asyncio.timeout(patience_s):
            while not done():
                await asyncio.sleep(0.02)

    first, second = folder / "first.jsonl", folder / "second.jsonl"
    subscriber = Subscriber(setup)
    reading = asyncio.create_task(subscriber.run())
    try:
        setup.broker.start()
        process = await start(first, "realtime")
        await until(lambda: len(subscriber.finals()) >= 1)
        setup.broker.stop()
        so_far = len(written(first))
        await until(lambda: len(written(first)) > so_far)
        setup.broker.start()
        await until(lambda: len(subscriber.finals()) > so_far)
        setup.broker.stop(kill=False)
        so_far = len(written(first))
        await until(lambda: len(written(first)) > so_far + 1)
        process.kill()
        await process.wait()
        assert len(subscriber.finals()) < len(written(first)) < TURNS

        process = await start(second, "fast")
        await until(lambda: len(written(second)) >= 1)
        setup.broker.start()
        await until(lambda: len(subscriber.finals()) > so_far)
        setup.broker.stop()
        setup.broker.start()
        assert await asyncio.wait_for(process.wait(), patience_s) == 0
        expected = written(first) + written(second)
        with suppress(TimeoutError):
            await until(lambda: len(subscriber.finals()) >= len(expected))
        assert subscriber.finals() == expected
        assert len(written(second)) == TURNS
    finally:
        reading.cancel()
        setup.broker.stop()
        errors.close()
        for process in processes:
            if process.returncode is None:
                process.kill()
                await process.wait()
    said = (folder / "errors").read_text()
    assert "no connection to" in said
    assert "s3cret" not in said
    assert all(line.startswith("merits: ") for line in said.splitlines())


@pytest.mark.parametrize("make", [plain, password, tls])
async def test_every_turn_arrives_in_order_and_once(tmp_path: Path, make: Callable[[Path], Setup]) -> None:
    await live_through_it(make(tmp_path), tmp_path, talk, patience_s=30)


@pytest.mark.timeout(600)
async def test_so_it_does_with_the_whole_program(tmp_path: Path) -> None:
    command = program(many_turns(tmp_path / "talk.wav"), make_bundle(tmp_path))
    await live_through_it(plain(tmp_path), tmp_path, command, patience_s=120)
