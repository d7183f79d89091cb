"""GRU inference in numpy for one conversation: calling torch takes longer than a step itself."""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

Array: TypeAlias = NDArray[np.float32]


class GRUSteps:
    """`nn.GRU` (one layer, one direction) in two parts: the input gates, which can be stored, and the steps.

    Args:
        gru: a trained GRU on the CPU; its weights are shared, not copied.
    """

    def __init__(self, gru: nn.GRU) -> None:
        weights = {name: array(weight) for name, weight in gru.named_parameters()}
        self._input_weight, self._input_bias = weights["weight_ih_l0"].T, weights["bias_ih_l0"]
        self._weight, self._bias = weights["weight_hh_l0"], weights["bias_hh_l0"]  # [3H, H] and [3H]

    def gates(self, x: Array) -> Array:
        """Contribution of the inputs [n, F] to the reset, update and new gates [n, 3H]."""
        given: Array = x @ self._input_weight
        given += self._input_bias
        return given

    def run(self, gates: Array, state: Array | None = None) -> Array:
        """Run the steps.

        Args:
            gates: [n, 3H].
            state: [H] before the first step; zeros by default.

        Returns:
            The states [n, H] after every step.
        """
        hidden = self._weight.shape[1]
        states = np.empty((len(gates), hidden), np.float32)
        before = np.zeros(hidden, np.float32) if state is None else state
        with np.errstate(over="ignore"):  # exp overflows far from zero, where the logistic function is 0
            for now, given in zip(states, gates, strict=True):
                _step(before, given, self._weight @ before + self._bias, now)
                before = now
        return states


def _step(before: Array, given: Array, recalled: Array, now: Array) -> None:
    """Write the next state [H] into `now`, from the state before and the gates [3H] of input and state.

    The equations are those of `torch.nn.GRU`; temporary arrays are reused.
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
    """A numpy array that shares the memory of a tensor."""
    same: Array = tensor.detach().numpy()
    return same
