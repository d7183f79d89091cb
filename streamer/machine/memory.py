"""Whether there is memory enough: what is short of it fails in many ways, not all of which can be caught."""

import ctypes
import errno
from contextlib import suppress

from streamer.errors import RunError

NEEDED_BYTES = 2_250_000_000
"""Of address space, of which libraries map far more than they use. Measured: 2.05 GB are too few."""

_SIGNS = (
    "allocate memory",
    "bad_alloc",
    "failed to map segment",  # of a library
    "could not create a primitive",  # of oneDNN
    "can't start new thread",
)
"""What libraries say that have no error of its own for it."""


def check_limit() -> None:
    """See whether this process may have what the models need.

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
    """Whether this error says that there is no memory left."""
    return (
        isinstance(error, MemoryError)
        or (isinstance(error, OSError) and error.errno == errno.ENOMEM)
        or any(sign in str(error) for sign in _SIGNS)
    )


def return_freed() -> None:
    """Give memory that is used no more back to the system; glibc keeps it, for each thread that used any."""
    with suppress(OSError, AttributeError, TypeError):  # another C library, or Windows
        ctypes.CDLL(None).malloc_trim(0)
