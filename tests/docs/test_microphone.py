"""The guide to the microphone, on a virtual one that hears the sample conversation."""

import json
import os
import signal
import time
from pathlib import Path

import pytest

from benchmarks.virtual_microphone import virtual_microphone
from streamer.settings.settings import Settings
from tests.docs.guide import Shell, blocks, commands, text
from tests.streamer.audio.test_microphone import needs_pulse
from tests.streamer.sound import conversation
from tests.tiny import make_bundle

TURNS = 2


@pytest.mark.docs
@needs_pulse
def test_the_commands_run_as_written(tmp_path: Path) -> None:
    bundle = make_bundle(tmp_path / "bundle")
    (tmp_path / "home").mkdir()
    with virtual_microphone(tmp_path / "home", conversation()) as environment:
        if environment is None:
            pytest.skip("pulseaudio does not start here")
        shell = Shell(tmp_path, environment | {"MERITS_BUNDLE": str(bundle), "MERITS_ASR": "none"})
        doctor, devices, listen, again = commands("microphone")
        assert "microphone  works" in shell.run(doctor)
        assert "merits listen --device NUMBER" in shell.run(devices)
        listening = shell.start(listen)
        events = tmp_path / "kitchen.jsonl"
        deadline = time.monotonic() + 90
        while not events.exists() or events.read_text().count('"turn.final"') < TURNS:
            assert listening.poll() is None, listening.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.1)
        os.killpg(listening.pid, signal.SIGINT)  # Ctrl-C
        out, err = listening.communicate(timeout=60)
        assert listening.returncode == 130, err
        assert out.splitlines()[0] == "default: none, tiny@1"
        assert "interrupted" in out.splitlines()[-1]
        replayed = shell.run(again)
    assert replayed.splitlines()[-len(out.splitlines()) :] == out.splitlines()
    kinds = [json.loads(line)["type"] for line in events.read_text().splitlines()]
    assert kinds[-1] == "session.ended"
    assert {"kitchen.html", "kitchen.csv"} <= {path.name for path in tmp_path.iterdir()}


def test_the_settings_shown_are_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    [shown] = blocks(text("microphone"), "toml")
    (tmp_path / "merits.toml").write_text(shown, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    settings = Settings()
    assert settings.asr == "faster-whisper:small.en"
    assert not settings.text
    assert settings.turns.endpoint_ms == 800
