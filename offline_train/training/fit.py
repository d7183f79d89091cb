"""A plain, seeded training loop; a killed run resumes at its last checkpoint, to the same result.

The same to the last bit on a CPU with as many threads; on a GPU as far as its kernels are deterministic.
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
    """Train `model` in place; it is left with the weights of its best epoch, on the device it was trained on.

    With n processes each reads every n-th batch, and a step follows the mean gradient of n * `accumulate`
    batches (of fewer where an epoch ends): what one process does that accumulates n times as many, but for
    rounding and what is drawn in the model (dropout).

    Args:
        model: what to train; parameters with `requires_grad=False` are neither trained nor stored.
        batches: makes one epoch's batches; always the same number of them.
        loss: of one batch, a scalar; called with the model in training mode and the batch on its device.
        validate: metrics of the model in evaluation mode, on validation data; "score" is what is maximised.
        settings: how.
        run: folder for `epochs.jsonl`, `environment.json`, `tensorboard/` and, until `Run.finish` removes it,
            `checkpoint/`, from which a killed run goes on and one that is over answers at once.
        label: what to call it in the progress display.

    Returns:
        The metrics of the best epoch, with "epoch" (from 1) among them.

    Raises:
        TrainingError: training diverged, or a checkpoint can't be written.
        RunFolderError: the run's folder can't be used: another process is training there, or what is there is
            damaged or of another model, other data, another number of processes or an earlier version.
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
