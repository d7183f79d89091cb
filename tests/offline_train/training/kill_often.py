"""Runs as a process of its own: trains once undisturbed, then again with `kill -9` at random moments.

Children are forked, so that a kill costs no new start of Python. Prints what went wrong, or nothing.
"""

import os
import random
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from shutil import rmtree

import torch
from safetensors.torch import load_file, save_file

from offline_train.training import checkpoint
from offline_train.training.fit import FitSettings
from tests.offline_train.training.tiny_training import train

SETTINGS = FitSettings(epochs=5, learning_rate=0.05, seed=3, average=0.9, checkpoint_share=1.0)


def fork(work: Callable[[], None]) -> int:
    """Do it in a child; returns its process id."""
    child = os.fork()
    if child == 0:
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115, PTH123
        work()
        os._exit(0)
    return child


def kill_often(folder: Path, settings: FitSettings, width: int, pause_s: float, longest_s: float) -> int:
    """Train to the end however many kills that takes; returns how many it took."""

    def work() -> None:
        model, _ = train(folder, settings, width, pause_s)
        save_file(model.state_dict(), folder / "final.safetensors")

    kills = 0
    while True:
        child = fork(work)
        deadline = time.monotonic() + random.uniform(0, longest_s)
        while (ended := os.waitpid(child, os.WNOHANG))[0] == 0 and time.monotonic() < deadline:
            time.sleep(0.001)
        if ended[0]:
            assert ended[1] == 0, "the child failed"
            return kills
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        kills += 1
        longest_s *= 1.3  # it gets there in the end


def main(folder: Path) -> None:
    """Compare."""
    torch.set_num_threads(1)
    checkpoint.EVERY_S = 0.0  # after every step
    random.seed()
    train(folder / "warm", replace(SETTINGS, epochs=1))  # imports
    for name, width, pause_s in (("busy", 4000, 0.0), ("slow", 8, 0.02)):
        began = time.monotonic()
        kill_often(folder / name / "whole", SETTINGS, width, pause_s, 1e9)
        longest_s = 0.7 * (time.monotonic() - began)
        while not (kills := kill_often(folder / name / "killed", SETTINGS, width, pause_s, longest_s)):
            rmtree(folder / name / "killed")  # it was faster this time
            longest_s /= 2
        print(f"{name}: {kills} kills", file=sys.stderr)
        whole, killed = (
            load_file(folder / name / kind / "final.safetensors") for kind in ("whole", "killed")
        )
        different = [key for key, value in whole.items() if not torch.equal(value, killed[key])]
        if different:
            print(f"{name}: after {kills} kills {different} differ")
        rows = [(folder / name / kind / "epochs.jsonl").read_text() for kind in ("whole", "killed")]
        if rows[0] != rows[1]:
            print(f"{name}: epochs differ")
    # After a checkpoint at every step, none but the one in flight is done twice.
    lines = (folder / "slow" / "killed" / "steps.txt").read_text().split("\n")[:-1]
    steps = [epoch * 4 + step for epoch, step in (map(int, line.split()) for line in lines)]
    if any(after - before not in (0, 1) for before, after in pairwise(steps)):
        print(f"steps were lost: {steps}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
