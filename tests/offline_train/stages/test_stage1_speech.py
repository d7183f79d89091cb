"""Stage I of the sound on a handful of tones: it learns, resumes, and looks at test actors once."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from models.care import CareConfig, SpeechClassifier, SpeechConfig, build_care, pad
from offline_train.batches.augment import FeatureAugment, WaveAugment, vary
from offline_train.batches.speech import Prepared, ShownBatches
from offline_train.corpora.clips import FOLDS
from offline_train.corpora.corpus import Conversation, Corpus, Recording
from offline_train.corpora.errors import CorpusError
from offline_train.corpora.meld import LABELS
from offline_train.corpora.ravdess import RAVDESS, SHIPPED, read_ravdess
from offline_train.errors import RunFolderError, UsageError
from offline_train.evaluation.metrics import classification
from offline_train.runs.run import Run
from offline_train.runs.run_corpus import RunCorpus
from offline_train.stages import stage1_speech
from offline_train.stages.stage1_speech import SpeechStageSettings, cross_validate, train_speech
from offline_train.training.fit import FitSettings
from tests.models.test_care import tiny_wavlm
from tests.offline_train.miniatures import make_ravdess, tone

SETTINGS = SpeechStageSettings(
    care=CareConfig(bins=32, width=12, acoustic_blocks=1, semantic_blocks=1),
    variants=1,
    longest=64,
    width=16,
    wave=WaveAugment(speed=0.02, noise=0.2, reverb=0.0),
    fit=FitSettings(epochs=6, learning_rate=1e-2, weight_decay=0.05, average=0.9),
)
SHORT = replace(SETTINGS, fit=replace(SETTINGS.fit, epochs=1))


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
def test_learns_tones_and_stores_what_rebuilds_it(clips: Path, corpus: Corpus, tmp_path: Path) -> None:
    metrics = train_speech(corpus, SETTINGS, opened(tmp_path / "run"))
    assert metrics["validation"]["weighted_f1"] > 50
    assert metrics["test"]["utterances"] == 16
    assert set(metrics["test"]["f1"]) == set(LABELS)
    assert np.array(metrics["validation"]["confusion"]).shape == (7, 7)
    assert json.loads((tmp_path / "run/metrics.json").read_text()) == metrics
    assert not (tmp_path / "run/prepared").exists()

    stored = json.loads((tmp_path / "run/config.json").read_text())
    care = build_care(CareConfig(**stored["care"])).eval()
    speech = SpeechClassifier(care.dimension, SpeechConfig(**stored["speech"])).eval()
    weights = load_file(tmp_path / "run/weights.safetensors")
    assert {name.split(".")[0] for name in weights} == {"care", "speech"}
    torch.nn.ModuleDict({"care": care, "speech": speech}).load_state_dict(weights)
    judged = read_ravdess(clips, SHIPPED.test)
    with torch.no_grad():
        _, logits = speech(care(*pad([care.prepare(clip.audio) for clip in judged])))
    right = [LABELS[i] == clip.label for i, clip in zip(logits.argmax(1).tolist(), judged, strict=True)]
    assert 100 * np.mean(right) == pytest.approx(metrics["test"]["accuracy"])


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
    judge = classification

    def killed(*args: object) -> object:
        nonlocal judged
        judged += 1
        if judged == 2:
            raise KeyboardInterrupt
        return judge(*args)  # type: ignore[arg-type]

    run = opened(tmp_path / "killed", short)
    with monkeypatch.context() as patch:
        patch.setattr(stage1_speech, "classification", killed)
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
    whole = cross_validate(source, SHORT, run)
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
    assert cross_validate(source, SHORT, run) == whole
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
    settings = replace(
        SETTINGS,
        care=CareConfig(kind="wavlm"),
        variants=0,
        hidden=12,
        fit=replace(SETTINGS.fit, epochs=2, average=0.0),
    )
    run = opened(tmp_path / "run", settings)
    few = replace(corpus, splits={split: list(part)[:24] for split, part in corpus.splits.items()})
    metrics = train_speech(few, settings, run)
    assert metrics["test"]["utterances"] == 16
    weights = load_file(tmp_path / "run/weights.safetensors")
    before = build(settings.care).state_dict()
    assert not any(name.startswith(("care.speech.", "care.semantic.")) for name in weights)
    for name in before:
        if name.startswith(("up.", "down.")):
            torch.testing.assert_close(weights[f"care.{name}"], before[name])
    assert any((weights[f"care.mix.{name}"] != 0).any() for name in ("shared", "acoustic", "semantic"))
    assert weights["speech.first.weight"].shape == (12, 48)


def test_batches_depend_on_the_generator_and_their_number_alone() -> None:
    random = np.random.default_rng(0)
    utterances = [
        Prepared(i % 7, [random.standard_normal((20 + 2 * i, 32)).astype(np.float16) for _ in range(2)])
        for i in range(35)
    ]

    def epoch(seed: int) -> ShownBatches:
        return ShownBatches(utterances, 16, 64, FeatureAugment(), torch.Generator().manual_seed(seed))

    assert len(epoch(1)) == 2
    for batch in epoch(1):
        assert batch.features.shape == (16, 64, 32)
        assert batch.lengths.max() <= 64
        beyond = torch.arange(64) >= batch.lengths[:, None]
        assert not batch.features[beyond].any()
    assert torch.equal(epoch(1)[1].features, list(epoch(1))[1].features)
    assert not torch.equal(epoch(1)[0].features, epoch(2)[0].features)


def test_variants_are_sound_and_repeatable() -> None:
    audio = tone(0.5, 20000)
    settings = WaveAugment(noise=1.0, reverb=1.0)
    for seed in range(20):
        first, again = (vary(audio, settings, np.random.default_rng(seed)) for _ in range(2))
        assert np.array_equal(first, again)
        assert first.dtype == np.int16
        assert 0.87 <= len(first) / len(audio) <= 1.15
        assert first.any()
    assert not vary(np.zeros(8000, np.int16), settings, np.random.default_rng(0)).any()


@pytest.mark.parametrize("frames", [1, 2, 5, 300])
def test_frames_of_any_number_survive(frames: int) -> None:
    generator = torch.Generator().manual_seed(0)
    for _ in range(20):
        shown = FeatureAugment()(torch.randn(frames, 80), generator)
        assert 1 <= len(shown) <= 1.11 * frames
        assert shown.shape[1] == 80
        assert torch.isfinite(shown).all()
