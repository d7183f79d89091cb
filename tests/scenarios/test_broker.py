"""The program and a real broker: what a dashboard sees, also when the program is killed."""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import aiomqtt
import pytest

from tests.mosquitto import Mosquitto
from tests.streamer.sound import CONVERSATION
from tests.tiny import make_bundle

pytestmark = pytest.mark.system

MERITS = str(Path(sys.executable).parent / "merits")


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_bundle(tmp_path_factory.mktemp("bundle"))


def analyze(broker: Mosquitto, bundle: Path, *more: str) -> "subprocess.Popen[bytes]":
    command = [MERITS, "analyze", str(CONVERSATION), "--bundle", str(bundle), "--asr", "none"]
    return subprocess.Popen([*command, "--stream", "kitchen", "--mqtt", broker.url, *more])


async def read(
    broker: Mosquitto,
    topic: str,
    enough: Callable[[list[aiomqtt.Message]], bool],
    start: Callable[[], object],
) -> list[aiomqtt.Message]:
    seen: list[aiomqtt.Message] = []
    async with aiomqtt.Client("127.0.0.1", broker.port) as client:
        await client.subscribe(topic, qos=1)
        start()
        deadline = time.monotonic() + 60
        async for message in client.messages:
            seen.append(message)
            if enough(seen):
                return seen
            assert time.monotonic() < deadline
    return seen


def payload(message: aiomqtt.Message) -> str:
    assert isinstance(message.payload, bytes)
    return message.payload.decode()


async def test_turns_arrive_as_they_stand_in_the_events_file(
    mosquitto: Mosquitto, bundle: Path, tmp_path: Path
) -> None:
    events = tmp_path / "events.jsonl"
    last: list[str] = []

    def offline(seen: list[aiomqtt.Message]) -> bool:
        last.append(payload(seen[-1]))
        return str(seen[-1].topic).endswith("availability") and last[-1] == "offline"

    process: list[subprocess.Popen[bytes]] = []
    seen = await read(
        mosquitto,
        "merits/kitchen/#",
        offline,
        lambda: process.append(analyze(mosquitto, bundle, "--events", str(events))),
    )
    assert process[0].wait(30) == 0
    arrived = [payload(message) for message in seen if str(message.topic) == "merits/kitchen/turn"]
    written = [
        line for line in events.read_text().splitlines() if json.loads(line)["type"].startswith("turn.")
    ]
    assert arrived == [line for line in written if json.loads(line)["type"] in ("turn.final", "turn.revised")]

    [state] = await read(mosquitto, "merits/kitchen/state", lambda seen: True, lambda: None)
    assert state.retain
    assert json.loads(payload(state))["emotion"] in ("neutral", "joy", "anger")


async def test_availability_goes_offline_when_the_program_is_killed(
    mosquitto: Mosquitto, bundle: Path
) -> None:
    process: list[subprocess.Popen[bytes]] = []
    states: list[str] = []

    def killed(seen: list[aiomqtt.Message]) -> bool:
        states.append(payload(seen[-1]))
        if states[-1] == "online":
            process[0].kill()
        return states[-1] == "offline"

    await read(
        mosquitto,
        "merits/kitchen/availability",
        killed,
        lambda: process.append(analyze(mosquitto, bundle, "--pace", "realtime")),
    )
    assert states == ["online", "offline"]
    assert process[0].wait(10) == -9
