"""The guide to MQTT: its commands, run as written, against a broker where it takes one to be."""

import json
import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from streamer.config import Settings
from streamer.outputs.mqtt.discovery import ORIGIN
from tests.mosquitto import Mosquitto
from tests.tiny import make_bundle

ROOT = Path(__file__).parents[2]
GUIDE = ROOT / "docs" / "mqtt.md"
PORT = 1883


def commands() -> list[str]:
    return re.findall(r"^```sh\n(.*?)^```", GUIDE.read_text("utf-8"), re.DOTALL | re.MULTILINE)


@pytest.fixture
def broker(tmp_path: Path) -> Mosquitto:
    try:
        socket.create_server(("127.0.0.1", PORT)).close()
    except OSError:
        pytest.skip(f"something listens on port {PORT} already")
    return Mosquitto(tmp_path, port=PORT)


def test_the_commands_of_the_guide(tmp_path: Path, broker: Mosquitto) -> None:
    # What the commands leave open is set so that they are done soon.
    environment = os.environ | {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "MERITS_BUNDLE": str(make_bundle(tmp_path)),
        "MERITS_ASR": "none",
        "MERITS_OUTBOX__PATH": str(tmp_path / "outbox.sqlite"),
    }

    def run(command: str) -> str:
        done = subprocess.run(
            ["bash", "-euc", command], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=200
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    publish, state, device, remove, send = commands()
    with broker:
        run(publish)
        topic, payload = run(state).split(" ", 1)
        assert topic == "merits/kitchen/state"
        assert json.loads(payload)["turn"] > 5
        assert json.loads(run(device))["o"]["name"] == ORIGIN
        assert run(remove) == "removed kitchen\n"
        assert run(send) == "sent 0 messages to mqtt://localhost:1883\n"


def test_the_settings_that_the_guide_names_are_settings() -> None:
    named = set(re.findall(r"MERITS_(BROKER|OUTBOX)__([A-Z_]+[A-Z])", GUIDE.read_text("utf-8")))
    known = {
        (part, name.upper())
        for part, field in (("BROKER", "broker"), ("OUTBOX", "outbox"))
        for name in type(Settings.model_fields[field].default).model_fields
    }
    assert len(named) > 8
    assert named <= known
