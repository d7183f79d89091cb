"""How far a training run is."""

from dataclasses import dataclass, field


@dataclass
class TrainingState:
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
    def taken(self) -> int:
        """Steps since the beginning."""
        return self.epoch * self.steps + self.step
