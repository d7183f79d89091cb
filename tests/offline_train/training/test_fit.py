"""The training loop: what it selects, computes in, logs and refuses."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator  # type: ignore[import-untyped]
from torch import Tensor, nn

from offline_train.errors import RunFolderError, TrainingError
from offline_train.training.fit import FitSettings, fit
from tests.offline_train.training.tiny_training import Halt, train

SETTINGS = FitSettings(epochs=6, learning_rate=0.05, seed=3, average=0.9)


def fit_line(
    folder: Path, settings: FitSettings, size: int, rows: int = 24, fault: float = 1.0
) -> tuple[nn.Module, list[torch.dtype]]:
    """Fit a line to points in batches of `size`; returns the model and what it computed in."""
    model = nn.Linear(3, 1)
    with torch.no_grad():
        model.weight.fill_(0.1)
        model.bias.zero_()
    data = torch.randn(rows, 3, generator=torch.Generator().manual_seed(0))
    computed_in = []

    def batches(generator: torch.Generator) -> list[Tensor]:
        return list(torch.split(torch.randperm(rows, generator=generator), size))

    def loss(batch: Tensor) -> Tensor:
        found = model(data[batch])
        computed_in.append(found.dtype)
        error: Tensor = (found.float() - fault * data[batch].sum(1, keepdim=True)).square().mean()
        return error

    fit(model, batches, loss, lambda: {"score": 1.0}, settings, folder, "line")
    return model, computed_in


def test_the_best_epoch_is_kept(tmp_path: Path) -> None:
    _, best = train(tmp_path, SETTINGS)
    rows = [json.loads(line) for line in (tmp_path / "epochs.jsonl").read_text().splitlines()]
    assert best["score"] == max(row["score"] for row in rows)
    assert len(rows) == SETTINGS.epochs


def test_patience_ends_a_run_that_no_longer_improves(tmp_path: Path) -> None:
    _, best = train(tmp_path, FitSettings(epochs=60, learning_rate=0.05, seed=3, patience=4))
    rows = (tmp_path / "epochs.jsonl").read_text().splitlines()
    assert len(rows) == int(best["epoch"]) + 4 < 60


@pytest.mark.parametrize("precision", ["fp32", "bf16", "auto"])
def test_precision_is_what_was_asked_for_and_written_down(tmp_path: Path, precision: str) -> None:
    settings = FitSettings(epochs=1, learning_rate=0.01, precision=precision)  # type: ignore[arg-type]
    model, computed_in = fit_line(tmp_path, settings, 4)
    written = json.loads((tmp_path / "environment.json").read_text())["precision"]
    assert written == precision or (precision == "auto" and written in ("fp32", "bf16"))
    assert set(computed_in) == {torch.bfloat16 if written == "bf16" else torch.float32}
    assert {p.dtype for p in model.parameters()} == {torch.float32}


def test_accumulated_batches_are_one_larger_batch(tmp_path: Path) -> None:
    settings = FitSettings(epochs=3, learning_rate=0.05)
    large, _ = fit_line(tmp_path / "large", settings, 12)
    small, _ = fit_line(tmp_path / "small", replace(settings, accumulate=3), 4)
    for name, value in large.state_dict().items():
        torch.testing.assert_close(small.state_dict()[name], value, rtol=1e-5, atol=1e-6)


def test_a_last_step_with_fewer_batches_follows_their_mean(tmp_path: Path) -> None:
    settings = FitSettings(epochs=1, learning_rate=0.05)
    one, _ = fit_line(tmp_path / "one", settings, 8, rows=8)
    two, _ = fit_line(tmp_path / "two", replace(settings, accumulate=5), 4, rows=8)
    torch.testing.assert_close(one.state_dict(), two.state_dict())


def test_training_that_diverges_says_so_and_keeps_nothing_of_it(tmp_path: Path) -> None:
    settings = FitSettings(epochs=1, learning_rate=0.05)
    with pytest.raises(TrainingError, match=r"diverged .*learning rate"):
        fit_line(tmp_path, settings, 4, fault=float("nan"))
    model, _ = fit_line(tmp_path, settings, 4)  # what made it diverge is mended
    assert all(value.isfinite().all() for value in model.state_dict().values())


def test_other_data_than_before_is_refused(tmp_path: Path) -> None:
    fit_line(tmp_path, FitSettings(epochs=1, learning_rate=0.05), 4)
    with pytest.raises(RunFolderError, match=r"2 steps an epoch, but 6 when .* was begun"):
        fit_line(tmp_path, FitSettings(epochs=2, learning_rate=0.05), 4, rows=8)


def test_nothing_to_train_on(tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match="line: there is nothing to train on"):
        fit(
            nn.Linear(1, 1),
            lambda _: [],
            torch.sum,
            lambda: {"score": 1.0},
            FitSettings(epochs=1, learning_rate=0.1),
            tmp_path,
            "line",
        )


def test_tensorboard_shows_every_step_once_although_the_run_was_killed(tmp_path: Path) -> None:
    settings = replace(
        SETTINGS, epochs=3, log_every=2, checkpoint_share=0.0
    )  # resumes at an epoch's beginning
    with pytest.raises(Halt):
        train(tmp_path, settings, halt_after=7)
    train(tmp_path, settings)
    shown = EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    for tag in ("train/loss", "train/learning_rate", "train/gradient_norm"):
        assert [event.step for event in shown.Scalars(tag)] == [2, 4, 6, 8, 10, 12]
    assert [event.step for event in shown.Scalars("validation/score")] == [4, 8, 12]
