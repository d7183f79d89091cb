"""Devices for training: a single one, or one per process of `accelerate launch`."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from functools import cache
from typing import Any, Literal, TypeVar, cast

import torch
from torch import Tensor, nn

from offline_train.errors import UsageError

Precision = Literal["fp32", "bf16", "auto"]
T = TypeVar("T")


@dataclass(frozen=True)
class Place:
    """One of the processes that train a model together.

    Attributes:
        device: its device.
        index: its number, from 0.
        count: number of processes.
    """

    device: torch.device
    index: int = 0
    count: int = 1

    @property
    def first(self) -> bool:
        """Whether this is the process that writes files and messages."""
        return self.index == 0

    def wait(self) -> None:
        """Wait for all processes."""
        if self.count > 1:
            from accelerate import PartialState

            PartialState().wait_for_everyone()

    def from_first(self, value: T) -> T:
        """Broadcast the first process's value to every process."""
        if self.count == 1:
            return value
        from accelerate.utils import broadcast_object_list

        return cast(T, broadcast_object_list([value])[0])

    def copy_from_first(self, tensors: Iterable[Tensor]) -> None:
        """Overwrite tensors with those of the first process."""
        if self.count == 1:
            return
        from accelerate.utils import broadcast

        with torch.no_grad():
            for tensor in tensors:
                tensor.copy_(broadcast(tensor.detach().to(self.device)))

    def sum_gradients(self, parameters: Sequence[nn.Parameter], loss: float) -> float:
        """Sum gradients over the processes, in place; returns the sum of `loss`.

        A gradient that no process has stays None.
        """
        if self.count == 1:
            return loss
        from accelerate.utils import reduce

        flat = [torch.zeros_like(p) if p.grad is None else p.grad for p in parameters]
        known = torch.tensor([loss, *(p.grad is not None for p in parameters)], dtype=torch.float64)
        known = reduce(known.to(self.device), reduction="sum")
        summed = reduce(torch.cat([gradient.reshape(-1) for gradient in flat]), reduction="sum")
        parts = summed.split([p.numel() for p in parameters])
        for parameter, part, count in zip(parameters, parts, known[1:].tolist(), strict=True):
            if count:
                parameter.grad = torch.empty_like(parameter).copy_(part.view_as(parameter))
        return float(known[0])


@cache
def here() -> Place:
    """This process and its device: CUDA if available, else the CPU; `MERITS_DEVICE` (cpu, cuda:1) overrides.

    Raises:
        UsageError: `MERITS_DEVICE` names no device of this machine.
    """
    wanted = os.environ.get("MERITS_DEVICE", "")
    if not wanted and os.environ.get("ACCELERATE_USE_CPU", "").lower() == "true":  # accelerate launch --cpu
        wanted = "cpu"
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        from accelerate import PartialState

        state = PartialState(cpu=wanted == "cpu" or not torch.cuda.is_available())
        return Place(state.device, state.process_index, state.num_processes)
    if not wanted:
        return Place(torch.device("cuda" if torch.cuda.is_available() else "cpu"))
    try:
        device = torch.device(wanted)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise UsageError(f"MERITS_DEVICE={wanted} can't be used: {reason}") from None
    return Place(device)


def resolve_precision(wanted: Precision, device: torch.device) -> Literal["fp32", "bf16"]:
    """Resolve "auto": bf16 if the device has bf16 multiplication, else fp32."""
    if wanted != "auto":
        return wanted
    if device.type == "cuda":
        has = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        # Missing in the oldest supported torch.
        cpu: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
        has = device.type == "cpu" and bool(cpu.get("avx512_bf16") or cpu.get("amx_bf16"))
    return "bf16" if has else "fp32"


def to_device(batch: Any, device: torch.device) -> Any:
    """Move a batch to the device: tensors, and tuples, lists, dicts and dataclasses of them."""
    if isinstance(batch, Tensor):
        return batch.to(device, non_blocking=True)
    if isinstance(batch, tuple) and hasattr(batch, "_fields"):
        return type(batch)(*(to_device(each, device) for each in batch))
    if isinstance(batch, tuple | list):
        return type(batch)(to_device(each, device) for each in batch)
    if isinstance(batch, dict):
        return {name: to_device(each, device) for name, each in batch.items()}
    if is_dataclass(batch) and not isinstance(batch, type):
        return replace(batch, **{f.name: to_device(getattr(batch, f.name), device) for f in fields(batch)})
    return batch
