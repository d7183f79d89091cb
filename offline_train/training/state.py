"""The progress of a training run."""

from dataclasses import dataclass, field


@dataclass
class TrainingState:
    """The progress of a training run.

    Attributes:
        precision: precision of the training.
        processes: number of processes.
        epoch: number of complete epochs.
        step: number of steps taken in the current epoch.
        steps: steps per epoch; 0 until that is known.
        loss: sum of the losses in the current epoch.
        rows: metrics of complete epochs.
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
        """Metrics of the best epoch, the first among equals; empty if there is none."""
        return max(self.rows, key=lambda row: row["score"], default={})

    @property
    def taken(self) -> int:
        """Steps taken since the start."""
        return self.epoch * self.steps + self.step
