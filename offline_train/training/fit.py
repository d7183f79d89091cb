"""A seeded training loop; a killed run resumes at its last checkpoint, with the same result.

The result is bit-identical on a CPU with the same number of threads, and on a GPU with deterministic kernels.
"""

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor, nn

from offline_train.training.checkpoint import Checkpoint
from offline_train.training.devices import here
from offline_train.training.epoch_data import Batches
from offline_train.training.epochs import Training
from offline_train.training.random_state import epoch_generator
from offline_train.training.settings import FitSettings

__all__ = ["FitSettings", "epoch_generator", "fit"]

Batch = TypeVar("Batch")


def fit(
    model: nn.Module,
    batches: Callable[[torch.Generator], Batches[Batch]],
    loss: Callable[[Batch], Tensor],
    validate: Callable[[], dict[str, float]],
    settings: FitSettings,
    run: Path,
    label: str,
) -> dict[str, float]:
    """Train `model` in place; afterwards it has the weights of its best epoch, on the training device.

    Each of n processes reads every n-th batch, and a step uses the mean gradient of n * `accumulate` batches
    (fewer at the end of an epoch). This equals one process that accumulates n times as many, except for
    rounding and random numbers drawn in the model (dropout).

    Args:
        model: the model; parameters with `requires_grad=False` are neither trained nor stored.
        batches: makes the batches of an epoch; their number must not change.
        loss: scalar loss of a batch; called with the model in training mode and the batch on its device.
        validate: metrics of the model in evaluation mode, on validation data; "score" is maximised.
        settings: settings of the optimisation.
        run: folder for `epochs.jsonl`, `environment.json`, `tensorboard/` and `checkpoint/`. Until
            `Run.finish` removes the latter, a killed run is resumed from it, and the result of a complete one
            read from it.
        label: name in the progress display.

    Returns:
        The metrics of the best epoch, with "epoch" (from 1) among them.

    Raises:
        TrainingError: training diverged, or a checkpoint can't be written.
        RunFolderError: the run's folder can't be used: another process is training there, or its checkpoint
            is damaged, or of another model, other data, another number of processes or an earlier version.
    """
    place = here()
    model.to(place.device)
    with ExitStack() as stack:
        checkpoint = None
        if place.first:
            checkpoint = stack.enter_context(Checkpoint(run / "checkpoint", settings.checkpoint_share))
        training = Training(model, settings, run, place, checkpoint, label)
        stack.enter_context(training.log)
        stack.enter_context(training.bar)
        while not training.over:
            training.epoch(batches, loss)
            training.judge(validate)
        training.load_best()
    return training.position.best
