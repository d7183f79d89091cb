"""How far a training run is, and how it gets back there."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from torch import Tensor

from offline_train.checkpoint import Checkpoint
from offline_train.errors import RunError
from offline_train.optimiser import Optimiser


@dataclass
class Position:
    """How far a run is.

    Attributes:
        precision: what it trains in.
        processes: how many train it.
        epoch: epochs that are over.
        step: steps taken in the epoch after them.
        steps: in an epoch; 0 before that is known.
        loss: sum over the steps taken in the epoch.
        rows: metrics of the epochs that are over.
    """

    precision: str
    processes: int
    epoch: int = 0
    step: int = 0
    steps: int = 0
    loss: float = 0.0
    rows: list[dict[str, float]] = field(default_factory=list)

    @property
    def best(self) -> dict[str, float]:
        """Metrics of the best epoch, the first among equals; empty before there is one."""
        return max(self.rows, key=lambda row: row["score"], default={})

    @property
    def best_name(self) -> str | None:
        """Name of the record with its weights."""
        return f"best-{int(self.best['epoch'])}" if self.rows else None

    @property
    def taken(self) -> int:
        """Steps since the beginning."""
        return self.epoch * self.steps + self.step

    def snapshot(self) -> dict[str, Any]:
        """What a snapshot keeps of it."""
        return {"position": asdict(self), "best": self.best_name}

    def step_taken(self) -> dict[str, Any]:
        """What the journal keeps of it: what a step changes."""
        return {"step": self.step, "loss": self.loss}


@dataclass(frozen=True)
class Generators:
    """Where the process-wide random generators were: plain values, and tensors by name."""

    plain: Mapping[str, Any]
    tensors: Mapping[str, Tensor]


def take_up(
    checkpoint: Checkpoint, optimiser: Optimiser, fresh: Position, epochs: int
) -> tuple[Position, Generators | None]:
    """Bring weights and optimiser to where the run was killed: the newest snapshot, then the journal's steps.

    Args:
        checkpoint: of the run.
        optimiser: with the model.
        fresh: where a run begins.
        epochs: of the whole run.

    Returns:
        How far the run is, and the generators of a run that had begun.

    Raises:
        RunError: the run is of another model, or of another number of processes.
    """
    record = checkpoint.load()
    if record is None:
        return fresh, None
    position = Position(**record.meta["position"])
    if position.processes != fresh.processes:
        raise RunError(
            f"{checkpoint.folder.parent} was begun with {position.processes} processes, not"
            f" {fresh.processes}; go on with as many, or remove it"
        )
    optimiser.load(record.tensors)
    for record in checkpoint.journal():
        optimiser.redo(record.tensors, position.taken, position.steps * epochs)
        position.step, position.loss = record.meta["step"], record.meta["loss"]
    return position, Generators(record.meta["generators"], record.tensors)
