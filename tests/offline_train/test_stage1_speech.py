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
from offline_train.augment import FeatureAugment, WaveAugment, vary
from offline_train.corpora.errors import CorpusError
from offline_train.corpora.meld import LABELS
from offline_train.corpora.ravdess import FOLDS, SHIPPED, read_ravdess
from offline_train.errors import RunError
from offline_train.speech_batches import Prepared, shown_batches
from offline_train.stage1_speech import (
    SpeechStageSettings,
    cross_validate,
    prepare_all,
    run_stage1_speech,
    train_speech,
)
from tests.offline_train.miniatures import make_ravdess, tone

SETTINGS = SpeechStageSettings(
    care=CareConfig(bins=32, width=12, acoustic_blocks=1, semantic_blocks=1),
    epochs=6,
    learning_rate=1e-2,
    variants=1,
    longest=64,
    bfloat16=False,
    wave=WaveAugment(speed=0.02, noise=0.2, reverb=0.0),
    average=0.9,
)


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
def prepared(clips: Path) -> list[Prepared]:
    return prepare_all(read_ravdess(clips), SETTINGS)


def test_learns_tones_and_stores_what_rebuilds_it(
    clips: Path, prepared: list[Prepared], tmp_path: Path
) -> None:
    metrics = train_speech(lambda: prepared, SHIPPED, SETTINGS, tmp_path / "run", "the command")
    assert metrics["validation"]["weighted_f1"] > 50
    assert metrics["test"]["utterances"] == 16
    assert set(metrics["test"]["f1"]) == set(LABELS)
    assert np.array(metrics["validation"]["confusion"]).shape == (7, 7)
    assert json.loads((tmp_path / "run/metrics.json").read_text()) == metrics

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


def test_a_finished_run_is_not_repeated(prepared: list[Prepared], tmp_path: Path) -> None:
    short = replace(SETTINGS, epochs=1)
    first = train_speech(lambda: prepared, SHIPPED, short, tmp_path, "once")

    def never() -> list[Prepared]:
        raise AssertionError("a finished run asked for clips")

    assert train_speech(never, SHIPPED, short, tmp_path, "twice") == first
    with pytest.raises(RunError, match="other settings"):
        train_speech(never, SHIPPED, replace(short, seed=2), tmp_path, "other")


def test_a_killed_cross_validation_goes_on_to_the_same_result(
    prepared: list[Prepared], tmp_path: Path
) -> None:
    short = replace(SETTINGS, epochs=1)
    asked = 0

    def halting() -> list[Prepared]:
        nonlocal asked
        asked += 1
        if asked > 2:
            raise KeyboardInterrupt
        return prepared

    with pytest.raises(KeyboardInterrupt):
        cross_validate(halting, short, tmp_path / "killed", "command")
    assert not (tmp_path / "killed/metrics.json").exists()
    finished = [(tmp_path / f"killed/fold{k}/metrics.json").stat().st_mtime_ns for k in range(2)]
    resumed = cross_validate(lambda: prepared, short, tmp_path / "killed", "command")
    assert [(tmp_path / f"killed/fold{k}/metrics.json").stat().st_mtime_ns for k in range(2)] == finished
    whole = cross_validate(lambda: prepared, short, tmp_path / "whole", "command")
    assert resumed == whole
    for part in ("validation", "test"):
        assert len(whole[part]["folds"]) == FOLDS
        assert whole[part]["mean"] == pytest.approx(np.mean(whole[part]["folds"]))
        assert whole[part]["std"] == pytest.approx(np.std(whole[part]["folds"], ddof=1))
    assert np.sum(whole["test"]["confusion"]) == len(prepared)
    assert whole["seed"] == short.seed


def test_from_a_folder(clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run_stage1_speech(
        clips,
        tmp_path / "run",
        folds=False,
        command="c",
        seed=3,
        **{name: getattr(SETTINGS, name) for name in ("care", "variants", "longest", "wave")},
        epochs=1,
    )
    line = capsys.readouterr().out
    assert line.startswith("validation: weighted F1 ")
    assert line.count("\n") == 1
    assert json.loads((tmp_path / "run/command.json").read_text()) == "c"


def test_without_data_nothing_is_left_behind(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="RAVDESS"):
        run_stage1_speech(tmp_path / "absent", tmp_path / "run", folds=False, command="c")
    assert list(tmp_path.iterdir()) == []


def test_batches_are_of_one_size_and_depend_on_the_generator_alone(prepared: list[Prepared]) -> None:
    def epoch(seed: int) -> list[torch.Tensor]:
        batches = shown_batches(prepared, 16, 64, FeatureAugment(), torch.Generator().manual_seed(seed))
        assert len(batches) == len(prepared) // 16
        for batch in batches:
            assert batch.features.shape == (16, 64, 32)
            assert batch.lengths.max() <= 64
            beyond = torch.arange(64) >= batch.lengths[:, None]
            assert not batch.features[beyond].any()
        return [batch.features for batch in batches]

    assert all(torch.equal(a, b) for a, b in zip(epoch(1), epoch(1), strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(epoch(1), epoch(2), strict=True))


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
