"""The three stages from corpora to a bundle that the analyzer loads, in miniature, by the command line."""

import csv
import json
import random
import sys
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import numpy as np
import pytest

from models.bundle import load_bundle
from offline_train.app import app
from offline_train.corpora.meld import LABELS, PROSODY
from offline_train.errors import RunFolderError, UsageError
from offline_train.runs.run import Run
from streamer.session.turn_revisions import Conversation
from streamer.transcribers.off import Off
from streamer.turn_embedding.analyzer import Analyzer, Utterance
from streamer.turn_embedding.fair_queue import Priority, Urgency
from tests.offline_train.miniatures import tone, write_wav
from tests.tiny import WORDS, make_base

pytestmark = pytest.mark.slow

CODES = ("01", "03", "04", "05", "08", "06", "07")
"""RAVDESS' codes of `LABELS`."""

PROSODY_HEADER = ["dialogue", "utterance", *PROSODY]

Train = Callable[..., None]


def write_meld(folder: Path) -> Path:
    """Dialogues whose every turn names its emotion by a word of its own, and how each sounded."""
    (folder / "prosody").mkdir(parents=True)
    chance = random.Random(0)
    for split, dialogues in (("train", 30), ("dev", 8), ("test", 8)):
        with (
            (folder / f"{split}_sent_emo.csv").open("w", newline="") as file,
            (folder / f"prosody/{split}.csv").open("w", newline="") as beside,
        ):
            writer, measures = csv.writer(file), csv.writer(beside)
            measures.writerow(PROSODY_HEADER)
            writer.writerow(["Utterance", "Speaker", "Emotion", "Sentiment", "Dialogue_ID", "Utterance_ID"])
            for dialogue in range(dialogues):
                for turn in range(chance.randint(1, 9)):
                    emotion = chance.randrange(len(LABELS))
                    words = f"{chance.choice(WORDS[4:])} {WORDS[10 + emotion]}!"
                    speaker = chance.choice(["Joey", "Ross"])
                    writer.writerow([words, speaker, LABELS[emotion], "neutral", dialogue, turn])
                    measures.writerow([dialogue, turn, *(chance.gauss(5, 1) for _ in PROSODY)])
    return folder


def write_voices(folder: Path) -> Path:
    """Clips of RAVDESS, a tone each: emotions differ in pitch, actors a little; and ordinary speech."""
    for actor in range(1, 21):
        for number, code in enumerate(CODES):
            name = f"03-01-{code}-01-01-01-{actor:02}.wav"
            write_wav(folder / "ravdess" / name, tone(0.4, hertz=200 + 100 * number + actor))
    for speaker in range(20, 40):
        write_wav(folder / f"librispeech/ordinary/{speaker}-1-0001.wav", tone(0.4, hertz=150 + speaker))
    return folder


@pytest.fixture(scope="module")
def corpora(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Path, Path]:
    root = tmp_path_factory.mktemp("hierarchy")
    return root, write_meld(root / "meld"), write_voices(root / "voices"), make_base(root / "base")


def train(*arguments: object) -> None:
    line = [str(argument) for argument in arguments]
    with mock.patch.object(sys, "argv", ["merits-train", *line]):  # what the model card quotes
        app(line, standalone_mode=False)


def stages(root: Path, meld: Path, voices: Path, base: Path) -> list[list[object]]:
    return [
        ["stage1", "text", "--corpus", "meld", "--data", meld, "--base", base]
        + ["--epochs", 2, "--learning-rate", 0.003, "--out", root / "text1"],
        ["stage1", "speech", "--corpus", "voices", "--data", voices]
        + ["--set", "care.blocks=1", "--set", "variants=0", "--epochs", 3, "--out", root / "speech1"],
        ["stage2", "text", "--stage1", root / "text1", "--data", meld]
        + ["--epochs", 2, "--out", root / "text2"],
        ["stage2", "speech", "--stage1", root / "speech1", "--data", meld, "--clips", voices]
        + ["--epochs", 2, "--out", root / "speech2"],
        ["stage3", "--text", root / "text2", "--speech", root / "speech2", "--data", meld]
        + ["--clips", voices, "--epochs", 2, "--out", root / "fusion"],
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
        "--clips", corpora[2], "--json", out, "--predictions", rows,
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
    assert report["modalities"] == ["words", "sound"]


def test_a_fusion_is_judged_as_it_was_when_trained(
    bundle: Path, corpora: tuple[Path, Path, Path, Path], tmp_path: Path
) -> None:
    root, out = corpora[0], tmp_path / "report.json"
    train("evaluate", "--run", root / "fusion", "--json", out)
    report, metrics = json.loads(out.read_text()), Run(root / "fusion").metrics
    assert report["bundle_offline"] == metrics["test"]["with_sound"]
    assert report["sound_alone"] == metrics["test"]["sound_alone"]
    assert report["speech_stage2"] == Run(root / "speech2").metrics["test"]
    # Every acted test clip once: two actors in seven emotions, and two ordinary speakers.
    assert metrics["acted"]["test"]["with_sound"]["utterances"] == 16
    silent = tmp_path / "silent.json"
    train("evaluate", "--bundle", bundle, "--corpus", "meld", "--data", corpora[1], "--json", silent)
    assert json.loads(silent.read_text())["modalities"] == ["words"]


@pytest.mark.usefixtures("bundle")
def test_dialogues_need_their_prosody(corpora: tuple[Path, Path, Path, Path], tmp_path: Path) -> None:
    root, meld, voices, _ = corpora
    line = ["stage2", "speech", "--stage1", root / "speech1", "--out", tmp_path / "speech2"]
    mute = tmp_path / "meld"
    mute.mkdir()
    for path in meld.glob("*.csv"):
        (mute / path.name).write_bytes(path.read_bytes())
    with pytest.raises(UsageError, match="prosody"):
        train(*line, "--data", mute, "--clips", voices)
    with pytest.raises(UsageError, match="no conversations"):
        train(*line)


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
    assert "LibriSpeech (Panayotov et al. 2015)" in card
    assert "TESS" not in card
    assert "for research and private use" in card
    assert "Whatever its label" in card
    metrics = load_bundle(bundle).manifest.metrics
    for part in ("validation", "test"):
        assert f"{metrics['fusion'][part]['with_sound']['weighted_f1']:.2f}" in card
        assert f"{metrics['fusion']['acted'][part]['sound_alone']['weighted_f1']:.2f}" in card
    assert f"{metrics['speech1']['test']['weighted_f1']:.2f}" in card
