"""A tiny training run for tests of the loop, which also notes every step that it begins."""

import os
import random
import time
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from offline_train.training.fit import FitSettings, fit

Batch = tuple[int, int, Tensor]
"""Epoch, step in it, members."""


class Halt(Exception):
    """Stands for whatever ends a process."""


def make_model(width: int, seed: int) -> nn.Module:
    """Dropout draws from torch's generator, batch normalisation has buffers."""
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(5, width), nn.BatchNorm1d(width), nn.Dropout(0.3), nn.Linear(width, 2))


def train(
    folder: Path,
    settings: FitSettings,
    width: int = 8,
    pause_s: float = 0.0,
    halt_after: int | None = None,
    size: int = 16,
) -> tuple[nn.Module, dict[str, float]]:
    """Train in `folder`.

    Args:
        folder: of the run; steps that were begun are appended to `steps.txt` there, as "epoch step".
        settings: how.
        width: of the model.
        pause_s: what a step and a validation take besides.
        halt_after: steps after which `Halt` is raised in the midst of the next.
        size: of a batch, of 64 rows.
    """
    data = torch.randn(64, 5, generator=torch.Generator().manual_seed(0))
    target = (data.sum(1) > 0).long()
    model = make_model(width, settings.seed)
    folder.mkdir(parents=True, exist_ok=True)
    left = halt_after
    trace = os.open(folder / "steps.txt", os.O_CREAT | os.O_APPEND | os.O_WRONLY)

    def batches(generator: torch.Generator) -> list[Batch]:
        epoch = generator.initial_seed() - settings.seed * 100_003
        parts = torch.split(torch.randperm(64, generator=generator), size)
        return [(epoch, step, part) for step, part in enumerate(parts)]

    def loss(batch: Batch) -> Tensor:
        nonlocal left
        epoch, step, members = batch
        if left is not None:
            left -= 1
            if left < 0:
                raise Halt
        os.write(trace, f"{epoch} {step}\n".encode())
        time.sleep(pause_s)
        noise = random.gauss() + np.random.standard_normal()  # noqa: NPY002 - libraries draw from these
        return functional.cross_entropy(model(data[members] + 0.1 * noise), target[members])

    def validate() -> dict[str, float]:
        time.sleep(pause_s)
        return {"score": float((model(data).argmax(1) == target).float().mean())}

    best = fit(model, batches, loss, validate, settings, folder, "test")
    os.close(trace)
    return model, best
