"""Runs that were killed: the result is that of an undisturbed run. What is no checkpoint is refused."""

import resource
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from shutil import rmtree

import pytest
import torch
from torch import nn

from offline_train.errors import RunFolderError, TrainingError
from offline_train.training import checkpoint
from offline_train.training.checkpoint import Checkpoint
from offline_train.training.fit import FitSettings
from tests.offline_train.training.tiny_training import Halt, train

SETTINGS = FitSettings(epochs=4, learning_rate=0.05, seed=3, average=0.9, checkpoint_share=1.0)
STEPS = 4  # in an epoch


def weights(model: nn.Module) -> list[bytes]:
    return [value.numpy().tobytes() for value in model.state_dict().values()]


def begun(folder: Path) -> list[str]:
    return (folder / "steps.txt").read_text().splitlines()


class Touch:
    """What a pickle may do to whoever loads it: anything."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.path,)


def garble(path: Path, start: int, stop: int | None = None) -> None:
    content = bytearray(path.read_bytes())
    stop = len(content) if stop is None else stop
    content[start:stop] = bytes(byte ^ 0x5A for byte in content[start:stop])
    path.write_bytes(content)


@pytest.fixture
def at_every_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint, "EVERY_S", 0.0)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[bytes], dict[str, float], str]:
    folder = tmp_path_factory.mktemp("whole")
    model, best = train(folder, SETTINGS)
    return weights(model), best, (folder / "epochs.jsonl").read_text()


@pytest.mark.kill
def test_kill_minus_nine_at_random_moments(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.offline_train.training.kill_often", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, ""), done.stdout + done.stderr


@pytest.mark.usefixtures("at_every_step")
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


@pytest.mark.usefixtures("at_every_step")
def test_an_epoch_may_be_broken_off_often(tmp_path: Path) -> None:
    settings = replace(SETTINGS, epochs=1)
    model, _ = train(tmp_path / "whole", settings, size=2)  # 32 steps
    for halt_after in (8, 1, 11):
        with pytest.raises(Halt):
            train(tmp_path / "killed", settings, size=2, halt_after=halt_after)
    resumed, _ = train(tmp_path / "killed", settings, size=2)
    assert weights(resumed) == weights(model)
    assert begun(tmp_path / "killed") == begun(tmp_path / "whole")


@pytest.mark.parametrize(("share", "every_s"), [(0.0, 0.0), (1e-9, 0.0), (1.0, 60.0)])
def test_what_came_after_the_last_checkpoint_is_done_again(
    whole: tuple[list[bytes], dict[str, float], str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    share: float,
    every_s: float,
) -> None:
    monkeypatch.setattr(checkpoint, "EVERY_S", every_s)
    settings = replace(SETTINGS, checkpoint_share=share)
    with pytest.raises(Halt):
        train(tmp_path, settings, halt_after=3 * STEPS + 2)
    model, _ = train(tmp_path, settings)
    assert weights(model) == whole[0]
    assert len(begun(tmp_path)) == SETTINGS.epochs * STEPS + 2


def test_what_a_kill_left_of_the_next_checkpoint_is_no_matter(
    whole: tuple[list[bytes], dict[str, float], str], tmp_path: Path
) -> None:
    with pytest.raises(Halt):
        train(tmp_path, SETTINGS, halt_after=2 * STEPS + 1)
    (tmp_path / "checkpoint" / "state.pt.partial").write_bytes(b"half")
    model, best = train(tmp_path, SETTINGS)
    assert (weights(model), best, (tmp_path / "epochs.jsonl").read_text()) == whole
    assert len(begun(tmp_path)) == SETTINGS.epochs * STEPS + 1  # not from the beginning


@pytest.mark.parametrize("start", [0, 70, 3000, -200])
def test_a_damaged_checkpoint_is_not_used(tmp_path: Path, start: int) -> None:
    with pytest.raises(Halt):
        train(tmp_path, SETTINGS, halt_after=2 * STEPS + 1)
    garble(tmp_path / "checkpoint" / "state.pt", start, start + 64 if start >= 0 else None)
    with pytest.raises(RunFolderError, match="damaged; remove"):
        train(tmp_path, SETTINGS)


@pytest.mark.parametrize("content", [b"", b"\0" * 10_000, b"PK\3\4" + b"\xff" * 4096])
def test_what_is_no_checkpoint_is_refused_and_the_run_begins_again_without_it(
    whole: tuple[list[bytes], dict[str, float], str], tmp_path: Path, content: bytes
) -> None:
    with pytest.raises(Halt):
        train(tmp_path, SETTINGS, halt_after=2 * STEPS + 1)
    (tmp_path / "checkpoint" / "state.pt").write_bytes(content)
    with pytest.raises(RunFolderError, match=f"damaged; remove {tmp_path / 'checkpoint'} to train again"):
        train(tmp_path, SETTINGS)
    rmtree(tmp_path / "checkpoint")
    model, best = train(tmp_path, SETTINGS)
    assert (weights(model), best, (tmp_path / "epochs.jsonl").read_text()) == whole


def test_a_checkpoint_of_foreign_objects_is_not_unpickled(tmp_path: Path) -> None:
    (tmp_path / "checkpoint").mkdir()
    torch.save({"position": Touch(tmp_path / "executed")}, tmp_path / "checkpoint" / "state.pt")
    with pytest.raises(RunFolderError, match="damaged; remove"):
        train(tmp_path, SETTINGS)
    assert not (tmp_path / "executed").exists()


def test_a_run_of_an_earlier_version_is_refused(tmp_path: Path) -> None:
    (tmp_path / "checkpoint").mkdir()
    for name in ("journal", "snapshot0", "snapshot1", "snapshot2", "lock"):
        (tmp_path / "checkpoint" / name).write_bytes(b"MERITS\0\1")
    with pytest.raises(
        RunFolderError, match=r"earlier version: finish it with that one, or remove .*checkpoint"
    ):
        train(tmp_path, SETTINGS)
    assert (tmp_path / "checkpoint" / "snapshot2").exists()


def test_a_full_disk_is_named_and_leaves_the_last_checkpoint(
    whole: tuple[list[bytes], dict[str, float], str], tmp_path: Path
) -> None:
    with pytest.raises(Halt):
        train(tmp_path, SETTINGS, halt_after=STEPS + 1)
    limits, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))
    try:
        with pytest.raises(TrainingError, match=r"cannot write .*state\.pt: File too large; make room"):
            train(tmp_path, SETTINGS)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert sorted(path.name for path in (tmp_path / "checkpoint").iterdir()) == ["lock", "state.pt"]
    model, best = train(tmp_path, SETTINGS)
    assert (weights(model), best, (tmp_path / "epochs.jsonl").read_text()) == whole


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
        pytest.raises(RunFolderError, match="another process is training in"),
    ):
        train(tmp_path, SETTINGS)


@pytest.mark.usefixtures("at_every_step")
def test_another_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Halt):
        train(tmp_path, SETTINGS, halt_after=1)
    with pytest.raises(RunFolderError, match="another model"):
        train(tmp_path, SETTINGS, width=9)


def test_checkpoints_keep_every_type_of_tensor(tmp_path: Path) -> None:
    state = {
        "half": torch.randn(3, 4).to(torch.bfloat16),
        "transposed": torch.randn(3, 4).T,
        "scalar": torch.tensor(7),
        "flags": torch.tensor([True, False, True]),
        "empty": torch.empty(0, 5),
    }
    with Checkpoint(tmp_path, 0.2) as kept:
        kept.write({"state": state})
    with Checkpoint(tmp_path, 0.2) as kept:
        saved = kept.read()
    assert saved is not None
    for name, value in state.items():
        assert saved["state"][name].dtype == value.dtype
        assert torch.equal(saved["state"][name], value), name
