"""The guide to MQTT, against a broker where it takes one to be."""

import json
import socket
from pathlib import Path

import pytest

from streamer.outputs.mqtt.discovery import ORIGIN
from tests.docs.guide import ROOT, Shell, commands
from tests.mosquitto import Mosquitto
from tests.tiny import make_bundle

pytestmark = pytest.mark.docs

PORT = 1883


@pytest.fixture
def broker(tmp_path: Path) -> Mosquitto:
    try:
        socket.create_server(("127.0.0.1", PORT)).close()
    except OSError:
        pytest.skip(f"something listens on port {PORT} already")
    return Mosquitto(tmp_path, port=PORT)


def test_the_commands_run_as_written(tmp_path: Path, broker: Mosquitto) -> None:
    shell = Shell(
        ROOT,
        {
            "MERITS_BUNDLE": str(make_bundle(tmp_path)),
            "MERITS_ASR": "none",
            "MERITS_OUTBOX__PATH": str(tmp_path / "outbox.sqlite"),
        },
    )
    publish, state, device, remove, send = commands("mqtt")
    with broker:
        shell.run(publish)
        topic, payload = shell.run(state).split(" ", 1)
        assert topic == "merits/kitchen/state"
        assert json.loads(payload)["turn"] > 5
        assert json.loads(shell.run(device))["o"]["name"] == ORIGIN
        assert shell.run(remove) == "removed kitchen\n"
        assert shell.run(send) == "sent 0 messages to mqtt://localhost:1883\n"
