"""Stage I of the sound on a handful of tones: it learns, resumes, and looks at test actors once."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from models.care import CareConfig, build_care, pad
from models.speaker_means import usual_of_turns
from models.speech_classifier import SpeechClassifier, SpeechConfig
from offline_train.batches.histories import turns_of
from offline_train.corpora.audio import load_audio, trim
from offline_train.corpora.clips import FOLDS
from offline_train.corpora.corpus import Conversation, Corpus, Recording
from offline_train.corpora.emotions import EMOTIONS
from offline_train.corpora.errors import CorpusError
from offline_train.corpora.ravdess import RAVDESS
from offline_train.corpora.registry import read_corpus
from offline_train.errors import RunFolderError, UsageError
from offline_train.evaluation.voices import judge_voices
from offline_train.runs.run import Run
from offline_train.runs.run_corpus import RunCorpus
from offline_train.stages import speech_network, stage1_speech
from offline_train.stages.stage1_speech import SpeechStageSettings, cross_validate, train_speech
from offline_train.training.fit import FitSettings
from tests.models.test_care import tiny_wavlm
from tests.offline_train.miniatures import make_ravdess, make_voices

SETTINGS = SpeechStageSettings(
    care=CareConfig(blocks=1),
    variants=1,
    width=16,
    hidden=0,
    batch=16,
    fit=FitSettings(epochs=12, learning_rate=3e-3, weight_decay=0.05, average=0.9),
)
SHORT = replace(SETTINGS, variants=0, fit=replace(SETTINGS.fit, epochs=1))


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """Networks this small are no faster on more, and much slower where others want the cores too."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_ravdess(tmp_path_factory.mktemp("ravdess"))


@pytest.fixture(scope="module")
def corpus(clips: Path) -> Corpus:
    return RAVDESS.read(clips)


def opened(folder: Path, settings: SpeechStageSettings = SETTINGS, **more: object) -> Run:
    return Run.open(folder, {"settings": settings, "parents": {}, **more}, "the command")


@pytest.mark.slow
def test_learns_tones_and_stores_what_rebuilds_it(corpus: Corpus, tmp_path: Path) -> None:
    metrics = train_speech(corpus, SETTINGS, opened(tmp_path / "run"))
    assert metrics["validation"]["weighted_f1"] > 60
    assert metrics["test"]["utterances"] == 16
    assert tuple(metrics["test"]["f1"]) == EMOTIONS
    assert np.array(metrics["validation"]["confusion"]).shape == (7, 7)
    assert metrics["test"]["arousal_auc"] > 60
    assert json.loads((tmp_path / "run/metrics.json").read_text()) == metrics
    assert not (tmp_path / "run/prepared").exists()

    stored = json.loads((tmp_path / "run/config.json").read_text())
    care = build_care(CareConfig(**stored["care"])).eval()
    speech = SpeechClassifier(care.dimension, SpeechConfig(**stored["speech"])).eval()
    weights = load_file(tmp_path / "run/weights.safetensors")
    assert {name.split(".")[0] for name in weights} == {"speech"}  # CARE comes with its package
    torch.nn.ModuleDict({"speech": speech}).load_state_dict(weights)
    turns = turns_of(corpus, "test")
    sounds = [trim(load_audio(turn.utterance.recording)) for turn in turns if turn.utterance.recording]
    with torch.no_grad():
        embeddings = care(*pad([care.prepare(sound) for sound in sounds]))
        usual = usual_of_turns(
            embeddings, [turn.speaker for turn in turns], torch.ones(16), speech.prior, 4.0
        )
        found = speech(embeddings, usual).logits.argmax(1).tolist()
    right = [EMOTIONS[i] == turn.utterance.label for i, turn in zip(found, turns, strict=True)]
    assert 100 * np.mean(right) == pytest.approx(metrics["test"]["accuracy"])


@pytest.mark.slow
def test_all_corpora_at_once(tmp_path: Path) -> None:
    voices = read_corpus("voices", make_voices(tmp_path / "voices"))
    settings = replace(SHORT, variants=1)
    metrics = train_speech(voices, settings, opened(tmp_path / "run", settings), cache=tmp_path / "cache")
    assert set(metrics["test"]["corpora"]) == {"tess", "savee"}
    assert metrics["test"]["utterances"] == 42 + 7
    assert metrics["test"]["ordinary"]["utterances"] == 1 + 14
    assert sum(metrics["test"]["ordinary"]["shares"].values()) == pytest.approx(100)
    lines = (tmp_path / "cache/arrays.jsonl").read_text().splitlines()
    parts = [json.loads(line)["arrays"][0][2][0] for line in lines]
    assert parts.count(3) == 2 * 8 + 1  # ordinary speakers: whole and in halves, as recorded and varied
    assert set(parts) == {1, 3}
    again = replace(settings, fit=replace(settings.fit, seed=2))
    train_speech(voices, again, opened(tmp_path / "again", again), cache=tmp_path / "cache")
    assert (tmp_path / "cache/arrays.jsonl").read_text().splitlines() == lines


@pytest.mark.slow
def test_what_cannot_be_heard_is_left_out_and_said(
    corpus: Corpus, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "broken.wav").write_bytes(b"this is no sound")

    def with_holes(conversations: list[Conversation]) -> list[Conversation]:
        first, second, third, *others = conversations
        no_file = replace(first.utterances[0], recording=Recording(tmp_path / "absent.wav"))
        no_sound = replace(second.utterances[0], recording=Recording(tmp_path / "broken.wav"))
        no_label = replace(third.utterances[0], label=None)
        return [*(Conversation(u.id, (u,)) for u in (no_file, no_sound, no_label)), *others]

    holed = replace(corpus, splits={s: with_holes(list(part)) for s, part in corpus.splits.items()})
    metrics = train_speech(holed, SHORT, opened(tmp_path / "run", SHORT))
    assert metrics["test"]["utterances"] == 16 - 3
    said = [line for line in capsys.readouterr().err.splitlines() if "left out" in line]
    assert len(said) == 3  # a line a split
    assert all(line.startswith("merits-train: 2 of ") and "absent.wav" in line for line in said)


def with_recordings(corpus: Corpus, recording: Recording | None) -> Corpus:
    def changed(conversation: Conversation) -> Conversation:
        utterances = tuple(replace(each, recording=recording) for each in conversation.utterances)
        return replace(conversation, utterances=utterances)

    return replace(corpus, splits={s: [changed(c) for c in part] for s, part in corpus.splits.items()})


def test_nothing_to_hear_is_one_line(corpus: Corpus, tmp_path: Path) -> None:
    mute = with_recordings(corpus, None)
    with pytest.raises(UsageError, match="split train has a recording"):
        train_speech(mute, SHORT, opened(tmp_path / "mute", SHORT))
    nowhere = Recording(tmp_path / "absent.wav")
    lost = with_recordings(corpus, nowhere)
    with pytest.raises(CorpusError, match="none of 128 recordings can be used"):
        train_speech(lost, SHORT, opened(tmp_path / "lost", SHORT))


@pytest.mark.slow
def test_a_killed_run_goes_on_to_the_same_result(
    corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    short = replace(SETTINGS, fit=replace(SETTINGS.fit, epochs=2))
    whole = train_speech(corpus, short, opened(tmp_path / "whole", short))
    judged = 0
    judge = judge_voices

    def killed(*args: object) -> object:
        nonlocal judged
        judged += 1
        if judged == 2:
            raise KeyboardInterrupt
        return judge(*args)  # type: ignore[arg-type]

    run = opened(tmp_path / "killed", short)
    with monkeypatch.context() as patch:
        patch.setattr(speech_network, "judge_voices", killed)
        with pytest.raises(KeyboardInterrupt):
            train_speech(corpus, short, run)
    assert not run.finished
    assert train_speech(corpus, short, run) == whole
    for name in ("weights.safetensors", "epochs.jsonl"):
        assert (tmp_path / "killed" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


@pytest.mark.slow
def test_cross_validation_does_not_repeat_finished_folds(clips: Path, tmp_path: Path) -> None:
    source = RunCorpus("ravdess", clips)
    run = opened(tmp_path / "run", SHORT, corpus=source)
    whole = cross_validate(source, SHORT, run, FOLDS)
    assert run.metrics == whole
    for part in ("validation", "test"):
        assert len(whole[part]["folds"]) == FOLDS
        assert whole[part]["mean"] == pytest.approx(np.mean(whole[part]["folds"]))
        assert whole[part]["std"] == pytest.approx(np.std(whole[part]["folds"], ddof=1))
    assert np.sum(whole["test"]["confusion"]) == 160
    assert whole["seed"] == SHORT.fit.seed
    (tmp_path / "run/metrics.json").unlink()
    (tmp_path / "run/fold3/metrics.json").unlink()
    finished = [(tmp_path / f"run/fold{k}/metrics.json").stat().st_mtime_ns for k in range(3)]
    assert cross_validate(source, SHORT, run, FOLDS) == whole
    assert [(tmp_path / f"run/fold{k}/metrics.json").stat().st_mtime_ns for k in range(3)] == finished
    with pytest.raises(RunFolderError, match="other settings"):
        opened(tmp_path / "run/fold0", SETTINGS, corpus=source)


@pytest.mark.filterwarnings("ignore:Support for mismatched key_padding_mask:UserWarning")
def test_the_published_care_stays_as_it_is(
    corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def build(config: CareConfig) -> torch.nn.Module:
        torch.manual_seed(7)
        return tiny_wavlm()

    monkeypatch.setattr(stage1_speech, "build_care", build)
    settings = replace(SHORT, care=CareConfig(kind="wavlm"), hidden=12)
    run = opened(tmp_path / "run", settings)
    few = replace(corpus, splits={split: list(part)[:24] for split, part in corpus.splits.items()})
    metrics = train_speech(few, settings, run)
    assert metrics["test"]["utterances"] == 16
    weights = load_file(tmp_path / "run/weights.safetensors")
    before = build(settings.care).state_dict()
    assert not any(name.startswith(("care.speech.", "care.semantic.")) for name in weights)
    for name in before:
        if name.startswith(("up.", "down.", "mix.")):  # what no pinned model has
            torch.testing.assert_close(weights[f"care.{name}"], before[name])
    assert weights["speech.first.weight"].shape == (12, 48)
