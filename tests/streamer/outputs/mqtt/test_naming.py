"""Names that are given where nobody gives one."""

import socket

import pytest

from streamer.outputs.mqtt.naming import microphone_here
from streamer.outputs.mqtt.topics import topic_level


@pytest.mark.parametrize(
    ("host", "device", "name"),
    [
        ("attic", None, "microphone-attic"),
        ("Anna's MacBook.local", None, "microphone-Anna-s-MacBook"),
        ("attic", "1", "microphone-attic-1"),
        ("attic.home.example", "USB Audio: #2/+", "microphone-attic-USB-Audio-2"),
        ("", None, "microphone"),
    ],
)
def test_two_machines_and_two_microphones_have_names_of_their_own(
    monkeypatch: pytest.MonkeyPatch, host: str, device: str | None, name: str
) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: host)
    assert microphone_here(device) == name == topic_level(name)
