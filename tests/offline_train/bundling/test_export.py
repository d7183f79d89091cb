"""Bundles of any corpus, and evaluation of bundles and of runs, in miniature, by the command line."""

import csv
import json
import sys
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest

from models.bundle import load_bundle
from offline_train.app import app
from offline_train.corpora.iemocap import LABELS as IEMOCAP
from offline_train.errors import RunFolderError, UsageError
from offline_train.runs.run import Run
from streamer.cli.app import app as analyze
from tests.offline_train.ablations.miniature import write_iemocap
from tests.offline_train.miniatures import make_manifest, make_mosi, write_wav
from tests.streamer.sound import conversation
from tests.tiny import make_base

pytestmark = pytest.mark.slow

QUICK = ["--epochs", 8, "--learning-rate", 0.01, "--set", "fit.average=0"]
SMALL = [*QUICK, "--set", "hidden=8", "--set", "heads=2"]
NARROW = [*QUICK, "--set", "width=8", "--set", "heads=2"]


def train(*arguments: object) -> None:
    line = [str(argument) for argument in arguments]
    with mock.patch.object(sys, "argv", ["merits-train", *line]):  # what the model card quotes
        app(line, standalone_mode=False)


def stage(name: str, out: Path, *arguments: object) -> Path:
    train(*name.split(), "--out", out, *arguments)
    return out


def evaluate(out: Path, *arguments: object) -> dict[str, Any]:
    train("evaluate", *arguments, "--json", out)
    return dict(json.loads(out.read_text()))


def emotions_heard(bundle: Path) -> set[str]:
    """The emotions in the events of `merits analyze`, of a sentence and a half."""
    start, out = bundle.parent / "start.wav", bundle.parent / "events.jsonl"
    write_wav(start, conversation()[:64_000])
    line = ["analyze", start, "--bundle", bundle, "--asr", "auto", "--events", out]
    analyze([str(argument) for argument in line], standalone_mode=False)
    events = [json.loads(row) for row in out.read_text().splitlines()]
    found = [event for event in events if event["type"] == "turn.final"]
    assert found
    return {emotion for event in found for emotion in event["probabilities"]}


def iemocap(folder: Path) -> Path:
    """A prepared corpus with its usual features."""
    write_iemocap(folder)
    with np.load(folder / "features.npz") as arrays:
        features = arrays["bigru_att"]
    np.savez(folder / "features.npz", gemaps47=features)
    return folder


class Place:
    """Folders of a hierarchy."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.base = make_base(root / "base")

    def __truediv__(self, name: str) -> Path:
        return self.root / name


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """Words of someone's own recordings."""
    place = Place(tmp_path_factory.mktemp("own"))
    data = make_manifest(place / "data")
    text1 = stage(
        "stage1 text",
        place / "text1",
        "--corpus",
        "folder",
        "--data",
        data,
        "--base",
        place.base,
        *QUICK,
    )
    stage("stage2 text", place / "text2", "--stage1", text1, *SMALL)
    return place


@pytest.fixture(scope="module")
def own_bundle(own: Place) -> Path:
    train("export", "--run", own / "text2", "--name", "own", "--version", 3, "--out", own / "bundle")
    return own / "bundle"


@pytest.fixture(scope="module")
def hearing(own: Place) -> Path:
    """A bundle from the same recordings, which hears them too."""
    small = ["care.blocks=1", "width=8", "hidden=0", "variants=0"]
    sets = [part for setting in small for part in ("--set", setting)]
    corpus = ["--corpus", "folder", "--data", own / "data"]
    speech1 = stage("stage1 speech", own / "speech1", *corpus, *QUICK, *sets)
    speech2 = stage("stage2 speech", own / "speech2", "--stage1", speech1, *SMALL)
    fusion = stage("stage3", own / "fusion", "--text", own / "text2", "--speech", speech2, *NARROW)
    train("export", "--run", fusion, "--name", "hearing", "--out", own / "hearing")
    return own / "hearing"


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """IEMOCAP with prepared features."""
    place = Place(tmp_path_factory.mktemp("prepared"))
    corpus = ["--corpus", "iemocap", "--data", iemocap(place / "data")]
    text1 = stage("stage1 text", place / "text1", *corpus, "--base", place.base, *QUICK)
    speech1 = stage("stage1 speech", place / "speech1", *corpus, *QUICK)
    text2 = stage("stage2 text", place / "text2", "--stage1", text1, *SMALL)
    speech2 = stage("stage2 speech", place / "speech2", "--stage1", speech1, *SMALL)
    stage("stage3", place / "fusion", "--text", text2, "--speech", speech2, *NARROW)
    return place


def test_words_alone_become_a_bundle(own: Place, own_bundle: Path) -> None:
    bundle = load_bundle(own_bundle)
    assert bundle.name == "own@3"
    assert bundle.words_only
    assert bundle.manifest.sentiment["anger"] == {"negative": 1, "neutral": 0, "positive": 0}
    metrics = bundle.manifest.metrics
    fitted = metrics["bundle_test"]["calibration"]["temperature"]
    assert bundle.manifest.temperature == fitted != 1
    card = (own_bundle / "README.md").read_text()
    for figure in ("text_stage1", "text_stage2", "bundle_first_emission"):
        for split in ("validation", "test"):
            assert f"{metrics[f'bundle_{split}'][figure]['weighted_f1']:.2f}" in card
    assert Run(own / "text1").command in card
    assert "RAVDESS" not in card
    assert "judges by the words alone" in card
    assert emotions_heard(own_bundle) == set(bundle.labels) == {"anger", "happiness", "neutral"}


def test_a_bundle_says_of_its_corpus_what_its_card_does(own: Place, own_bundle: Path, tmp_path: Path) -> None:
    out = own_bundle
    corpus = ["--corpus", "folder", "--data", own / "data"]
    again = evaluate(tmp_path / "report.json", "--bundle", out, *corpus, "--pictures", tmp_path / "pictures")
    stored = load_bundle(out).manifest.metrics["bundle_test"]
    assert {key: again[key] for key in stored if key != "calibration"} == {
        key: value for key, value in stored.items() if key != "calibration"
    }
    assert again["calibration"]["temperature"] == stored["calibration"]["temperature"]
    assert again["calibration"]["bundle_temperature"] == pytest.approx(stored["calibration"]["temperature"])
    assert (again["corpus"], again["split"], again["bundle"]) == ("folder", "test", "own@3")
    assert list(again["look_ahead"]) == ["0", "1", "2", "4"]
    assert list(again["windows"]) == ["4", "8", "16", "32"]
    assert len(list((tmp_path / "pictures").glob("*.svg"))) == 4


def test_a_fusion_with_recordings_becomes_a_bundle_that_hears(
    own: Place, hearing: Path, tmp_path: Path
) -> None:
    bundle = load_bundle(hearing)
    assert not bundle.words_only
    judged = bundle.manifest.metrics["bundle_test"]
    assert judged["modalities"] == ["words", "sound"]
    # The bundle holds in half precision what the run holds in full.
    ran = evaluate(tmp_path / "run.json", "--run", own / "fusion")
    for key in ("text_stage1", "speech_stage1", "speech_stage2", "bundle_offline", "sound_alone"):
        assert judged[key]["confusion"] == ran[key]["confusion"]
    assert judged["calibration"]["ece"] == pytest.approx(ran["calibration"]["ece"], abs=0.5)
    card = (hearing / "README.md").read_text()
    assert "whole bundle, by sound alone" in card
    assert "RAVDESS" not in card
    assert emotions_heard(hearing) == set(bundle.labels)


def test_runs_of_every_stage_are_judged_as_they_were_when_trained(prepared: Place, tmp_path: Path) -> None:
    for name, key in {
        "text1": "text_stage1",
        "speech1": "speech_stage1",
        "text2": "text_stage2",
        "speech2": "speech_stage2",
    }.items():
        run = Run(prepared / name)
        report = evaluate(tmp_path / f"{name}.json", "--run", run.folder)
        trained = run.metrics["test"]
        assert {name: trained[name] for name in report[key]} == report[key]
        assert ("look_ahead" in report) == name.endswith("2")
    run = Run(prepared / "fusion")
    report = evaluate(tmp_path / "fusion.json", "--run", run.folder, "--window", 3)
    assert report["modalities"] == ["words", "sound"]
    assert report["bundle_offline"] == run.metrics["test"]["with_sound"]
    assert report["words_alone"] == run.metrics["test"]["words_alone"]
    assert report["sound_alone"] == run.metrics["test"]["sound_alone"]
    first = run.metrics["first_emission"]["test"]["weighted_f1"]
    assert report["look_ahead"]["0"] == pytest.approx(first)
    assert report["windows"]["32"]["first_emission"] == pytest.approx(first)
    assert report["windows"]["3"]["first_emission"] == report["bundle_first_emission"]["weighted_f1"]
    gap = report["bundle_offline"]["weighted_f1"] - report["bundle_first_emission"]["weighted_f1"]
    assert report["streaming_gap"] == pytest.approx(gap)


def test_predictions_give_the_accuracy_in_the_report(prepared: Place, tmp_path: Path) -> None:
    rows = tmp_path / "rows.csv"
    report = evaluate(
        tmp_path / "r.json", "--run", prepared / "fusion", "--split", "validation", "--predictions", rows
    )
    with rows.open(newline="") as file:
        found = list(csv.DictReader(file))
    assert len(found) == report["utterances"] == 12
    for column, key in (("predicted", "bundle_offline"), ("first_emission", "bundle_first_emission")):
        right = sum(row[column] == row["label"] for row in found)
        assert 100 * right / len(found) == pytest.approx(report[key]["accuracy"])


def test_prepared_features_leave_a_bundle_of_words_and_iemocap_is_not_shared(
    prepared: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    out = prepared / "bundle"
    train("export", "--run", prepared / "fusion", "--name", "four", "--out", out)
    shown = capsys.readouterr().err
    assert "prepared features" in shown
    assert "not to be shared" in shown
    bundle = load_bundle(out)
    assert bundle.words_only
    assert bundle.labels == IEMOCAP
    assert "Not to be shared" in (out / "README.md").read_text()
    assert not bundle.manifest.training["shareable"]
    assert max(bundle.manifest.sentiment["happy"]) == "positive"
    assert emotions_heard(out) == set(IEMOCAP)


def test_a_corpus_of_other_labels_is_judged_by_those_in_common(
    own_bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    corpus = ["--corpus", "iemocap", "--data", iemocap(tmp_path / "iemocap"), "--split", "test"]
    report = evaluate(tmp_path / "report.json", "--bundle", own_bundle, *corpus)
    assert report["labels"] == ["anger", "happiness", "neutral"]
    assert set(report["text_stage1"]["f1"]) == set(report["labels"])
    assert report["left_out"] > 0
    assert report["calibration"]["temperature"] is not None  # fitted on what is in common, too
    said = capsys.readouterr().out
    assert f"over anger, happiness, neutral; {report['left_out']} of other emotions left out" in said


def test_what_can_not_be_judged_or_exported_is_one_line(own: Place, own_bundle: Path, tmp_path: Path) -> None:
    bundle = own_bundle
    corpus = ["--corpus", "mosi", "--data", make_mosi(tmp_path / "mosi")]
    with pytest.raises(
        UsageError, match="not trained on: negative, positive; it knows anger, happiness, neutral"
    ):
        train("evaluate", "--bundle", bundle, *corpus)
    with pytest.raises(UsageError, match="--bundle or --run"):
        train("evaluate", *corpus)
    with pytest.raises(UsageError, match="--corpus and --data"):
        train("evaluate", "--bundle", bundle)
    with pytest.raises(UsageError, match="no folder"):
        train("evaluate", "--run", own / "text2", "--json", tmp_path / "no" / "report.json")
    with pytest.raises(RunFolderError, match="no finished run"):
        train("evaluate", "--run", tmp_path / "nothing")
    with pytest.raises(UsageError, match="stage3 nor of `stage2 text`"):
        train("export", "--run", own / "text1", "--name", "x", "--out", tmp_path / "x")
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "thesis.txt").write_text("mine")
    with pytest.raises(UsageError, match="holds something else"):
        train("export", "--run", own / "text2", "--name", "x", "--out", tmp_path / "home")
    assert not (tmp_path / "x").exists()
