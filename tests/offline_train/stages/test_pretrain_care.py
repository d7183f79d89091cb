"""Pre-training of CARE on a few tones: both sides learn, Stage I takes it up, a killed run goes on."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from models.care import CareConfig, build_care
from models.care_wavlm import WavLMCare
from offline_train.batches.care import CareBatches, Spoken
from offline_train.batches.frame_targets import DIMENSION
from offline_train.commands.pretrain_care import pretrain_care as command
from offline_train.corpora.corpus import Conversation, Recording, Utterance
from offline_train.errors import RunFolderError, UsageError
from offline_train.runs.run import Run
from offline_train.stages.pretrain_care import (
    CarePretraining,
    PretrainCareSettings,
    load_pretrained,
    pretrain_care,
)
from offline_train.training.fit import FitSettings
from tests.models.test_care import save_wavlm, tiny_wavlm
from tests.offline_train.miniatures import WORDS, voice, write_wav
from tests.tiny import make_base

pytestmark = pytest.mark.filterwarnings("ignore:Support for mismatched key_padding_mask:UserWarning")


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """Networks this small are no faster on more, and much slower where others want the cores too."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> PretrainCareSettings:
    return PretrainCareSettings(
        care=save_wavlm(tmp_path_factory.mktemp("care")),
        teacher=str(make_base(tmp_path_factory.mktemp("base"))),
        batch=4,
        validation=0.2,
        variants=0,
        fit=FitSettings(epochs=24, learning_rate=3e-3),
    )


@pytest.fixture(scope="module")
def speech(tmp_path_factory: pytest.TempPathFactory) -> list[Conversation]:
    """Forty utterances whose words can be told from their pitch; every fifth has none."""
    folder = tmp_path_factory.mktemp("speech")
    emotions = list(WORDS)[:4]
    utterances = []
    for number in range(40):
        emotion = emotions[number % 4]
        path = folder / f"{number}.wav"
        write_wav(path, voice(emotion, number))
        text = WORDS[emotion] if number % 5 else None
        utterances.append(Utterance(str(number), text, None, recording=Recording(path)))
    return [Conversation("all", tuple(utterances))]


def opened(folder: Path, settings: PretrainCareSettings) -> Run:
    return Run.open(folder, {"settings": settings}, "the command")


@pytest.mark.slow
def test_both_sides_learn(speech: list[Conversation], settings: PretrainCareSettings, tmp_path: Path) -> None:
    run = opened(tmp_path / "run", settings)
    metrics = pretrain_care(speech, settings, run)
    assert metrics == run.metrics
    held = metrics["validation"]
    assert held["acoustic"] < 0.97
    assert held["semantic"] < 0.7
    assert (metrics["train"]["utterances"], held["utterances"]) == (32, 8)
    assert metrics["train"]["with_words"] + held["with_words"] == 32
    rows = [json.loads(line) for line in (run.folder / "epochs.jsonl").read_text().splitlines()]
    assert rows[metrics["best_epoch"] - 1]["score"] == max(row["score"] for row in rows)
    assert rows[0]["acoustic"] > held["acoustic"]
    assert not (run.folder / "prepared").exists()

    care = build_care(settings.care)
    assert isinstance(care, WavLMCare)
    before = {name: value.clone() for name, value in care.state_dict().items()}
    load_pretrained(care, settings.care, run)
    stored = load_file(run.folder / "weights.safetensors")
    changed = {name for name, value in care.state_dict().items() if not torch.equal(value, before[name])}
    assert {f"care.{name}" for name in changed} <= set(stored)
    for part in ("down.0.weight", "up.0.weight", "speech.encoder.layers.0.attention.q_proj.weight"):
        assert part in changed
    assert not any(name.startswith(("care.semantic", "care.speech.feature")) for name in stored)
    with pytest.raises(RunFolderError, match=r"--set care\.text_base="):
        load_pretrained(care, replace(settings.care, text_base="another"), run)
    with pytest.raises(RunFolderError, match="no finished run"):
        load_pretrained(care, settings.care, opened(tmp_path / "other", settings))


@pytest.mark.slow
def test_without_words_the_acoustic_side_learns_alone(
    speech: list[Conversation], settings: PretrainCareSettings, tmp_path: Path
) -> None:
    mute = [Conversation("c", tuple(replace(u, text=None) for u in speech[0].utterances[:16]))]
    short = replace(settings, fit=replace(settings.fit, epochs=1), teacher="no/such-model")
    metrics = pretrain_care(mute, short, opened(tmp_path, short))
    assert metrics["train"]["with_words"] == 0
    assert metrics["validation"]["semantic"] == 0
    assert np.isfinite(metrics["validation"]["acoustic"])


@pytest.mark.slow
def test_a_killed_run_goes_on_to_the_same_result(
    speech: list[Conversation],
    settings: PretrainCareSettings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    short = replace(settings, fit=replace(settings.fit, epochs=2))
    few = [Conversation("c", speech[0].utterances[:20])]
    whole = pretrain_care(few, short, opened(tmp_path / "whole", short))
    forward, steps = CarePretraining.forward, 0

    def killed(self: CarePretraining, batch: object) -> object:
        nonlocal steps
        steps += 1
        if steps == 5:
            raise KeyboardInterrupt
        return forward(self, batch)  # type: ignore[arg-type]

    run = opened(tmp_path / "killed", short)
    with monkeypatch.context() as patch:
        patch.setattr(CarePretraining, "forward", killed)
        with pytest.raises(KeyboardInterrupt):
            pretrain_care(few, short, run)
    assert not run.finished
    assert pretrain_care(few, short, run) == whole
    first, second = (load_file(tmp_path / name / "weights.safetensors") for name in ("whole", "killed"))
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_embeddings_of_the_width_of_the_states_are_compared_as_they_are() -> None:
    assert isinstance(CarePretraining(tiny_wavlm(), 16).words, torch.nn.Identity)
    assert isinstance(CarePretraining(tiny_wavlm(), 12).words, torch.nn.Linear)


def test_parts_of_sound_and_descriptors_stay_together() -> None:
    """Row t of the inputs belongs to frame t // hop."""
    hop = 2
    long = np.repeat(np.arange(40, dtype=np.float16), hop)[:, None]
    targets = np.repeat(np.arange(40, dtype=np.float16)[:, None], DIMENSION, axis=1)
    utterances = [
        Spoken([long[: hop * n]], targets[:n], torch.full((3,), float(n)) if n % 2 else None)
        for n in range(1, 41)
    ]
    epoch = CareBatches(utterances, 8, 20, hop, 3, torch.Generator().manual_seed(1))
    assert len(epoch) == 5
    starts, meant = set(), 0
    for batch in epoch:
        for row in range(8):
            count, frames = int(batch.lengths[row]), int(batch.frames[row])
            assert count == hop * frames
            assert frames <= 20
            assert torch.equal(batch.inputs[row, :count:hop, 0], batch.targets[row, :frames, 0])
            starts.add(int(batch.targets[row, 0, 0]))
            if batch.meant[row]:
                meant += 1
                assert batch.meanings[row, 0] == frames
    assert meant == 10  # odd ones of up to 20 frames
    assert len(starts) > 5
    assert torch.equal(epoch[3].inputs, list(epoch)[3].inputs)


def test_bad_usage() -> None:
    with pytest.raises(ValueError, match=r"wave\.speed must be 0"):
        PretrainCareSettings(wave=replace(PretrainCareSettings().wave, speed=0.1))
    with pytest.raises(ValueError, match="the other is not trained"):
        PretrainCareSettings(care=CareConfig())
    with pytest.raises(UsageError, match="--audio FOLDER"):
        command(out=Path("out"))


def test_recordings_from_a_folder(
    settings: PretrainCareSettings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(6):
        write_wav(tmp_path / "audio" / f"{number}.wav", voice("anger", number))
    care = settings.care
    changes = [f"care.speech_base={care.speech_base}", f"care.text_base={care.text_base}", "batch=4"]
    out = tmp_path / "run"
    for _ in range(2):  # the second time, the finished run answers
        command(out=out, audio=tmp_path / "audio", text=settings.teacher, epochs=1, changes=changes)
        assert "no words to learn from" in capsys.readouterr().out
    assert Run(out).metrics["train"]["utterances"] == 5
    assert Run(out).settings["settings"]["teacher"] == settings.teacher
