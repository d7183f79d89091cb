"""A trained GRU, one conversation at a time: torch spends more on calling a step than the step takes."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional


class GRUSteps:
    """What `nn.GRU` computes (one layer, one direction), taken apart: inputs, which can be kept, and steps.

    Args:
        gru: trained, on the CPU; its weights are shared.
    """

    def __init__(self, gru: nn.GRU) -> None:
        weights = {name: weight.detach() for name, weight in gru.named_parameters()}
        self._inputs = weights["weight_ih_l0"], weights["bias_ih_l0"]
        self._weight = _array(weights["weight_hh_l0"])  # [3H, H]
        self._bias = _array(weights["bias_hh_l0"])

    def gates(self, x: Tensor) -> Tensor:
        """What the inputs [n, F] add to the reset, update and new gates [n, 3H], whatever came before."""
        return functional.linear(x, *self._inputs)

    def run(self, gates: Tensor, state: Tensor | None = None) -> Tensor:
        """Step by step.

        Args:
            gates: [n, 3H].
            state: [H] before the first step; zeros where none is given.

        Returns:
            The states [n, H] after every step.
        """
        hidden = self._weight.shape[1]
        states = torch.empty(len(gates), hidden)
        before = np.zeros(hidden, np.float32) if state is None else _array(state)
        with np.errstate(over="ignore"):  # of the logistic function far from zero
            for now, given in zip(_array(states), _array(gates), strict=True):
                _step(before, given, self._weight @ before + self._bias, now)
                before = now
        return states


def _step(
    before: NDArray[np.float32],
    given: NDArray[np.float32],
    recalled: NDArray[np.float32],
    now: NDArray[np.float32],
) -> None:
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


def _array(tensor: Tensor) -> NDArray[np.float32]:
    """The same memory."""
    array: NDArray[np.float32] = tensor.detach().numpy()
    return array
