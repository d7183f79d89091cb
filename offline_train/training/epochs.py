"""A training run: its epochs, their evaluation and their checkpoints."""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from models.atomic_write import write_whole
from offline_train.errors import RunFolderError
from offline_train.files import write_json
from offline_train.progress_bar import progress_bar
from offline_train.training.checkpoint import Checkpoint
from offline_train.training.devices import Place, resolve_precision, to_device
from offline_train.training.epoch_data import Batches
from offline_train.training.optimiser import Optimiser, trained_state
from offline_train.training.random_state import (
    epoch_generator,
    generators_state,
    restore_generators,
    seed_apart,
    seed_generators,
)
from offline_train.training.settings import FitSettings
from offline_train.training.state import TrainingState
from offline_train.training.tensorboard import TensorBoardLog

Batch = TypeVar("Batch")


class Training:
    """A training run in progress."""

    def __init__(
        self,
        model: nn.Module,
        settings: FitSettings,
        run: Path,
        place: Place,
        checkpoint: Checkpoint | None,
        label: str,
    ) -> None:
        self.model, self.settings, self.run, self.place, self.label = model, settings, run, place, label
        self.optimiser = Optimiser(model, settings)
        self.checkpoint = checkpoint
        self.random: Mapping[str, Any] = {}  # random generators of an interrupted epoch
        self.best: dict[str, Tensor] = {}  # weights of the best epoch, in the process that writes
        self.position = TrainingState(resolve_precision(settings.precision, place.device), place.count)
        if checkpoint is not None:
            if saved := checkpoint.read():
                self._resume(saved)
            self._describe()
        self.position = place.from_first(self.position)
        place.copy_from_first(self.optimiser.state().values())
        self.bar = progress_bar(quiet=not place.first)
        self.console = self.bar.console
        if self.position.taken and not self.over:
            at = f"epoch {self.position.epoch + 1}, step {self.position.step + 1} of {self.position.steps}"
            self.console.print(f"{label}  goes on at {at}", highlight=False)
        self.log = TensorBoardLog(run / "tensorboard" if place.first else None, self.position.taken + 1)
        self.task = self.bar.add_task(label, total=None)

    @property
    def over(self) -> bool:
        """Whether all epochs are done, or too many of them without a better score."""
        position, patience = self.position, self.settings.patience
        tired = patience is not None and position.rows and position.epoch - position.best["epoch"] >= patience
        return position.epoch >= self.settings.epochs or bool(tired)

    def epoch(
        self, batches: Callable[[torch.Generator], Batches[Batch]], loss: Callable[[Batch], Tensor]
    ) -> None:
        """Train for the rest of an epoch."""
        position, settings, place = self.position, self.settings, self.place
        seed_generators(settings.seed * 100_003 + position.epoch)
        self.model.train()
        shown = batches(epoch_generator(settings.seed, position.epoch))
        width = place.count * settings.accumulate  # batches per step
        steps = math.ceil(len(shown) / width)
        if steps == 0 or steps != (position.steps or steps):
            raise RunFolderError(
                f"{self.label}: {steps} steps an epoch, but {position.steps} when {self.run} was begun"
                if steps
                else f"{self.label}: there is nothing to train on"
            )
        if self.random and position.step:
            restore_generators(self.random, place.device)
        self.random = {}
        position.steps = steps
        self.bar.update(self.task, total=steps * settings.epochs, completed=position.taken)
        while position.step < steps:
            first = position.step * width
            members = range(first, min(first + width, len(shown)))
            if not place.first:  # then only the first process's generators need to be saved
                seed_apart(settings.seed, position.epoch, position.step, place.index)
            value = self._gradients(
                [shown[i] for i in members[place.index :: place.count]], loss, len(members)
            )
            norm = self.optimiser.clip()
            rate = self.optimiser.step(position.taken, steps * settings.epochs)
            if place.count > 1:
                place.copy_from_first(self.optimiser.buffers().values())
            position.step += 1
            position.loss += value
            if self.checkpoint is not None and self.checkpoint.due:
                self._save()
            if position.taken % settings.log_every == 0:
                values = {"train/loss": value, "train/learning_rate": rate, "train/gradient_norm": norm}
                self.log.add(position.taken, values)
            self.bar.advance(self.task)

    def judge(self, validate: Callable[[], dict[str, float]]) -> None:
        """End an epoch: validate, and keep the weights if they are the best so far."""
        position = self.position
        with self.optimiser.judged_weights(), torch.no_grad():
            self.model.eval()
            found = {"epoch": float(position.epoch + 1), "loss": position.loss / position.steps, **validate()}
            row = self.place.from_first(found)  # so that all processes agree on whether to continue
            after = replace(position, epoch=position.epoch + 1, step=0, loss=0.0, rows=[*position.rows, row])
            if self.checkpoint is not None and after.best is row:
                self.best = {name: value.cpu() for name, value in trained_state(self.model).items()}
        self.position = after
        if self.place.first:
            lines = "".join(json.dumps(row) + "\n" for row in after.rows)
            write_whole(self.run / "epochs.jsonl", lines)
        self._save()
        scores = {key: value for key, value in row.items() if key != "epoch"}
        self.log.add(after.taken, {f"validation/{key}": value for key, value in scores.items()})
        shown = "  ".join(f"{key} {value:.4g}" for key, value in scores.items())
        line = f"{self.label}  epoch {after.epoch}/{self.settings.epochs}  {shown}"
        self.console.print(line, highlight=False)

    def load_best(self) -> None:
        """Leave the model with the best epoch's weights."""
        if self.checkpoint is not None:
            self.model.load_state_dict(self.best, strict=False)
        self.place.copy_from_first(self.optimiser.weights().values())
        self.model.eval()

    def _gradients(self, own: Sequence[Batch], loss: Callable[[Batch], Tensor], count: int) -> float:
        """Compute gradients of the mean loss of `count` batches over all processes; returns that loss."""
        self.optimiser.zero_gradients()
        total = 0.0
        device = self.place.device
        for batch in own:
            with torch.autocast(device.type, torch.bfloat16, enabled=self.position.precision == "bf16"):
                value = loss(to_device(batch, device))
            (value / count).backward()  # type: ignore[no-untyped-call]
            total += value.item() / count
        return self.place.sum_gradients(self.optimiser.parameters, total)

    def _save(self) -> None:
        if self.checkpoint is not None:
            self.checkpoint.write(
                {
                    "position": json.dumps(asdict(self.position)),
                    "random": generators_state(self.place.device),
                    "state": self.optimiser.state(),
                    "best": self.best,
                }
            )

    def _resume(self, saved: Mapping[str, Any]) -> None:
        """Resume from a checkpoint.

        Raises:
            RunFolderError: it is of another model, or of another number of processes.
        """
        position = TrainingState(**json.loads(saved["position"]))
        if position.processes != self.place.count:
            raise RunFolderError(
                f"{self.run} was begun with {position.processes} processes, not {self.place.count};"
                " go on with as many, or remove it"
            )
        self.optimiser.load(saved["state"])
        self.position, self.random, self.best = position, saved["random"], saved["best"]

    def _describe(self) -> None:
        device = self.place.device
        described = {
            "precision": self.position.precision,
            "device": torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
            "processes": self.place.count,
            "threads": torch.get_num_threads(),
            "torch": torch.__version__,
            "trained_parameters": sum(p.numel() for p in self.optimiser.parameters),
        }
        write_json(self.run / "environment.json", described)
