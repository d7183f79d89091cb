"""The three stages from corpora to a bundle that the analyzer loads, in miniature, by the command line."""

import csv
import json
import random
import sys
import wave
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import numpy as np
import pytest

from models.bundle import load_bundle
from offline_train.app import app
from offline_train.corpora.meld import LABELS
from offline_train.errors import RunFolderError
from streamer.session.turn_revisions import Conversation
from streamer.transcribers.off import Off
from streamer.turn_embedding.analyzer import Analyzer, Utterance
from streamer.turn_embedding.fair_queue import Priority, Urgency
from tests.tiny import WORDS, make_base

pytestmark = pytest.mark.slow

CODES = ("01", "03", "04", "05", "08", "06", "07")
"""RAVDESS' codes of `LABELS`."""

Train = Callable[..., None]


def write_meld(folder: Path) -> Path:
    """Dialogues whose every turn names its emotion by a word of its own."""
    folder.mkdir()
    chance = random.Random(0)
    for split, dialogues in (("train", 30), ("dev", 8), ("test", 8)):
        with (folder / f"{split}_sent_emo.csv").open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["Utterance", "Speaker", "Emotion", "Sentiment", "Dialogue_ID", "Utterance_ID"])
            for dialogue in range(dialogues):
                for turn in range(chance.randint(1, 9)):
                    emotion = chance.randrange(len(LABELS))
                    words = f"{chance.choice(WORDS[4:])} {WORDS[10 + emotion]}!"
                    writer.writerow([words, "Joey", LABELS[emotion], "neutral", dialogue, turn])
    return folder


def write_ravdess(folder: Path) -> Path:
    """A tone a clip: emotions differ in pitch, actors a little."""
    folder.mkdir()
    time = np.arange(8000) / 16_000
    for actor in range(1, 21):
        for number, code in enumerate(CODES):
            sound = 8000 * np.sin(2 * np.pi * (200 + 150 * number + actor) * time) * np.hanning(8000)
            name = f"03-01-{code}-01-01-01-{actor:02}.wav"
            with wave.open(str(folder / name), "wb") as file:
                file.setnchannels(1)
                file.setsampwidth(2)
                file.setframerate(16_000)
                file.writeframes(sound.astype("<i2").tobytes())
    return folder


@pytest.fixture(scope="module")
def corpora(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Path, Path]:
    root = tmp_path_factory.mktemp("hierarchy")
    return root, write_meld(root / "meld"), write_ravdess(root / "ravdess"), make_base(root / "base")


def train(*arguments: object) -> None:
    line = [str(argument) for argument in arguments]
    with mock.patch.object(sys, "argv", ["merits-train", *line]):  # what the model card quotes
        app(line, standalone_mode=False)


def stages(root: Path, meld: Path, ravdess: Path, base: Path) -> list[list[object]]:
    return [
        ["stage1", "text", "--corpus", "meld", "--data", meld, "--base", base]
        + ["--epochs", 2, "--learning-rate", 0.003, "--out", root / "text1"],
        ["stage1", "speech", "--corpus", "ravdess", "--data", ravdess]
        + ["--set", "care.width=16", "--set", "care.acoustic_blocks=1", "--set", "variants=0"]
        + ["--epochs", 1, "--out", root / "speech1"],
        ["stage2", "text", "--stage1", root / "text1", "--data", meld]
        + ["--epochs", 2, "--out", root / "text2"],
        ["stage2", "speech", "--stage1", root / "speech1", "--data", meld, "--clips", ravdess]
        + ["--epochs", 2, "--out", root / "speech2"],
        ["stage3", "--text", root / "text2", "--speech", root / "speech2", "--data", meld]
        + ["--clips", ravdess, "--epochs", 2, "--out", root / "fusion"],
        ["export", "--fusion", root / "fusion", "--name", "mini", "--out", root / "bundle"],
    ]


@pytest.fixture(scope="module")
def bundle(corpora: tuple[Path, Path, Path, Path]) -> Path:
    for stage in stages(*corpora):
        train(*stage)
    return corpora[0] / "bundle"


async def test_the_bundle_judges_turns(bundle: Path) -> None:
    loaded = load_bundle(bundle)
    assert loaded.name == "mini@1"
    with Analyzer(loaded, Off()).client() as client:
        voice = await client.embed_voice(np.zeros(8000, np.int16), Priority(Urgency.FINAL))
    ((_, judgement),) = Conversation(loaded).add(1, Utterance("", None, voice))
    assert set(judgement.probabilities) == set(LABELS)
    assert set(judgement.modalities) == {"speech"}


def test_evaluate_agrees_with_its_own_predictions(
    bundle: Path, corpora: tuple[Path, Path, Path, Path], tmp_path: Path
) -> None:
    out, rows = tmp_path / "report.json", tmp_path / "predictions.csv"
    train(
        "evaluate", "--bundle", bundle, "--corpus", "meld", "--data", corpora[1], "--split", "test",
        "--json", out, "--predictions", rows,
    )  # fmt: skip
    report = json.loads(out.read_text())
    with rows.open(newline="") as file:
        predictions = list(csv.DictReader(file))
    assert list(predictions[0]) == ["dialogue", "utterance", "label", "predicted", "first_emission"]
    assert len(predictions) == report["utterances"]
    for column, key in (("predicted", "bundle_offline"), ("first_emission", "bundle_first_emission")):
        right = sum(row[column] == row["label"] for row in predictions)
        assert 100 * right / len(predictions) == pytest.approx(report[key]["accuracy"])
    stored = load_bundle(bundle).manifest.metrics["bundle_test"]
    assert stored["bundle_offline"] == report["bundle_offline"]
    assert report["modalities"] == ["words"]


def test_finished_stages_answer_at_once_and_other_settings_are_refused(
    bundle: Path, corpora: tuple[Path, Path, Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    first = stages(*corpora)[0]
    before = (corpora[0] / "text1/weights.safetensors").stat().st_mtime_ns
    train(*first)
    assert (corpora[0] / "text1/weights.safetensors").stat().st_mtime_ns == before
    assert "weighted F1" in capsys.readouterr().out
    with pytest.raises(RunFolderError, match="other settings"):
        train(*first, "--seed", 2)


def test_the_card_tells_what_was_done(bundle: Path) -> None:
    card = (bundle / "README.md").read_text()
    commands = load_bundle(bundle).manifest.training["commands"]
    assert len(commands) == 6
    assert all(command in card for command in commands)
    assert "RAVDESS speech (Livingstone & Russo 2018)" in card
    assert "shared" not in card
    metrics = load_bundle(bundle).manifest.metrics
    assert "mismatched on purpose" in card
    for part in ("validation", "test"):
        assert f"{metrics['fusion'][part]['with_sound']['weighted_f1']:.2f}" in card
    for trusted in metrics["fusion"]["trust"].values():
        assert all(f"{value:.2f}" in card for value in trusted.values())
