"""Devices and processes."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import pytest
import torch
from torch import Tensor

from offline_train.errors import RunFolderError, UsageError
from offline_train.runs.run import Run
from offline_train.training.checkpoint import Checkpoint
from offline_train.training.devices import here, resolve_precision, to_device
from offline_train.training.settings import FitSettings
from tests.offline_train.training.tiny_training import train as begin
from tests.offline_train.training.two_processes import train


class Named(NamedTuple):
    """A batch of one kind."""

    tensor: Tensor
    task: int


@dataclass(frozen=True)
class Plain:
    """A batch of another."""

    named: Named
    texts: list[str]


def test_batches_move_with_everything_in_them() -> None:
    here_on_cpu = Plain(Named(torch.ones(2), 3), ["a"])
    moved = to_device({"both": (here_on_cpu, [torch.ones(1)])}, torch.device("meta"))
    plain, tensors = moved["both"]
    assert isinstance(plain, Plain)
    assert isinstance(plain.named, Named)
    assert plain.named.tensor.device.type == tensors[0].device.type == "meta"
    assert (plain.named.task, plain.texts) == (3, ["a"])


def test_a_device_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("cuda:77", "gpu"):
        monkeypatch.setenv("MERITS_DEVICE", name)
        here.cache_clear()
        with pytest.raises(UsageError, match=f"MERITS_DEVICE={name} can't be used"):
            here()
    monkeypatch.setenv("MERITS_DEVICE", "cpu")
    assert here().device.type == "cpu"
    here.cache_clear()


def test_precision_that_was_asked_for_is_kept() -> None:
    cpu = torch.device("cpu")
    assert resolve_precision("bf16", cpu) == "bf16"
    assert resolve_precision("auto", torch.device("meta")) == "fp32"
    assert resolve_precision("auto", cpu) in ("fp32", "bf16")


@pytest.mark.slow
def test_two_processes_do_what_one_does_that_accumulates_twice(tmp_path: Path) -> None:
    options = "--multi_gpu --num_processes 2 --num_machines 1 --mixed_precision no --dynamo_backend no"
    launch = [
        sys.executable,
        "-m",
        "accelerate.commands.launch",
        *options.split(),
        "--main_process_port",
        "0",
    ]
    launch += ["-m", "tests.offline_train.training.two_processes", str(tmp_path / "two")]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "MERITS_DEVICE": "cpu"}
    done = subprocess.run(launch, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    two = Run(tmp_path / "two")
    assert two.metrics["processes"] == 2
    assert two.metrics["best"]["process"] == 0
    assert not (tmp_path / "two" / "checkpoint").exists()

    one = train(tmp_path / "one", accumulate=2)
    assert Run(tmp_path / "one").metrics["best"]["epoch"] == two.metrics["best"]["epoch"]
    other = type(one)()
    two.load_weights(other)
    for name, value in one.state_dict().items():
        if name != "seen":  # buffers are the first process's
            torch.testing.assert_close(other.state_dict()[name], value, rtol=1e-4, atol=1e-5)


def test_as_many_processes_have_to_go_on(tmp_path: Path) -> None:
    settings = FitSettings(epochs=1, learning_rate=0.1)
    begin(tmp_path, settings)
    with Checkpoint(tmp_path / "checkpoint", 0.2) as checkpoint:
        saved = checkpoint.read()
        assert saved is not None
        position = json.loads(saved["position"]) | {"processes": 2}
        checkpoint.write(saved | {"position": json.dumps(position)})
    with pytest.raises(RunFolderError, match="begun with 2 processes, not 1"):
        begin(tmp_path, settings)


def test_the_package_runs_as_a_module() -> None:
    command = [sys.executable, "-m", "offline_train", "stage3", "--bogus"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("merits-train: No such option: --bogus")
