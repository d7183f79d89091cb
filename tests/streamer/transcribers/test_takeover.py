"""A session of `merits` whose Wyoming server is killed in the middle: real processes, sound and pace."""

import json
import subprocess
import sys
import time
import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.streamer.sound import conversation, truth
from tests.streamer.transcribers.wyoming.wyoming_server import WORDS, wyoming_server
from tests.tiny import make_bundle

pytestmark = pytest.mark.kill

MERITS = str(Path(sys.executable).parent / "merits")


TURNS = 4


@pytest.mark.timeout(600)
def test_the_server_is_killed_and_the_session_goes_on(tmp_path: Path) -> None:
    bundle, path = make_bundle(tmp_path / "bundle"), tmp_path / "events.jsonl"
    talk = tmp_path / "talk.wav"
    with wave.open(str(talk), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes(conversation()[: int(16_000 * truth()[TURNS]["start_s"]) - 4_800].tobytes())

    def told(kind: str) -> list[dict[str, Any]]:
        lines = path.read_text().splitlines() if path.exists() else []
        return [event for event in map(json.loads, lines) if event["type"] == kind]

    with wyoming_server() as (port, server):
        command = [MERITS, "analyze", talk, "--pace", "realtime", "--events", path, "--bundle", bundle]
        session = subprocess.Popen(
            [*map(str, command), "--asr", f"wyoming://127.0.0.1:{port}?language=en"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            wait_for(lambda: len(told("turn.final")) >= 1, session)
            server.kill()
            _, errors = session.communicate(timeout=250)
        finally:
            session.kill()
    assert session.returncode == 0
    [started], finals = told("session.started"), told("turn.final")
    assert started["recogniser"] == "wyoming:known-words:tiny"
    assert len(finals) == TURNS
    recognisers = [final["recogniser"] for final in finals]
    taken_over = recognisers.index("faster-whisper:tiny.en")
    assert set(recognisers[:taken_over]) == {"wyoming:known-words:tiny"}
    assert set(recognisers[taken_over:]) == {"faster-whisper:tiny.en"}
    assert {final["text"] for final in finals[:taken_over]} == {WORDS}
    assert any(final["text"] not in ("", WORDS) for final in finals[taken_over:])
    [said] = errors.splitlines()
    assert "faster-whisper:tiny.en takes over until it is back" in said
    [health] = [event for event in told("health") if "faster-whisper:tiny.en" in event["message"]]
    assert health["status"] == "degraded"


def wait_for(condition: Callable[[], bool], session: "subprocess.Popen[str]") -> None:
    deadline = time.monotonic() + 250
    while not condition():
        assert session.poll() is None, session.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)
