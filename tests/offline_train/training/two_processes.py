"""Runs under `accelerate launch`: trains in the folder named, and stores the run as a command would."""

import sys
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from offline_train.runs.run import Run
from offline_train.training.devices import here
from offline_train.training.fit import FitSettings, fit

ROWS = 44
"""In batches of 4: eleven, so that the last step has a batch for one of two processes only."""


class Parts(nn.Module):
    """One part is used by some batches only, and so has no gradient in some processes; one is a buffer."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(here().index)  # processes that begin with different weights
        self.main = nn.Linear(5, 2)
        self.rare = nn.Linear(5, 2)
        self.seen: Tensor
        self.register_buffer("seen", torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        self.seen += len(x)
        rare = self.rare(x) if x[0, 0] > 0.5 else 0.0
        result: Tensor = self.main(x) + rare
        return result


def train(folder: Path, accumulate: int = 1) -> nn.Module:
    """Train it, unless it was."""
    data = torch.randn(ROWS, 5, generator=torch.Generator().manual_seed(0))
    target = (data.sum(1) > 0).long()
    settings = FitSettings(epochs=3, learning_rate=0.05, accumulate=accumulate)
    run = Run.open(folder, {"fit": settings}, "two_processes")
    model = Parts()

    def batches(generator: torch.Generator) -> list[tuple[Tensor, Tensor]]:
        parts = torch.split(torch.randperm(ROWS, generator=generator), 4)
        return [(data[part], target[part]) for part in parts]

    def loss(batch: tuple[Tensor, Tensor]) -> Tensor:
        return functional.cross_entropy(model(batch[0]), batch[1])

    def validate() -> dict[str, float]:
        # Each process has its own opinion; the first one's counts.
        right = (model.main(data).argmax(1) == target).float().mean()
        return {"score": float(right) + here().index, "process": float(here().index)}

    best = fit(model, batches, loss, validate, settings, folder, "two")
    run.finish(model, {}, {"best": best, "processes": here().count})
    return model


if __name__ == "__main__":
    train(Path(sys.argv[1]))
