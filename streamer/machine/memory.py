"""Detects a lack of memory: libraries fail in many ways without memory, and not all can be caught."""

import ctypes
import errno
from contextlib import suppress

from streamer.errors import RunError

NEEDED_BYTES = 2_250_000_000
"""Least address space; libraries map far more than they use. Measured: 2.05 GB are too few."""

_SIGNS = (
    "allocate memory",
    "bad_alloc",
    "failed to map segment",  # of a library
    "could not create a primitive",  # of oneDNN
    "can't start new thread",
)
"""Error messages of libraries without a specific error type for it."""


def check_limit() -> None:
    """Check that this process may use the memory that the models need.

    Raises:
        RunError: it may not (`ulimit -v`).
    """
    try:
        import resource
    except ImportError:  # Windows
        return
    allowed, _ = resource.getrlimit(resource.RLIMIT_AS)
    if allowed != resource.RLIM_INFINITY and allowed < NEEDED_BYTES:
        raise RunError(
            f"memory is limited to {allowed / 1e9:.2f} GB of addresses, and {NEEDED_BYTES / 1e9:.2f} GB are "
            f"needed at least: allow more (ulimit -v {NEEDED_BYTES // 1024})"
        )


def is_short(error: BaseException) -> bool:
    """Whether this error means that there is no memory left."""
    return (
        isinstance(error, MemoryError)
        or (isinstance(error, OSError) and error.errno == errno.ENOMEM)
        or any(sign in str(error) for sign in _SIGNS)
    )


def return_freed() -> None:
    """Return freed memory to the system; glibc keeps it for each thread."""
    with suppress(OSError, AttributeError, TypeError):  # another C library, or Windows
        ctypes.CDLL(None).malloc_trim(0)
