"""Conversations through Stage I of the sound: in order, silent where nothing is heard, and computed once."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from models.care import CareConfig, SpeechClassifier, SpeechConfig, build_care, pad
from offline_train.corpora.audio import load_audio, trim
from offline_train.corpora.corpus import Conversation, Recording, Utterance
from offline_train.embeddings.speech import embed_speech
from offline_train.runs.run import Run
from tests.offline_train.miniatures import hiss, tone, write_wav

CARE = CareConfig(bins=32, width=8, acoustic_blocks=1, semantic_blocks=1)
SPEECH = SpeechConfig(width=6, classes=3)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A finished Stage I with random weights."""
    torch.manual_seed(0)
    care = build_care(CARE)
    model = torch.nn.ModuleDict({"care": care, "speech": SpeechClassifier(care.dimension, SPEECH)})
    run = Run.open(tmp_path / "run", {}, "command")
    run.finish(model, {"care": CARE, "speech": SPEECH, "labels": ["a", "b", "c"]}, {})
    return run


@pytest.fixture
def conversations(tmp_path: Path) -> list[Conversation]:
    """Two: a recording each, parts of one recording, and an utterance without any."""
    write_wav(tmp_path / "one.wav", tone(0.4, hertz=300))
    long = tmp_path / "long.wav"
    write_wav(long, tone(2.0, hertz=200) + hiss(2.0, 800))
    recordings = [Recording(tmp_path / "one.wav"), None, Recording(long, 0.0, 0.7), Recording(long, 0.7)]
    turns = [Utterance(f"{i}", "words", None, recording=each) for i, each in enumerate(recordings)]
    return [Conversation("first", tuple(turns[:2])), Conversation("second", tuple(turns[2:]))]


def test_every_utterance_has_its_row(run: Run, conversations: list[Conversation]) -> None:
    rows, present = embed_speech(run, conversations)
    assert rows.shape == (4, 6)
    assert present.tolist() == [True, False, True, True]
    assert not rows[1].any()
    care = build_care(CARE)
    speech = SpeechClassifier(care.dimension, SPEECH)
    run.load_weights(torch.nn.ModuleDict({"care": care, "speech": speech}))
    recording = conversations[1].utterances[1].recording
    assert recording is not None
    with torch.no_grad():
        expected, _ = speech(care(*pad([care.prepare(trim(load_audio(recording)))])))
    torch.testing.assert_close(rows[3], expected[0])


def test_what_was_heard_is_not_computed_again(
    run: Run, conversations: list[Conversation], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    first, _ = embed_speech(run, conversations)

    def never(recording: Recording) -> None:
        raise AssertionError(f"{recording} was decoded again")

    moved = tmp_path / "elsewhere.wav"
    moved.write_bytes((tmp_path / "one.wav").read_bytes())
    (tmp_path / "one.wav").unlink()
    one = replace(conversations[0].utterances[0], recording=Recording(moved))
    copied = [Conversation("first", (one, conversations[0].utterances[1])), conversations[1]]
    with monkeypatch.context() as patch:
        patch.setattr("offline_train.embeddings.recording_cache.load_audio", never)
        again, present = embed_speech(run, copied)
        torch.testing.assert_close(again, first)
        assert present.tolist() == [True, False, True, True]
        write_wav(moved, tone(0.4, hertz=500))
        with pytest.raises(AssertionError, match="decoded again"):
            embed_speech(run, copied)
    changed, _ = embed_speech(run, copied)
    assert not torch.equal(changed[0], first[0])
    torch.testing.assert_close(changed[1:], first[1:])


def test_a_recording_that_is_gone_is_absent(
    run: Run, conversations: list[Conversation], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "one.wav").unlink()
    rows, present = embed_speech(run, conversations)
    assert present.tolist() == [False, False, True, True]
    assert not rows[0].any()
    assert "1 of 3 recordings are left out" in capsys.readouterr().err


def test_nothing_to_hear(run: Run) -> None:
    mute = [Conversation("c", (Utterance("u", "words", None),))]
    rows, present = embed_speech(run, mute)
    assert rows.shape == (1, 6)
    assert present.tolist() == [False]
