"""Conversations through Stage I of the sound: in order, beside their speakers, and computed once."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from models.care import CareConfig, build_care, pad
from models.sample_rate import SAMPLE_RATE
from models.speaker_means import usual
from models.speech_classifier import SpeechClassifier, SpeechConfig
from offline_train.corpora.audio import load_audio, trim
from offline_train.corpora.corpus import Conversation, Recording, Utterance
from offline_train.embeddings.corpus import embed
from offline_train.embeddings.speech import Sound, SpeechPath, judge_sound
from offline_train.errors import UsageError
from offline_train.runs.run import Run
from tests.offline_train.miniatures import hiss, tone, write_wav

CARE = CareConfig(blocks=1)
SPEECH = SpeechConfig(width=6, classes=3)


def stage1(dimension: int, prior: float = 0.0) -> SpeechClassifier:
    torch.manual_seed(0)
    speech = SpeechClassifier(dimension, SPEECH).eval()
    speech.prior += prior
    return speech


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A finished Stage I with random weights."""
    speech = stage1(build_care(CARE).dimension)
    run = Run.open(tmp_path / "run", {}, "command")
    run.finish(
        torch.nn.ModuleDict({"speech": speech}), {"care": CARE, "speech": SPEECH, "labels": list("abc")}, {}
    )
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
    first, second = embed(conversations, "abc", None, run)
    assert first.speech.shape == (2, 6)
    assert first.present.tolist() == [[False, True], [False, False]]
    assert second.present[:, 1].all()
    assert not first.speech[1].any()
    care, speech = build_care(CARE), stage1(run.weight_shape("speech.prior")[0])
    recordings = [each.recording for each in conversations[1].utterances]
    sounds = [trim(load_audio(each)) for each in recordings if each is not None]
    with torch.no_grad():
        heard = [care(*pad([care.prepare(sound)]))[0] for sound in sounds]
        # Nobody says who speaks: the second turn is judged beside the first.
        beside = usual(speech.prior, SPEECH.prior_turns, heard[0], 1)
        expected = speech(torch.stack(heard), torch.stack([speech.prior, beside])).s1
    torch.testing.assert_close(second.speech, expected, atol=1e-5, rtol=1e-4)
    lengths = torch.tensor([len(sound) / SAMPLE_RATE for sound in sounds])
    torch.testing.assert_close(second.evidence[:, 1], lengths / (lengths + 1))


def test_a_voice_is_judged_beside_its_own_speaker_in_its_own_conversation() -> None:
    speech = stage1(4, prior=1.0)
    turns = [("one", "A"), ("one", "B"), ("one", "A"), ("two", "A"), ("two", "A")]
    random = np.random.default_rng(0)
    features = random.standard_normal((5, 4)).astype(np.float32)
    said = [
        Utterance(str(i), None, None, speaker=who, speech=features[i]) for i, (_, who) in enumerate(turns)
    ]
    path = SpeechPath(speech)
    sound = path.embed([Conversation("one", tuple(said[:3])), Conversation("two", tuple(said[3:]))])
    alone = judge_sound(speech, Sound(*(each[:1] for each in sound)), ["A"])
    s1 = judge_sound(speech, Sound(*(each[:3] for each in sound)), "ABA")
    torch.testing.assert_close(s1[0], alone[0])
    first_of_b = judge_sound(speech, Sound(*(each[1:2] for each in sound)), "B")
    torch.testing.assert_close(s1[1], first_of_b[0])
    strangers = judge_sound(speech, Sound(*(each[:3] for each in sound)), [None] * 3)
    assert not torch.allclose(strangers[1], s1[1])
    with pytest.raises(UsageError, match="one size"):
        path.embed([Conversation("one", (said[0], replace(said[1], speech=features[1, :2])))])


def test_clips_of_a_speaker_are_turns_of_one_conversation(tmp_path: Path) -> None:
    speech = stage1(4)
    run = Run.open(tmp_path / "run", {}, "command")
    run.finish(torch.nn.ModuleDict({"speech": speech}), {"features": 4, "speech": SPEECH}, {})
    features = np.ones((3, 4), np.float32)
    clips = [
        Conversation(f"clip{i}", (Utterance("u", None, "a", speaker=who, speech=features[i]),))
        for i, who in enumerate("AAB")
    ]
    s1 = torch.cat([each.speech for each in embed(clips, "abc", None, run)])
    same = [bool(torch.allclose(s1[2], row)) for row in s1[:2]]
    assert sorted(same) == [False, True]  # one of A's comes first, as B's only one does


def test_what_was_heard_is_not_computed_again(
    run: Run, conversations: list[Conversation], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    first = SpeechPath.of_run(run).embed(conversations)

    def never(recording: Recording) -> None:
        raise AssertionError(f"{recording} was decoded again")

    moved = tmp_path / "elsewhere.wav"
    moved.write_bytes((tmp_path / "one.wav").read_bytes())
    (tmp_path / "one.wav").unlink()
    one = replace(conversations[0].utterances[0], recording=Recording(moved))
    copied = [Conversation("first", (one, conversations[0].utterances[1])), conversations[1]]
    path = SpeechPath.of_run(run)
    with monkeypatch.context() as patch:
        patch.setattr("offline_train.embeddings.recording_cache.load_audio", never)
        again = path.embed(copied)
        torch.testing.assert_close(again.embeddings, first.embeddings)
        assert again.present.tolist() == [True, False, True, True]
        write_wav(moved, tone(0.4, hertz=500))
        with pytest.raises(AssertionError, match="decoded again"):
            path.embed(copied)
    changed = path.embed(copied).embeddings
    assert not torch.equal(changed[0], first.embeddings[0])
    torch.testing.assert_close(changed[1:], first.embeddings[1:])


def test_a_recording_that_is_gone_is_absent(
    run: Run, conversations: list[Conversation], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "one.wav").unlink()
    rows, present, _ = SpeechPath.of_run(run).embed(conversations)
    assert present.tolist() == [False, False, True, True]
    assert not rows[0].any()
    assert "1 of 3 recordings are left out" in capsys.readouterr().err


def test_nothing_to_hear(run: Run) -> None:
    mute = [Conversation("c", (Utterance("u", "words", None),))]
    (one,) = embed(mute, "abc", None, run)
    assert one.speech.shape == (1, 6)
    assert one.present.tolist() == [[False, False]]
