"""The optimiser: AdamW with a schedule, gradient clipping, and a moving average of the weights."""

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from offline_train.errors import RunFolderError, TrainingError
from offline_train.training.settings import FitSettings

_MODEL, _AVERAGE = "model/", "average/"


def trained_state(model: nn.Module) -> dict[str, Tensor]:
    """Detached copies of trainable parameters and buffers, by name."""
    return {name: value.detach().clone() for name, value in _trained(model).items()}


class Optimiser:
    """AdamW with linear warm-up and cosine decay to zero.

    Attributes:
        model: the model.
        parameters: its trainable parameters, matrices first.
    """

    def __init__(self, model: nn.Module, settings: FitSettings) -> None:
        """Create an optimiser for a model that is on its device already."""
        self.model = model
        decayed = {name: p for name, p in model.named_parameters() if p.requires_grad and p.ndim >= 2}
        plain = {name: p for name, p in model.named_parameters() if p.requires_grad and p.ndim < 2}
        self._named = decayed | plain
        self.parameters = list(self._named.values())
        self._settings = settings
        self._adam = torch.optim.AdamW(
            [
                {"params": list(decayed.values()), "weight_decay": settings.weight_decay},
                {"params": list(plain.values()), "weight_decay": 0.0},
            ],
            lr=settings.learning_rate,
        )
        for parameter in self.parameters:  # as AdamW would at the first step, so that it can be saved
            self._adam.state[parameter] = {
                "step": torch.tensor(0.0),
                "exp_avg": torch.zeros_like(parameter, memory_format=torch.preserve_format),
                "exp_avg_sq": torch.zeros_like(parameter, memory_format=torch.preserve_format),
            }
        self._average = trained_state(model) if settings.average else {}

    def zero_gradients(self) -> None:
        """Reset the gradients."""
        self._adam.zero_grad(set_to_none=True)

    def clip(self) -> float:
        """Clip the gradients; returns their norm before that.

        Raises:
            TrainingError: it is not finite.
        """
        norm = float(nn.utils.clip_grad_norm_(self.parameters, self._settings.clip))
        if not math.isfinite(norm):
            raise TrainingError(f"training diverged (gradient norm {norm}): try a lower learning rate")
        return norm

    def step(self, number: int, total: int) -> float:
        """Take a step with the clipped gradients; returns its learning rate.

        Args:
            number: number of the step, from 0.
            total: number of steps in the run.
        """
        rate = self._settings.learning_rate * _warmup_cosine(number, total, self._settings.warmup)
        for group in self._adam.param_groups:
            group["lr"] = rate
        self._adam.step()
        self._move_average()
        return rate

    def buffers(self) -> dict[str, Tensor]:
        """Buffers, which the forward pass changes, by name; not copies."""
        trained = _trained(self.model).items()
        return {name: value.detach() for name, value in trained if not isinstance(value, nn.Parameter)}

    def weights(self) -> dict[str, Tensor]:
        """Trainable parameters and buffers, by name; not copies."""
        return {name: value.detach() for name, value in _trained(self.model).items()}

    def state(self) -> dict[str, Tensor]:
        """All tensors that steps change, by name; not copies."""
        moments = {
            f"{kind}/{name}": value
            for name, parameter in self._named.items()
            for kind, value in self._adam.state[parameter].items()
        }
        weights = {_MODEL + name: value for name, value in self.weights().items()}
        return weights | moments | {_AVERAGE + name: value for name, value in self._average.items()}

    @torch.no_grad()
    def load(self, saved: Mapping[str, Tensor]) -> None:
        """Overwrite the tensors of `state`.

        Raises:
            RunFolderError: it is the state of another model.
        """
        state = self.state()
        if any(name not in saved or saved[name].shape != value.shape for name, value in state.items()):
            raise RunFolderError("the checkpoint is of another model; choose another --out or remove the run")
        for name, value in state.items():
            value.copy_(saved[name])

    @contextmanager
    def judged_weights(self) -> Iterator[None]:
        """A context in which the model has the averaged weights, if there are any, for evaluation."""
        if not self._average:
            yield
            return
        held = trained_state(self.model)
        self.model.load_state_dict(self._average, strict=False)
        yield
        self.model.load_state_dict(held, strict=False)

    @torch.no_grad()
    def _move_average(self) -> None:
        if not self._average:
            return
        for name, value in _trained(self.model).items():
            if value.is_floating_point():
                self._average[name].lerp_(value.detach(), 1 - self._settings.average)
            else:
                self._average[name].copy_(value)


def _trained(model: nn.Module) -> dict[str, Tensor]:
    frozen = {name for name, parameter in model.named_parameters() if not parameter.requires_grad}
    return {name: v for name, v in model.state_dict(keep_vars=True).items() if name not in frozen}


def _warmup_cosine(step: int, total: int, warmup: float) -> float:
    first = max(1, int(total * warmup))
    if step < first:
        return (step + 1) / first
    return 0.5 * (1 + math.cos(math.pi * min(1.0, (step - first) / max(1, total - first))))
