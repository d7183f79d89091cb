"""Networks as a single call each, so that they need Python's global lock once, not at every operation.

Otherwise a network acquires the lock a hundred times per call; with a busy event loop, each time may take a
millisecond. A trace (torch.jit) computes the same, to the bit, without Python.
"""

import logging
import warnings
from collections.abc import Callable, Sequence
from typing import Self

import torch
from torch import Tensor, nn

_CALLS_TO_WARM_UP = 2
"""Torch profiles the first call and compiles at the second."""

_log = logging.getLogger(__name__)


class SingleCall:
    """A network that can be traced while it is in use: making a trace takes longer than a few calls.

    Args:
        network: in evaluation mode, its parameters without gradients; takes tensors and returns one. Its
            operations must not depend on their values, nor on their shapes except within tensor operations.
        examples: makes arguments of different shapes; the first is used for the trace, and all for its test.

    Attributes:
        call: the trace; the network itself before `trace`, and where their results differ.
    """

    def __init__(self, network: nn.Module, examples: Callable[[], Sequence[Sequence[Tensor]]]) -> None:
        self.call: Callable[..., Tensor] = network
        self._network = network
        self._examples = examples

    def __call__(self, *inputs: Tensor) -> Tensor:
        """What the network computes."""
        return self.call(*inputs)

    def trace(self) -> Self:
        """Trace the network, for inputs of any shapes."""
        self.call = _traced(self._network, self._examples())
        return self


@torch.inference_mode()
def _traced(network: nn.Module, examples: Sequence[Sequence[Tensor]]) -> Callable[..., Tensor]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # values that the trace takes for constant are tested below
            # As a function: of a module, each part would be made anew, which takes most of the time.
            trace: Callable[..., Tensor] = torch.jit.trace(  # type: ignore[no-untyped-call]
                lambda *inputs: network(*inputs), tuple(examples[0]), check_trace=False
            )
        for example in examples:
            expected = network(*example)
            for _ in range(_CALLS_TO_WARM_UP):
                if not _equal(trace(*example), expected):
                    raise RuntimeError("its trace computes something else")
    except RuntimeError as error:
        _log.info("%s runs untraced: %s", type(network).__name__, error)
        return network
    return trace


def _equal(found: Tensor, expected: Tensor) -> bool:
    """To within rounding. (`torch.testing.assert_close` would import torch's compiler, for a second.)"""
    return found.shape == expected.shape and torch.allclose(found, expected, rtol=1e-6, atol=1e-5)
