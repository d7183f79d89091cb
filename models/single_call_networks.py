"""Networks as a single call each: threads that compute need the interpreter once, not at every operation.

Called as usual, a network takes and gives up Python's lock some hundred times; where the event loop is busy
each time may wait a millisecond for it. Traced (torch.jit) it computes the same, to the bit, without Python.
"""

import logging
import warnings
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

_CALLS_TO_WARM_UP = 2
"""Torch looks at the first call, and compiles at the second."""

_log = logging.getLogger(__name__)


@torch.inference_mode()
def traced(network: nn.Module, *examples: Sequence[Tensor]) -> Callable[..., Tensor]:
    """A network's trace, for any shapes.

    Args:
        network: in evaluation mode, its parameters without gradients; takes tensors and returns one. What it
            does may depend on their shapes, as far as tensor operations take care of that, but not on their
            values.
        examples: arguments of different shapes: it is traced on the first, and tried on all.

    Returns:
        The trace; the network itself where that would not do the same.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what the trace takes for constant is tried below
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
