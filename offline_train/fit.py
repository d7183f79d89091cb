"""A plain, seeded training loop; a killed run resumes at its last epoch, to the same result."""

import json
import math
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch import Tensor, nn


@dataclass(frozen=True)
class FitSettings:
    """How to optimise: AdamW, linear warm-up, then cosine decay to zero.

    Attributes:
        epochs: passes over the training data.
        learning_rate: the peak.
        weight_decay: on matrices only; vectors (biases, norms) are left alone.
        warmup: fraction of all steps.
        clip: largest gradient norm.
        seed: of everything random. Epoch e draws from (seed, e) alone, which is what makes resuming exact.
        patience: stop after so many epochs without a better score; None never stops early.
        average: decay of an exponential moving average of the weights, judged and kept instead of the
            weights themselves; 0 keeps the weights.
        precision: of matrix products in the forward and backward pass.
    """

    epochs: int
    learning_rate: float
    weight_decay: float = 0.01
    warmup: float = 0.1
    clip: float = 1.0
    seed: int = 1
    patience: int | None = None
    average: float = 0.0
    precision: Literal["fp32", "bf16"] = "fp32"


def epoch_generator(seed: int, epoch: int) -> torch.Generator:
    """Randomness that depends on the seed and the epoch alone."""
    return torch.Generator().manual_seed(seed * 100_003 + epoch)


def trained_state(model: nn.Module) -> dict[str, Tensor]:
    """What training changes: trainable parameters and buffers, detached copies, by name."""
    frozen = {name for name, parameter in model.named_parameters() if not parameter.requires_grad}
    return {
        name: value.detach().clone()
        for name, value in model.state_dict(keep_vars=True).items()
        if name not in frozen
    }


Batch = TypeVar("Batch")


def fit(
    model: nn.Module,
    batches: Callable[[torch.Generator], Sequence[Batch]],
    loss: Callable[[Batch], Tensor],
    validate: Callable[[], dict[str, float]],
    settings: FitSettings,
    run: Path,
    label: str,
) -> dict[str, float]:
    """Train `model` in place and leave it with the weights of its best epoch.

    Args:
        model: what to train; parameters with `requires_grad=False` are neither trained nor stored.
        batches: makes one epoch's batches; always the same number of them.
        loss: of one batch, a scalar; called with the model in training mode.
        validate: metrics of the model in evaluation mode, on validation data; "score" is what is maximised.
        settings: how.
        run: folder for `checkpoint.pt` (removed nowhere: a finished run answers at once) and `epochs.jsonl`.
        label: what to call it in the progress display.

    Returns:
        The metrics of the best epoch, with "epoch" (from 1) among them.
    """
    run.mkdir(parents=True, exist_ok=True)
    decay = [p for p in model.parameters() if p.requires_grad and p.ndim >= 2]
    plain = [p for p in model.parameters() if p.requires_grad and p.ndim < 2]
    optimizer = torch.optim.AdamW(
        [{"params": decay, "weight_decay": settings.weight_decay}, {"params": plain, "weight_decay": 0.0}],
        lr=settings.learning_rate,
    )
    steps = len(batches(epoch_generator(settings.seed, 0)))
    factor = _warmup_cosine(steps * settings.epochs, settings.warmup)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, factor)
    average = trained_state(model) if settings.average else None
    progress = _Checkpoint(run / "checkpoint.pt")
    log: list[dict[str, float]] = []
    best: dict[str, float] = {}
    best_state: dict[str, Tensor] = {}
    if progress.path.exists():
        saved = progress.load()
        model.load_state_dict(saved["model"], strict=False)
        optimizer.load_state_dict(saved["optimizer"])
        schedule.load_state_dict(saved["schedule"])
        average, log, best, best_state = saved["average"], saved["log"], saved["best"], saved["best_state"]

    console = Console(stderr=True)
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        disable=not sys.stderr.isatty(),
    )
    with bar:
        task = bar.add_task(label, total=steps * settings.epochs, completed=steps * len(log))
        for epoch in range(len(log), settings.epochs):
            if settings.patience is not None and best and epoch - best["epoch"] >= settings.patience:
                break
            torch.manual_seed(settings.seed * 100_003 + epoch)
            total = 0.0
            model.train()
            for batch in batches(epoch_generator(settings.seed, epoch)):
                optimizer.zero_grad(set_to_none=True)
                with torch.autocast("cpu", torch.bfloat16, enabled=settings.precision == "bf16"):
                    value = loss(batch)
                value.backward()  # type: ignore[no-untyped-call]
                nn.utils.clip_grad_norm_(decay + plain, settings.clip)
                optimizer.step()
                schedule.step()
                if average is not None:
                    _move_towards(average, model, settings.average)
                total += value.item()
                bar.advance(task)
            held = trained_state(model)
            if average is not None:
                model.load_state_dict(average, strict=False)
            model.eval()
            with torch.no_grad():
                metrics = {"epoch": float(epoch + 1), "loss": total / steps, **validate()}
            log.append(metrics)
            if not best or metrics["score"] > best["score"]:
                best, best_state = metrics, trained_state(model)
            model.load_state_dict(held, strict=False)
            progress.save(
                model=held,
                optimizer=optimizer.state_dict(),
                schedule=schedule.state_dict(),
                average=average,
                log=log,
                best=best,
                best_state=best_state,
            )
            _write_lines(run / "epochs.jsonl", log)
            shown = "  ".join(f"{key} {value:.4g}" for key, value in metrics.items() if key != "epoch")
            console.print(f"{label}  epoch {epoch + 1}/{settings.epochs}  {shown}", highlight=False)
    model.load_state_dict(best_state, strict=False)
    model.eval()
    return best


class _Checkpoint:
    """One file, replaced as a whole, holding tensors and plain values only."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def load(self) -> dict[str, Any]:
        saved: dict[str, Any] = torch.load(self.path, map_location="cpu", weights_only=True)
        return saved

    def save(self, **state: Any) -> None:
        partial = self.path.with_suffix(".partial")
        with partial.open("wb") as file:
            torch.save(state, file)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(self.path)


def _warmup_cosine(steps: int, warmup: float) -> Callable[[int], float]:
    first = max(1, int(steps * warmup))

    def factor(step: int) -> float:
        if step < first:
            return (step + 1) / first
        return 0.5 * (1 + math.cos(math.pi * min(1.0, (step - first) / max(1, steps - first))))

    return factor


def _move_towards(average: dict[str, Tensor], model: nn.Module, decay: float) -> None:
    with torch.no_grad():
        for name, value in model.state_dict(keep_vars=True).items():
            if name not in average:
                continue
            if value.is_floating_point():
                average[name].lerp_(value.detach(), 1 - decay)
            else:
                average[name].copy_(value)


def _write_lines(path: Path, rows: list[dict[str, float]]) -> None:
    partial = path.with_suffix(".partial")
    partial.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    partial.replace(path)
