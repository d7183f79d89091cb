"""Runs that were killed, and checkpoints that were torn: the result is that of an undisturbed run."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from offline_train.checkpoint import Checkpoint
from offline_train.errors import RunError
from offline_train.fit import FitSettings
from tests.offline_train.training import Halt, train

SETTINGS = FitSettings(epochs=4, learning_rate=0.05, seed=3, average=0.9, checkpoint_share=1.0)
STEPS = 4  # in an epoch


def weights(model: nn.Module) -> list[bytes]:
    return [value.numpy().tobytes() for value in model.state_dict().values()]


def begun(folder: Path) -> list[str]:
    return (folder / "steps.txt").read_text().splitlines()


def garble(path: Path, start: int, stop: int | None = None) -> None:
    content = bytearray(path.read_bytes())
    stop = len(content) if stop is None else stop
    content[start:stop] = bytes(byte ^ 0x5A for byte in content[start:stop])
    path.write_bytes(content)


def newest_snapshot(folder: Path) -> Path:
    return max((folder / "checkpoint").glob("snapshot?"), key=lambda path: path.stat().st_mtime_ns)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[bytes], dict[str, float], str]:
    folder = tmp_path_factory.mktemp("whole")
    model, best = train(folder, SETTINGS)
    return weights(model), best, (folder / "epochs.jsonl").read_text()


def test_kill_minus_nine_at_random_moments(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.offline_train.kill_often", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, ""), done.stdout + done.stderr


@pytest.mark.parametrize("halts", [(1,), (STEPS,), (STEPS + 1, 2, 3), (0, 3 * STEPS - 1)])
def test_a_run_that_ended_anywhere_resumes_to_the_same_bits(
    whole: tuple[list[bytes], dict[str, float], str], tmp_path: Path, halts: tuple[int, ...]
) -> None:
    for halt_after in halts:
        with pytest.raises(Halt):
            train(tmp_path, SETTINGS, halt_after=halt_after)
    model, best = train(tmp_path, SETTINGS)
    assert (weights(model), best, (tmp_path / "epochs.jsonl").read_text()) == whole
    assert len(begun(tmp_path)) == len(set(begun(tmp_path))) == SETTINGS.epochs * STEPS  # none lost


def test_a_journal_that_is_full_makes_room(tmp_path: Path) -> None:
    settings = replace(SETTINGS, epochs=1)
    model, _ = train(tmp_path / "whole", settings, size=2)  # 32 steps, four journals
    for halt_after in (8, 1, 11):
        with pytest.raises(Halt):
            train(tmp_path / "killed", settings, size=2, halt_after=halt_after)
    resumed, _ = train(tmp_path / "killed", settings, size=2)
    assert weights(resumed) == weights(model)
    assert begun(tmp_path / "killed") == begun(tmp_path / "whole")


@pytest.mark.parametrize(("share", "again"), [(0.0, 2), (1e-9, 1)])  # one is kept to see what it takes
def test_where_steps_are_not_kept_they_are_done_again(
    whole: tuple[list[bytes], dict[str, float], str], tmp_path: Path, share: float, again: int
) -> None:
    settings = replace(SETTINGS, checkpoint_share=share)
    with pytest.raises(Halt):
        train(tmp_path, settings, halt_after=3 * STEPS + 2)
    model, _ = train(tmp_path, settings)
    assert weights(model) == whole[0]
    assert len(begun(tmp_path)) == SETTINGS.epochs * STEPS + again


@pytest.mark.parametrize("start", [0, 70, 3000, -200])
def test_a_torn_snapshot_gives_way_to_the_one_before(
    whole: tuple[list[bytes], dict[str, float], str], tmp_path: Path, start: int
) -> None:
    with pytest.raises(Halt):
        train(tmp_path, SETTINGS, halt_after=2 * STEPS + 1)
    garble(newest_snapshot(tmp_path), start, start + 64 if start >= 0 else None)
    model, best = train(tmp_path, SETTINGS)
    assert (weights(model), best, (tmp_path / "epochs.jsonl").read_text()) == whole
    assert len(begun(tmp_path)) < SETTINGS.epochs * STEPS + 2 * STEPS  # not from the beginning


def test_a_torn_journal_is_read_up_to_the_tear(
    whole: tuple[list[bytes], dict[str, float], str], tmp_path: Path
) -> None:
    with pytest.raises(Halt):
        train(tmp_path, SETTINGS, halt_after=STEPS + 3)
    journal = tmp_path / "checkpoint" / "journal"
    garble(journal, journal.stat().st_size // 4 * 3)  # four steps were written, the last epoch's last is old
    model, _ = train(tmp_path, SETTINGS)
    assert weights(model) == whole[0]


@pytest.mark.parametrize("content", [b"", b"\0" * 10_000, b"MERITS\0\1" + b"\xff" * 4096])
def test_with_no_whole_snapshot_left_the_run_begins_again(
    whole: tuple[list[bytes], dict[str, float], str], tmp_path: Path, content: bytes
) -> None:
    with pytest.raises(Halt):
        train(tmp_path, SETTINGS, halt_after=2 * STEPS + 1)
    for path in (tmp_path / "checkpoint").glob("snapshot?"):
        path.write_bytes(content)
    model, best = train(tmp_path, SETTINGS)
    assert (weights(model), best, (tmp_path / "epochs.jsonl").read_text()) == whole


def test_weights_of_the_best_epoch_that_were_damaged_are_not_used(tmp_path: Path) -> None:
    train(tmp_path, SETTINGS)
    [best] = (tmp_path / "checkpoint").glob("best-*")
    garble(best, 500, 600)
    with pytest.raises(RunError, match="damaged; remove"):
        train(tmp_path, SETTINGS)


def test_a_run_that_is_over_answers_at_once(
    whole: tuple[list[bytes], dict[str, float], str], tmp_path: Path
) -> None:
    train(tmp_path, SETTINGS)
    model, best = train(tmp_path, SETTINGS)
    assert (weights(model), best) == whole[:2]
    assert len(begun(tmp_path)) == SETTINGS.epochs * STEPS


def test_one_process_at_a_time(tmp_path: Path) -> None:
    with (
        Checkpoint(tmp_path / "checkpoint", 0.2),
        pytest.raises(RunError, match="another process is training in"),
    ):
        train(tmp_path, SETTINGS)


def test_another_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Halt):
        train(tmp_path, SETTINGS, halt_after=1)
    with pytest.raises(RunError, match="another model"):
        train(tmp_path, SETTINGS, width=9)


def test_snapshots_keep_every_type_of_tensor(tmp_path: Path) -> None:
    state = {
        "half": torch.randn(3, 4).to(torch.bfloat16),
        "transposed": torch.randn(3, 4).T,
        "scalar": torch.tensor(7),
        "flags": torch.tensor([True, False, True]),
        "empty": torch.empty(0, 5),
    }
    with Checkpoint(tmp_path, 0.2) as checkpoint:
        checkpoint.snapshot({"best": None}, state)
    with Checkpoint(tmp_path, 0.2) as checkpoint:
        record = checkpoint.load()
    assert record is not None
    for name, value in state.items():
        assert record.tensors[name].dtype == value.dtype
        assert torch.equal(record.tensors[name], value), name
