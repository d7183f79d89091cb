"""Whole recordings through the whole program: the shipped bundle and the embedded recogniser."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import av
import jiwer
import jsonschema
import pytest

from benchmarks.conversations import SHARED_AUDIO, AssembledConversation, assemble
from streamer.audio.frame import SAMPLE_RATE
from streamer.events import event_schema
from tests.streamer.sound import CONVERSATION, truth

pytestmark = pytest.mark.system

MERITS = str(Path(sys.executable).parent / "merits")
RECORDINGS = sorted(path for path in SHARED_AUDIO.rglob("*") if path.suffix in {".wav", ".flac"}) or [
    CONVERSATION
]
SPEECHLESS = {"noise1", "rir1", "rir2", "rir3"}
needs_shared = pytest.mark.skipif(not SHARED_AUDIO.is_dir(), reason="needs ../shared/audio")

Events = list[dict[str, Any]]


def analyze(*arguments: object) -> Events:
    """Run it on files; what it prints must be events and nothing else."""
    done = subprocess.run(
        [MERITS, "analyze", *map(str, arguments), "--events", "-"],
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def finals(events: Events) -> Events:
    return [event for event in events if event["type"] == "turn.final"]


def duration_s(path: Path) -> float:
    with av.open(str(path)) as container:
        return sum(frame.samples / frame.sample_rate for frame in container.decode(audio=0))


@pytest.fixture(scope="module")
def everything() -> Events:
    return analyze(*RECORDINGS, "--asr", "auto")


def test_every_line_is_an_event_that_fits_the_schema(everything: Events) -> None:
    validator = jsonschema.Draft202012Validator(event_schema())
    for event in everything:
        validator.validate(event)


@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.stem)
def test_a_recording_gives_turns_where_someone_speaks(everything: Events, path: Path) -> None:
    events = [event for event in everything if event["stream"] == path.stem]
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    assert (events[0]["type"], events[-1]["type"]) == ("session.started", "session.ended")
    turns = finals(events)
    assert bool(turns) == (path.stem not in SPEECHLESS)
    length = duration_s(path)
    assert events[-1]["audio_s"] == pytest.approx(length, abs=0.01)
    for event in turns + [event for event in events if event["type"] == "turn.revised"]:
        assert 0 <= event["start_s"] < event["end_s"] <= length + 0.001
        assert sum(event["probabilities"].values()) == pytest.approx(1, abs=1e-6)
        for modality in event["modalities"].values():
            assert sum(modality.values()) == pytest.approx(1, abs=1e-6)
        assert event["emotion"] == max(event["probabilities"], key=event["probabilities"].__getitem__)


def test_the_sample_is_told_apart_and_understood_in_part() -> None:
    turns = finals(analyze(CONVERSATION, "--asr", "auto"))
    assert len(turns) == len(truth())
    spoken, heard = ([_plain(turn["text"]) or "-" for turn in each] for each in (truth(), turns))
    assert jiwer.wer(spoken, heard) < 0.1
    assert len({turn["emotion"] for turn in turns}) >= 3


def conditions() -> list[Any]:
    return [
        pytest.param({"snr_db": None, "room": None}, id="clean"),
        pytest.param({"snr_db": 10.0, "room": None}, id="noise at 10 dB"),
        pytest.param({"snr_db": 20.0, "room": "rir1"}, id="room and noise at 20 dB"),
    ]


@needs_shared
@pytest.mark.parametrize("condition", conditions())
def test_assembled_conversations_give_every_sentence_a_turn(
    tmp_path: Path, condition: dict[str, Any]
) -> None:
    conversation = assembled(7, **condition)
    turns = finals(analyze(conversation.write(tmp_path / "talk.wav"), "--asr", "auto"))
    assert len(turns) == len(conversation.turns)
    for turn, spoken in zip(turns, conversation.turns, strict=True):
        assert turn["start_s"] == pytest.approx(spoken.start / SAMPLE_RATE, abs=0.15)
        assert turn["end_s"] == pytest.approx(spoken.end / SAMPLE_RATE, abs=0.35)


@needs_shared
def test_each_channel_is_its_own_speaker_in_order_of_time(tmp_path: Path) -> None:
    conversation = assembled(3, channel_per_speaker=True)
    path = conversation.write(tmp_path / "call.wav")
    turns = finals(analyze(path, "--channels", "split", "--speakers", "agent,customer", "--asr", "none"))
    assert [turn["speaker"] for turn in turns] == [
        ("agent", "customer")[spoken.channel] for spoken in conversation.turns
    ]
    assert [turn["start_s"] for turn in turns] == sorted(turn["start_s"] for turn in turns)


def assembled(seed: int, **how: Any) -> AssembledConversation:
    conversation = assemble(seed, **how)
    assert conversation is not None
    return conversation


def _plain(text: str) -> str:
    return "".join(c for c in text.lower() if c.isalpha() or c in " '")
