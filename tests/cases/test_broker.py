"""What users reported of MQTT clients, and what strangers do to an outbox, with the program and a broker."""

import asyncio
import json
import os
import sqlite3
import stat
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import aiomqtt
import pytest

from tests.mosquitto import Mosquitto

pytestmark = pytest.mark.system

MERITS = str(Path(sys.executable).parent / "merits")
SESSION = Path(__file__).parents[2] / "samples" / "conversation.jsonl"
TURNS = 14


@pytest.fixture
def program(tmp_path: Path) -> "Program":
    return Program(tmp_path)


class Program:
    """The program, with an outbox of its own.

    Args:
        folder: where that is.
    """

    def __init__(self, folder: Path) -> None:
        self.outbox = folder / "outbox.sqlite"
        self.environment = {"MERITS_BROKER__DISCOVERY": "false", "MERITS_BROKER__DRAIN_S": "20"}

    def start(self, *what: str, **environment: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [MERITS, *what],
            env={**os.environ, "MERITS_OUTBOX__PATH": str(self.outbox), **self.environment, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *what: str, **environment: str) -> tuple[str, list[str]]:
        """What it prints, and the lines of what it says."""
        process = self.start(*what, **environment)
        out, said = process.communicate(timeout=120)
        assert process.returncode == 0, said
        assert "Traceback" not in said
        return out, said.splitlines()

    def play(self, broker: Mosquitto, *more: str, pace: str = "fast", **environment: str) -> list[str]:
        what = ["replay", str(SESSION), "--pace", pace, "--no-view", "--mqtt", broker.url, *more]
        return self.run(*what, **environment)[1]

    def rows(self, query: str) -> list[tuple[object, ...]]:
        with closing(sqlite3.connect(self.outbox)) as connection:
            found = connection.execute(query).fetchall()
            connection.commit()
            return found


@contextmanager
def listening(broker: Mosquitto, topic: str = "merits/#") -> Iterator[list[str]]:
    """What comes: topics and payloads; filled in at the end."""
    lines: list[str] = []
    reader = subprocess.Popen(
        ["mosquitto_sub", "-p", str(broker.port), "-v", "-t", topic, "-q", "1"],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        time.sleep(1)
        yield lines
        time.sleep(1)
    finally:
        reader.terminate()
        out, _ = reader.communicate()
        lines += out.splitlines()


def final_turns(lines: Sequence[str]) -> list[int]:
    events = [json.loads(line.split(" ", 1)[1]) for line in lines if line.split(" ", 1)[0].endswith("/turn")]
    return list(dict.fromkeys(event["turn"] for event in events if event["type"] == "turn.final"))


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_report_10_a_broker_with_a_small_max_packet_size(
    tmp_path: Path, program: Program, protocol: str
) -> None:
    with Mosquitto(tmp_path, "allow_anonymous true", "max_packet_size 700") as broker:
        with listening(broker) as lines:
            said = program.play(broker, MERITS_BROKER__PROTOCOL=protocol)
        assert sum("is set aside" in line for line in said) == 1
        assert not [line for line in said if "no connection" in line]
        assert len([line for line in lines if "/state" in line]) >= 1
        assert program.run("mqtt", "send", "--mqtt", broker.url) == (f"sent 0 messages to {broker.url}\n", [])
    assert program.rows("SELECT count(*) FROM messages WHERE aside IS NULL") == [(0,)]
    (aside, _) = program.run("mqtt", "set-aside")
    assert len(aside.splitlines()) >= TURNS
    with Mosquitto(tmp_path) as broker:
        with listening(broker) as lines:
            program.rows(f"UPDATE messages SET broker = '127.0.0.1:{broker.port}'")
            out, _ = program.run("mqtt", "set-aside", "retry", "--mqtt", broker.url)
            assert out == f"{len(aside.splitlines())} messages wait again\n"
            program.run("mqtt", "send", "--mqtt", broker.url)
        assert final_turns(lines) == list(range(1, TURNS + 1))
    assert program.run("mqtt", "set-aside")[0] == "nothing is set aside\n"


@pytest.mark.parametrize("days", [-28, 28, 20_000])
def test_report_12_a_clock_that_is_set_loses_nothing(tmp_path: Path, program: Program, days: int) -> None:
    broker = Mosquitto(tmp_path)
    program.play(broker, MERITS_BROKER__DRAIN_S="0")
    ((waiting,),) = program.rows("SELECT count(*) FROM messages")
    program.rows(f"UPDATE messages SET at = at + {days} * 86400")
    with broker, listening(broker) as lines:
        out, _ = program.run("mqtt", "send", "--mqtt", broker.url)
    assert out == f"sent {waiting} messages to {broker.url}\n"
    assert final_turns(lines) == list(range(1, TURNS + 1))


@pytest.mark.parametrize("killed", [False, True])
async def test_report_13_two_programs_under_one_stream_name(
    tmp_path: Path, mosquitto: Mosquitto, program: Program, killed: bool
) -> None:
    what = ["replay", str(SESSION), "--no-view", "--mqtt", mosquitto.url]
    (tmp_path / "other").mkdir()
    states: list[bytes] = []

    async def follow(*expected: bytes) -> None:
        """Read on until the last words on availability are these."""
        async with asyncio.timeout(60):
            async for message in client.messages:
                assert isinstance(message.payload, bytes)
                states.append(message.payload)
                if tuple(states[-len(expected) :]) == expected:
                    return

    async with aiomqtt.Client("127.0.0.1", mosquitto.port) as client:
        await client.subscribe("merits/conversation/availability", qos=1)
        first = program.start(*what, "--pace", "0.5")
        await follow(b"online")
        other = Program(tmp_path / "other").start(*what, "--pace", "0.5" if killed else "20")
        await follow(b"online", b"online")
        if killed:
            other.kill()
        await follow(b"offline", b"online")
        _, said = other.communicate(timeout=60)
        assert killed or "another program publishes as merits/conversation to" in said
        first.terminate()
        await follow(b"offline")
        _, said = first.communicate(timeout=60)
        assert killed or "another program publishes as merits/conversation to" in said


def test_hostile_07_what_no_broker_can_take_holds_nothing_up(
    tmp_path: Path, mosquitto: Mosquitto, program: Program
) -> None:
    long = tmp_path / "long.jsonl"
    events = [json.loads(line) for line in SESSION.read_text("utf-8").splitlines()]
    long.write_text("".join(json.dumps(event | {"stream": "x" * 70_000}) + "\n" for event in events))
    what = ["replay", str(long), "--pace", "fast", "--no-view", "--mqtt", mosquitto.url]
    said = program.run(*what)[1]
    assert sum("is set aside" in line for line in said) == 1
    assert all(len(line) < 400 for line in said)
    with listening(mosquitto) as lines:
        program.play(mosquitto)
        assert program.run("mqtt", "send", "--mqtt", mosquitto.url)[0].startswith("sent 0")
    assert final_turns(lines) == list(range(1, TURNS + 1))
    assert program.run("mqtt", "set-aside", "delete")[0].startswith("deleted")
    assert program.rows("SELECT count(*) FROM messages") == [(0,)]


def test_hostile_11_an_outbox_that_was_there_becomes_this_user_s_alone(
    program: Program, tmp_path: Path
) -> None:
    program.outbox.touch()
    program.outbox.chmod(0o666)
    program.play(Mosquitto(tmp_path), MERITS_BROKER__DRAIN_S="0")
    for file in tmp_path.glob("outbox.sqlite*"):
        assert stat.S_IMODE(file.stat().st_mode) & 0o077 == 0, file


def test_hostile_11_an_outbox_without_its_tables_is_put_aside_and_then_all_is_well(
    program: Program, mosquitto: Mosquitto, tmp_path: Path
) -> None:
    program.rows("PRAGMA user_version = 2")
    program.rows("CREATE TABLE x (a)")
    first, second = program.play(mosquitto), program.play(mosquitto)
    assert [line for line in first if "it was put aside as" in line] == first
    assert (len(first), second) == (1, [])
    (aside,) = tmp_path.glob("outbox.sqlite.damaged-*")
    with closing(sqlite3.connect(aside)) as connection:
        assert connection.execute("SELECT count(*) FROM x").fetchall() == [(0,)]
