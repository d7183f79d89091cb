"""reports/11: odd answers of a Wyoming server, in a session (each alone: `test_odd_answers.py`)."""

import json
import wave
from pathlib import Path

import pytest

from tests.streamer.cli.test_app import merits
from tests.streamer.sound import conversation
from tests.streamer.transcribers.wyoming.odd_server import odd_server, transcript
from tests.tiny import make_bundle

pytestmark = pytest.mark.system


def test_no_turn_is_lost_and_no_words_are_none(tmp_path: Path) -> None:
    bundle, talk = make_bundle(tmp_path / "bundle"), tmp_path / "talk.wav"
    with wave.open(str(talk), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes(conversation()[: int(16_000 * 7.7)].tobytes())
    for number, answer in enumerate((transcript(None), b"[1,2]\n", transcript("half \ud83d\0 a character"))):
        with odd_server(answer=answer) as server:
            asr, events = f"wyoming://127.0.0.1:{server.port}", tmp_path / f"{number}.jsonl"
            done = merits("analyze", talk, "--bundle", bundle, "--asr", asr, "--events", events)
        assert done.returncode == 0
        lines = [json.loads(line) for line in events.read_text().splitlines()]
        finals = [line for line in lines if line["type"] == "turn.final"]
        assert len(finals) == 2
        assert lines[-1]["reason"] == "end of input"
        if number < 2:
            [said] = done.stderr.splitlines()
            assert "faster-whisper:tiny.en takes over until it is back" in said
            assert {final["recogniser"] for final in finals} == {"faster-whisper:tiny.en"}
            assert "None" not in {final["text"] for final in finals}
        else:
            assert done.stderr == ""
            assert {final["text"] for final in finals} == {"half \ufffd a character"}
