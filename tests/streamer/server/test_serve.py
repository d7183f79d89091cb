"""`merits serve` as users meet it: real processes, tiny networks."""

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import time
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import aiomqtt
import pytest
from websockets.asyncio.client import connect

from tests.mosquitto import Mosquitto
from tests.streamer.cli.test_app import MERITS, merits, one_line
from tests.streamer.server.serving import events_of, read, send, start, until
from tests.streamer.sound import conversation

CLIENT = Path(__file__).parents[3] / "examples" / "client.py"
BEGINNING = conversation()[:96_000].tobytes()


class Server:
    """A `merits serve` that listens."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        assert process.stderr is not None
        self.process = process
        self.stderr = process.stderr.readline()
        found = re.search(r"listening on (ws://\S+)NAME", self.stderr)
        assert found, self.stderr + process.stderr.read()
        self.url = found[1]

    def ended(self) -> int:
        _, rest = self.process.communicate(timeout=60)
        self.stderr += rest
        return self.process.returncode


@contextmanager
def running(bundle: Path, *more: object) -> Iterator[Server]:
    command = [MERITS, "serve", "--port", "0", "--bundle", bundle, "--asr", "none", *more]
    process = subprocess.Popen(
        [*map(str, command)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        yield Server(process)
    finally:
        process.kill()
        process.communicate()


@pytest.mark.system
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
async def test_interrupted_it_tells_what_it_heard(
    bundle: Path, tmp_path: Path, number: signal.Signals, code: int
) -> None:
    with running(bundle, "--events", tmp_path) as server:
        async with connect(f"{server.url}desk") as desk, connect(f"{server.url}door") as door:
            for websocket in (desk, door):
                await websocket.send(start(live=True))
                await send(websocket, BEGINNING, end=False)
                await until(websocket, "turn.started")
            server.process.send_signal(number)
            both = await asyncio.gather(read(desk), read(door))
        assert await asyncio.to_thread(server.ended) == code
    for told in both:
        assert told.of("turn.final")
        ended = told.messages[-2]
        assert (ended["type"], ended["reason"]) == ("session.ended", "interrupted")
        assert (told.error, told.close_code) == ("shutting_down", 1001)
    written = events_of(tmp_path, "desk")
    assert written[-len(both[0].messages) + 1 :] == both[0].messages[:-1]
    assert "Traceback" not in server.stderr


@pytest.mark.system
async def test_interrupted_twice_it_leaves_at_once(bundle: Path, tmp_path: Path) -> None:
    """It would wait for a broker that is away."""
    with running(bundle, "--events", tmp_path, "--mqtt", "mqtt://127.0.0.1:1") as server:
        async with connect(f"{server.url}desk") as desk:
            await desk.send(start())
            await until(desk, "session.started")
            server.process.send_signal(signal.SIGINT)
            await until(desk, "session.ended")
            server.process.send_signal(signal.SIGINT)
            assert await asyncio.to_thread(server.ended) == 130
    assert events_of(tmp_path, "desk")[-1]["type"] == "session.ended"
    assert "could not be delivered" not in server.stderr
    assert "Traceback" not in server.stderr


@pytest.mark.system
async def test_events_of_all_streams_on_standard_output_and_to_a_broker(
    bundle: Path, mosquitto: Mosquitto
) -> None:
    with running(bundle, "--events", "-", "--mqtt", mosquitto.url) as server:
        async with aiomqtt.Client("127.0.0.1", mosquitto.port) as client:
            await client.subscribe("merits/+/turn", qos=1)
            for name in ("desk", "door"):
                async with connect(f"{server.url}{name}") as websocket:
                    await websocket.send(start())
                    await send(websocket, BEGINNING)
                    assert (await read(websocket)).close_code == 1000
            published = [await anext(client.messages) for _ in range(2)]
        server.process.send_signal(signal.SIGINT)
        out, _ = await asyncio.to_thread(server.process.communicate)
    events = [json.loads(line) for line in out.splitlines()]
    assert {event["stream"] for event in events} == {"desk", "door"}
    turns = [event for event in events if event["type"] in ("turn.final", "turn.revised")]
    assert json.loads(published[0].payload) == turns[0]


@pytest.mark.system
async def test_the_example_client_prints_turns(bundle: Path, tmp_path: Path) -> None:
    sound = tmp_path / "talk.wav"
    with wave.open(str(sound), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes(BEGINNING)
    token = "correct-horse-battery-staple"
    (tmp_path / "token").write_text(token)

    def client(
        *arguments: object, token: str = token, piped: bytes | None = None
    ) -> "subprocess.CompletedProcess[bytes]":
        return subprocess.run(
            [sys.executable, str(CLIENT), *map(str, arguments)],
            input=piped,
            capture_output=True,
            timeout=60,
            check=False,
            env={**os.environ, "MERITS_TOKEN": token},
        )

    with running(bundle, "--token-file", tmp_path / "token") as server:
        address = server.url.removesuffix("/v1/streams/")
        began = time.monotonic()
        done = await asyncio.to_thread(client, sound, address)
        assert (done.returncode, done.stderr) == (0, b"")
        assert time.monotonic() - began > len(BEGINNING) / 32_000, "at the pace of speech"
        assert re.match(rb" +0\.\d  (neutral|joy|anger) ", done.stdout)
        stranger = await asyncio.to_thread(lambda: client(sound, address, token="x" * 20))
        assert stranger.returncode == 1
        assert b"401" in stranger.stderr
        piped = await asyncio.to_thread(lambda: client("-", address, piped=BEGINNING))
        assert piped.stdout == done.stdout
        server.process.send_signal(signal.SIGINT)
        server.ended()
    assert token not in server.stderr


def test_the_example_client_is_short() -> None:
    assert len(CLIENT.read_text().splitlines()) < 60


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--port", "70000"], "server.port"),
        (["--host", "0.0.0.0"], "--token-file"),
        (["--token-file", "nowhere"], "nowhere"),
        (["--events", "nowhere"], "nowhere"),
        (["--tls-cert", "cert.pem"], "tls_cert and tls_key go together"),
        (["--tls-cert", "cert.pem", "--tls-key", "key.pem"], "cert.pem"),
        (["--mqtt", "http://localhost"], "mqtt://"),
        (["--max-streams", "0"], "max_streams"),
        (["talk.wav"], "talk.wav"),
    ],
)
def test_bad_usage_is_one_line_and_exit_2(tmp_path: Path, arguments: list[str], message: str) -> None:
    done = merits("serve", *arguments, cwd=tmp_path)
    assert message in one_line(done)
    assert done.returncode == 2
    assert list(tmp_path.iterdir()) == []
