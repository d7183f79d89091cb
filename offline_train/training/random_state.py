"""Random generators: those of epochs, and the global ones that libraries use (dropout, masks)."""

import random
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch


def epoch_generator(seed: int, epoch: int) -> torch.Generator:
    """A generator that depends on the seed and the epoch alone."""
    return torch.Generator().manual_seed(seed * 100_003 + epoch)


def seed_generators(seed: int) -> None:
    """Seed all global generators with any integer."""
    torch.manual_seed(seed)
    random.seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002 - libraries use the global generator


def seed_apart(*numbers: int) -> None:
    """Seed all global generators from several numbers, such as epoch and process."""
    seed_generators(int(np.random.SeedSequence(numbers).generate_state(1, np.uint32)[0]))


def generators_state(device: torch.device) -> dict[str, Any]:
    """The state of the global generators, in plain values and tensors."""
    drawn: Any = np.random.get_state(legacy=False)  # noqa: NPY002
    drawn["state"]["key"] = drawn["state"]["key"].tolist()
    state = {"python": random.getstate(), "numpy": drawn, "cpu": torch.get_rng_state()}
    if device.type == "cuda":
        state["cuda"] = torch.cuda.get_rng_state(device)
    return state


def restore_generators(state: Mapping[str, Any], device: torch.device) -> None:
    """Restore the state of the global generators; one that was not saved is unchanged."""
    random.setstate(state["python"])
    np.random.set_state(state["numpy"])  # noqa: NPY002
    torch.set_rng_state(state["cpu"])
    if device.type == "cuda" and "cuda" in state:
        torch.cuda.set_rng_state(state["cuda"], device)
