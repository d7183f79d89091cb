"""A network that loses packets, is slow, or falls silent: program and broker, client and server."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import wave
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.docs.guide import ROOT
from tests.network import FAR, Network
from tests.scenarios.test_unreliable_broker import MERITS, TALK, TURNS, written
from tests.streamer.sound import conversation
from tests.tiny import make_bundle

PATIENCE_S = 150
PORT = 18_683
GREETINGS = 6
TOKEN = "a-token-of-the-test-alone"

pytestmark = [pytest.mark.system, pytest.mark.timeout(400)]


def until(done: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not done():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


class Hosts:
    """The broker, a subscriber beside it, and the program on the other host.

    Args:
        network: entered.
        folder: for what they write.
    """

    def __init__(self, network: Network, folder: Path) -> None:
        if shutil.which("mosquitto_sub") is None:
            pytest.skip("mosquitto_sub is not installed")
        self.network = network
        self.events = folder / "events.jsonl"
        self.errors = folder / "errors"
        self._folder = folder
        self._stack = ExitStack()
        self._broker: subprocess.Popen[bytes] | None = None
        config = folder / "mosquitto.conf"
        config.write_text(f"listener {PORT} 0.0.0.0\nuser root\nallow_anonymous true\n")
        self._program = shutil.which("mosquitto", path=f"{os.environ['PATH']}:/usr/sbin") or "mosquitto"

    def __enter__(self) -> "Hosts":
        self.start_broker()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _run(self, command: list[str], out: Path, **options: Any) -> "subprocess.Popen[bytes]":
        file = self._stack.enter_context(out.open("ab"))
        process = subprocess.Popen(command, stdout=file, stderr=file, stdin=subprocess.DEVNULL, **options)
        self._stack.callback(process.wait)
        self._stack.callback(process.kill)
        return process

    def start_broker(self) -> None:
        """Start it, and subscribe."""
        command = [self._program, "-c", str(self._folder / "mosquitto.conf")]
        self._broker = self._run(self.network.far(command), self._folder / "broker")
        subscribe = [
            "mosquitto_sub",
            "-h",
            "127.0.0.1",
            "-p",
            str(PORT),
            "-q",
            "1",
            "-t",
            "merits/kitchen/turn",
        ]
        patient = ["sh", "-c", 'until "$@"; do sleep 0.2; done', "sh", *subscribe]
        subscriber = self._run(self.network.far(patient), self._folder / "heard", start_new_session=True)
        self._stack.callback(_kill_group, subscriber)
        time.sleep(0.5)

    def kill_broker(self) -> None:
        """Kill it; it forgets everything."""
        assert self._broker is not None
        self._broker.kill()
        self._broker.wait()

    def talk(self, turns: int, pace: str) -> "subprocess.Popen[bytes]":
        """Publish turns, as the program does, and write them down too."""
        command = [sys.executable, "-c", TALK, f"mqtt://{FAR}:{PORT}", str(self.events), pace, str(turns)]
        ours = {
            "MERITS_OUTBOX__PATH": str(self._folder / "outbox.sqlite"),
            "MERITS_BROKER__DRAIN_S": str(PATIENCE_S),
        }
        return self._run(self.network.near(command), self.errors, env=os.environ | ours, cwd=ROOT)

    def heard(self) -> list[tuple[str, int]]:
        """The turns that reached the subscriber, each once, in the order in which they came first."""
        told = []
        for line in (self._folder / "heard").read_text().splitlines(keepends=True):
            if line.startswith("{") and line.endswith("}\n"):
                event = json.loads(line)
                told.append((event["session"], event["seq"]))
        return list(dict.fromkeys(told))


def _kill_group(leader: "subprocess.Popen[bytes]") -> None:
    if leader.poll() is None:
        os.killpg(leader.pid, signal.SIGKILL)


BAD_LINES = pytest.mark.parametrize(
    ("loss", "delay_s"), [(0.3, 0.01), (0.0, 2.0)], ids=["30 % of the packets are lost", "2 s each way"]
)


@BAD_LINES
def test_every_turn_reaches_the_broker(tmp_path: Path, loss: float, delay_s: float) -> None:
    with Network(loss, delay_s) as network, Hosts(network, tmp_path) as hosts:
        talking = hosts.talk(TURNS, "realtime")
        assert talking.wait(PATIENCE_S) == 0
        expected = written(hosts.events)
        assert len(expected) == TURNS
        until(lambda: len(hosts.heard()) >= TURNS, f"{len(hosts.heard())} turns came")
        assert hosts.heard() == expected


def test_a_line_that_falls_silent_loses_no_turn(tmp_path: Path) -> None:
    """The broker dies meanwhile, of which nobody is told: neither FIN nor RST comes through."""
    with Network() as network, Hosts(network, tmp_path) as hosts:
        talking = hosts.talk(40, "realtime")
        until(lambda: len(hosts.heard()) >= 3, "no turn came")
        network.down = True
        so_far = len(written(hosts.events))
        hosts.kill_broker()
        until(lambda: len(written(hosts.events)) > so_far + 8, "the program waits for the network")
        hosts.start_broker()
        network.down = False
        assert talking.wait(PATIENCE_S) == 0
        expected = written(hosts.events)
        assert len(expected) == 40
        until(lambda: len(hosts.heard()) >= 40, f"{len(hosts.heard())} turns came")
        assert hosts.heard() == expected


@contextmanager
def serving(network: Network, folder: Path, idle_s: float) -> Iterator[None]:
    """`merits serve` on the far host; what it hears of is written into folder/events."""
    bundle = make_bundle(folder / "bundle")
    (folder / "events").mkdir()
    command = [MERITS, "serve", "--host", FAR, "--port", str(PORT), "--events", str(folder / "events")]
    ours = {
        "MERITS_TOKEN": TOKEN,
        "MERITS_BUNDLE": str(bundle),
        "MERITS_ASR": "none",
        "MERITS_SERVER__IDLE_TIMEOUT_S": str(idle_s),
        "MERITS_SERVER__OPEN_TIMEOUT_S": "60",
        "MERITS_SERVER__VANISHED_TIMEOUT_S": str(PATIENCE_S),
        "MERITS_LOG_LEVEL": "info",
    }
    with (folder / "server").open("wb") as errors:
        server = subprocess.Popen(
            network.far(command), stderr=errors, stdout=subprocess.DEVNULL, env=os.environ | ours, cwd=folder
        )
        try:
            until(
                lambda: server.poll() is not None or "listening" in (folder / "server").read_text(),
                "no server",
            )
            assert server.poll() is None, (folder / "server").read_text()
            yield
        finally:
            server.terminate()
            server.wait(60)


def stream(network: Network, folder: Path) -> "subprocess.Popen[str]":
    """Say good morning, again and again, to the server."""
    speech = conversation()[16_000 * 8 // 10 : 16_000 * 18 // 10]
    with wave.open(str(folder / "talk.wav"), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes(
            np.concatenate([speech, np.zeros(16_000, np.int16)] * GREETINGS).astype("<i2").tobytes()
        )
    command = [sys.executable, str(ROOT / "examples/client.py"), str(folder / "talk.wav")]
    return subprocess.Popen(
        network.near([*command, f"ws://{FAR}:{PORT}", "kitchen"]),
        env=os.environ | {"MERITS_TOKEN": TOKEN},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def events_of(folder: Path) -> list[dict[str, Any]]:
    return [
        json.loads(line)
        for path in (folder / "events").glob("*.jsonl")
        for line in path.read_text().splitlines()
    ]


@BAD_LINES
def test_every_turn_reaches_the_client(tmp_path: Path, loss: float, delay_s: float) -> None:
    with Network() as network, serving(network, tmp_path, idle_s=PATIENCE_S):
        network.loss, network.delay_s = loss, delay_s
        client = stream(network, tmp_path)
        try:
            said, _ = client.communicate(timeout=PATIENCE_S)
        finally:
            client.kill()
        assert client.returncode == 0, said
        told = events_of(tmp_path)
        assert [event["type"] for event in told].count("turn.final") == GREETINGS
        assert told[-1]["reason"] == "end of input"
        starts = {line.split()[0] for line in said.splitlines()}
        assert starts == {f"{event['start_s']:.1f}" for event in told if event["type"] == "turn.final"}


def test_the_end_of_a_silent_connection_is_told(tmp_path: Path) -> None:
    with Network() as network, serving(network, tmp_path, idle_s=5):
        client = stream(network, tmp_path)
        try:
            until(lambda: any(event["type"] == "turn.final" for event in events_of(tmp_path)), "no turn")
            network.down = True
            until(lambda: events_of(tmp_path)[-1]["type"] == "session.ended", "the session never ends")
            network.down = False
            said, _ = client.communicate(timeout=PATIENCE_S)
        finally:
            client.kill()
        assert client.returncode != 0, said
        assert any(event["type"] == "turn.final" for event in events_of(tmp_path))
