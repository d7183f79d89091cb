"""Networks as a single call each, so that they need Python's global lock once, not at every operation.

Otherwise a network acquires the lock a hundred times per call; with a busy event loop, each time may take a
millisecond. A trace (torch.jit) computes the same, to the bit, without Python.
"""

import logging
import warnings
from collections.abc import Sequence

import torch
from torch import Tensor, nn

_CALLS_TO_WARM_UP = 2
"""Torch profiles the first call and compiles at the second."""

_log = logging.getLogger(__name__)


@torch.inference_mode()
def traced(network: nn.Module, *examples: Sequence[Tensor]) -> nn.Module:
    """Trace a network, for inputs of any shapes.

    Args:
        network: in evaluation mode; takes tensors and returns one. Its operations must not depend on their
            values, nor on their shapes except within tensor operations.
        examples: arguments of different shapes; the first is used for the trace, and all for its test.

    Returns:
        The trace; the network itself if their results differ.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # values that the trace takes for constant are tested below
            trace: nn.Module = torch.jit.trace(network, tuple(examples[0]), check_trace=False)  # type: ignore[no-untyped-call]
        for example in examples:
            expected = network(*example)
            for _ in range(_CALLS_TO_WARM_UP):
                torch.testing.assert_close(trace(*example), expected)
    except (RuntimeError, AssertionError) as error:
        _log.info("%s runs untraced: %s", type(network).__name__, error)
        return network
    return trace
