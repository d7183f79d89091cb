"""The training loop: what it selects, and that being killed changes nothing."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from offline_train.fit import FitSettings, fit

SETTINGS = FitSettings(epochs=6, learning_rate=0.05, seed=3, average=0.9)


class Halt(Exception):
    """Stands for whatever ends a process."""


def train(
    folder: Path, settings: FitSettings = SETTINGS, halt_after: int | None = None
) -> tuple[nn.Module, dict[str, float]]:
    torch.manual_seed(settings.seed)
    data = torch.randn(64, 5, generator=torch.Generator().manual_seed(0))
    target = (data.sum(1) > 0).long()
    model = nn.Sequential(nn.Linear(5, 8), nn.BatchNorm1d(8), nn.Dropout(0.3), nn.Linear(8, 2))
    epochs = 0

    def batches(generator: torch.Generator) -> list[Tensor]:
        return list(torch.split(torch.randperm(64, generator=generator), 16))

    def loss(batch: Tensor) -> Tensor:
        return functional.cross_entropy(model(data[batch]), target[batch])

    def validate() -> dict[str, float]:
        nonlocal epochs
        epochs += 1
        if halt_after is not None and epochs > halt_after:
            raise Halt
        return {"score": float((model(data).argmax(1) == target).float().mean())}

    return model, fit(model, batches, loss, validate, settings, folder, "test")


@pytest.mark.parametrize("halt_after", [1, 4])
def test_a_killed_run_resumes_to_the_same_weights(tmp_path: Path, halt_after: int) -> None:
    whole, best = train(tmp_path / "whole")
    with pytest.raises(Halt):
        train(tmp_path / "killed", halt_after=halt_after)
    resumed, best_resumed = train(tmp_path / "killed")
    assert best == best_resumed
    for name, value in whole.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[name]), name
    assert (tmp_path / "whole/epochs.jsonl").read_text() == (tmp_path / "killed/epochs.jsonl").read_text()


def test_the_best_epoch_is_kept(tmp_path: Path) -> None:
    _, best = train(tmp_path)
    rows = [json.loads(line) for line in (tmp_path / "epochs.jsonl").read_text().splitlines()]
    assert best["score"] == max(row["score"] for row in rows)
    assert len(rows) == SETTINGS.epochs


def test_patience_ends_a_run_that_no_longer_improves(tmp_path: Path) -> None:
    _, best = train(tmp_path, FitSettings(epochs=60, learning_rate=0.05, seed=3, patience=4))
    rows = (tmp_path / "epochs.jsonl").read_text().splitlines()
    assert len(rows) == int(best["epoch"]) + 4 < 60


def test_kill_minus_nine_leaves_a_checkpoint_that_can_be_resumed(tmp_path: Path) -> None:
    program = (
        "from tests.offline_train.test_fit import *\n"
        f"train(Path({str(tmp_path)!r}), FitSettings(epochs=100000, learning_rate=0.01, seed=3))"
    )
    process = subprocess.Popen([sys.executable, "-c", program], stderr=subprocess.PIPE)
    assert process.stderr is not None
    for _ in range(3):
        process.stderr.readline()
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    done = len((tmp_path / "epochs.jsonl").read_text().splitlines())
    with pytest.raises(Halt):
        train(tmp_path, FitSettings(epochs=100000, learning_rate=0.01, seed=3), halt_after=2)
    assert len((tmp_path / "epochs.jsonl").read_text().splitlines()) in (done + 2, done + 3)
