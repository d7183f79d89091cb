"""A trained GRU, one conversation at a time: torch spends more on calling a step than the step takes."""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

Array: TypeAlias = NDArray[np.float32]


class GRUSteps:
    """What `nn.GRU` computes (one layer, one direction), taken apart: inputs, which can be kept, and steps.

    Args:
        gru: trained, on the CPU; its weights are shared.
    """

    def __init__(self, gru: nn.GRU) -> None:
        weights = {name: array(weight) for name, weight in gru.named_parameters()}
        self._input_weight, self._input_bias = weights["weight_ih_l0"].T, weights["bias_ih_l0"]
        self._weight, self._bias = weights["weight_hh_l0"], weights["bias_hh_l0"]  # [3H, H] and [3H]

    def gates(self, x: Array) -> Array:
        """What the inputs [n, F] add to the reset, update and new gates [n, 3H], whatever came before."""
        given: Array = x @ self._input_weight
        given += self._input_bias
        return given

    def run(self, gates: Array, state: Array | None = None) -> Array:
        """Step by step.

        Args:
            gates: [n, 3H].
            state: [H] before the first step; zeros where none is given.

        Returns:
            The states [n, H] after every step.
        """
        hidden = self._weight.shape[1]
        states = np.empty((len(gates), hidden), np.float32)
        before = np.zeros(hidden, np.float32) if state is None else state
        with np.errstate(over="ignore"):  # of the logistic function far from zero
            for now, given in zip(states, gates, strict=True):
                _step(before, given, self._weight @ before + self._bias, now)
                before = now
        return states


def _step(before: Array, given: Array, recalled: Array, now: Array) -> None:
    """Write the next state [H] into `now`, from the state before and both sides' gates [3H].

    The equations are those of `torch.nn.GRU`; what is allocated is written over as it goes.
    """
    hidden = len(now)
    both = given[: 2 * hidden] + recalled[: 2 * hidden]
    np.negative(both, both)
    np.exp(both, both)
    both += 1
    np.reciprocal(both, both)  # the logistic function
    reset, update = both[:hidden], both[hidden:]
    new = recalled[2 * hidden :]
    new *= reset
    new += given[2 * hidden :]
    np.tanh(new, new)
    np.subtract(before, new, now)
    now *= update
    now += new


def array(tensor: Tensor) -> Array:
    """The same memory."""
    same: Array = tensor.detach().numpy()
    return same
