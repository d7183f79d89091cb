"""Random generators: an epoch's own, and the process-wide ones that libraries draw from (dropout, masks)."""

import random
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor


def epoch_generator(seed: int, epoch: int) -> torch.Generator:
    """Randomness that depends on the seed and the epoch alone."""
    return torch.Generator().manual_seed(seed * 100_003 + epoch)


def seed_generators(seed: int) -> None:
    """Seed all of them; any integer will do."""
    torch.manual_seed(seed)
    random.seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002 - theirs to draw from, not ours


def seed_apart(*numbers: int) -> None:
    """Seed all of them from several numbers, such as epoch and process."""
    seed_generators(int(np.random.SeedSequence(numbers).generate_state(1, np.uint32)[0]))


def generators_state(device: torch.device) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """How far they are: plain values, and tensors by name."""
    drawn: Any = np.random.get_state(legacy=False)  # noqa: NPY002
    drawn["state"]["key"] = drawn["state"]["key"].tolist()
    plain = {"python": random.getstate(), "numpy": drawn}
    tensors = {"random/cpu": torch.get_rng_state()}
    if device.type == "cuda":
        tensors["random/cuda"] = torch.cuda.get_rng_state(device)
    return plain, tensors


def restore_generators(plain: Mapping[str, Any], tensors: Mapping[str, Tensor], device: torch.device) -> None:
    """Set them to where they were; one that was not kept stays as it is."""
    version, words, gauss = plain["python"]
    random.setstate((version, tuple(words), gauss))
    np.random.set_state(plain["numpy"])  # noqa: NPY002
    torch.set_rng_state(tensors["random/cpu"])
    if device.type == "cuda" and "random/cuda" in tensors:
        torch.cuda.set_rng_state(tensors["random/cuda"], device)
