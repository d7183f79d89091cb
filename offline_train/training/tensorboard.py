"""TensorBoard logs of a training run."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any


class TensorBoardLog:
    """Writes the folder `tensorboard` of a run; without the package of that name, it prints a message."""

    def __init__(self, folder: Path | None, step: int) -> None:
        """Open the folder, unless it is None; entries of an earlier process from `step` on are dropped."""
        self._writer: Any = None
        if folder is None:
            return
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            print("no TensorBoard logs: pip install tensorboard", file=sys.stderr)
            return
        self._writer = SummaryWriter(str(folder), purge_step=step, flush_secs=10)

    def __enter__(self) -> "TensorBoardLog":
        return self

    def __exit__(self, *_: object) -> None:
        if self._writer is not None:
            self._writer.close()

    def add(self, step: int, values: Mapping[str, float]) -> None:
        """Log values by tag ("train/loss") at a step, counted from 1."""
        if self._writer is not None:
            for tag, value in values.items():
                self._writer.add_scalar(tag, value, step)
