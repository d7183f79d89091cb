"""A run's folder: settings that hold, results that are whole."""

import json
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import torch
from torch import nn

from offline_train.errors import RunFolderError
from offline_train.runs.run import Run
from offline_train.training.checkpoint import Checkpoint
from offline_train.training.fit import FitSettings

SETTINGS = {"settings": FitSettings(epochs=2, learning_rate=2e-5), "parents": {"stage1": Path("runs/a")}}


def test_the_resolved_settings_are_stored(tmp_path: Path) -> None:
    run = Run.open(tmp_path, SETTINGS, "merits-train stage2 --preset paper")
    assert run.settings["settings"] == {
        "epochs": 2,
        "learning_rate": 2e-5,
        "weight_decay": 0.01,
        "warmup": 0.1,
        "clip": 1.0,
        "seed": 1,
        "patience": None,
        "average": 0.0,
        "precision": "fp32",
        "accumulate": 1,
        "log_every": 10,
        "checkpoint_share": 0.2,
    }
    assert run.settings["parents"] == {"stage1": "runs/a"}
    assert run.command == "merits-train stage2 --preset paper"


def test_other_settings_are_refused_by_name(tmp_path: Path) -> None:
    Run.open(tmp_path, SETTINGS, "first")
    (tmp_path / "checkpoint").mkdir()  # a step was taken
    Run.open(tmp_path, SETTINGS, "again")
    other = {**SETTINGS, "settings": FitSettings(epochs=3, learning_rate=2e-5), "clips": None}
    with pytest.raises(RunFolderError, match=r"other settings \(settings.epochs: 2, not 3\)"):
        Run.open(tmp_path, other, "third")
    assert Run(tmp_path).command == "first"


def test_a_finished_run_keeps_what_is_needed_of_it(tmp_path: Path) -> None:
    run = Run.open(tmp_path, SETTINGS, "line")
    model = nn.Linear(2, 2)
    with Checkpoint(tmp_path / "checkpoint", 0.2) as checkpoint:
        checkpoint.write({"state": model.state_dict()})
    assert not run.finished
    run.finish(model, {"size": 2}, {"validation": 1.0})
    assert run.finished
    kept = {"settings.json", "command.json", "config.json", "metrics.json", "weights.safetensors"}
    assert {path.name for path in tmp_path.iterdir()} == kept
    other = nn.Linear(2, 2)
    run.load_weights(other)
    assert torch.equal(other.weight, model.weight)
    assert (run.config, run.metrics) == ({"size": 2}, {"validation": 1.0})


def test_a_run_killed_as_it_finished_is_tidied(tmp_path: Path) -> None:
    run = Run.open(tmp_path, SETTINGS, "line")
    run.finish(nn.Linear(2, 2), {}, {})
    with Checkpoint(tmp_path / "checkpoint", 0.2):
        pass
    Run.open(tmp_path, SETTINGS, "line")
    assert not (tmp_path / "checkpoint").exists()


def test_a_folder_that_is_no_finished_run_says_so(tmp_path: Path) -> None:
    with pytest.raises(
        RunFolderError, match=r"is no finished run: config.json is missing; run its stage first"
    ):
        _ = Run(tmp_path).config


def test_weights_that_are_not_the_run_s_are_refused(tmp_path: Path) -> None:
    run = Run.open(tmp_path, SETTINGS, "line")
    with pytest.raises(RunFolderError, match=r"weights.safetensors is missing"):
        run.load_weights(nn.Linear(2, 2))
    run.finish(nn.Linear(2, 2), {}, {})
    for other in (nn.Linear(3, 2), nn.Linear(2, 2, bias=False)):
        with pytest.raises(RunFolderError, match="another model's weights"):
            run.load_weights(other)
    (tmp_path / "weights.safetensors").write_bytes(b"garbage")
    with pytest.raises(RunFolderError, match="is damaged"):
        run.load_weights(nn.Linear(2, 2))


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RunFolderError, match="file can't be a run's folder: File exists"):
        Run.open(tmp_path / "file", SETTINGS, "line")


def test_settings_that_are_no_json_are_refused(tmp_path: Path) -> None:
    (tmp_path / "settings.json").write_text("{")
    (tmp_path / "checkpoint").mkdir()
    with pytest.raises(RunFolderError, match=r"settings.json is damaged"):
        Run.open(tmp_path, SETTINGS, "line")
    (tmp_path / "metrics.json").write_text(json.dumps({}))
    assert Run(tmp_path).metrics == {}


def test_what_was_asked_can_be_mended_before_the_first_step(tmp_path: Path) -> None:
    Run.open(tmp_path, SETTINGS, "mistyped")
    other = {**SETTINGS, "settings": FitSettings(epochs=3, learning_rate=2e-5)}
    run = Run.open(tmp_path, other, "mended")
    assert (run.command, run.settings["settings"]["epochs"]) == ("mended", 3)


def test_a_setting_younger_than_the_run_was_at_its_default(tmp_path: Path) -> None:
    @dataclass(frozen=True)
    class Settings:
        width: int = 8
        younger: float = 0.5
        fit: FitSettings = field(default_factory=lambda: FitSettings(epochs=2, learning_rate=1e-3))

    run = Run.open(tmp_path, {"settings": Settings(width=4)}, "line")
    (tmp_path / "checkpoint").mkdir()
    path = tmp_path / "settings.json"
    stored = json.loads(path.read_text())
    del stored["settings"]["younger"], stored["settings"]["fit"]["accumulate"]
    path.write_text(json.dumps(stored))
    assert Run.open(tmp_path, {"settings": Settings(width=4)}, "line").folder == run.folder
    with pytest.raises(RunFolderError, match=r"\(settings.younger: 0.5, not 0.6\)"):
        Run.open(tmp_path, {"settings": Settings(width=4, younger=0.6)}, "line")
