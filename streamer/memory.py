"""Whether there is memory enough: what is short of it fails in many ways, not all of which can be caught."""

import errno

from streamer.errors import RunError

NEEDED_BYTES = 3_000_000_000
"""Of address space; libraries map far more than they use. Measured: with 2.4 GB the networks fail."""


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
            f"memory is limited to {allowed / 1e9:.1f} GB of addresses, and {NEEDED_BYTES / 1e9:.0f} GB are "
            f"needed: allow more (ulimit -v {NEEDED_BYTES // 1024})"
        )


def is_short(error: BaseException) -> bool:
    """Whether this error says that there is no memory left."""
    return (
        isinstance(error, MemoryError)
        or (isinstance(error, OSError) and error.errno == errno.ENOMEM)
        or any(sign in str(error) for sign in ("allocate memory", "failed to map segment", "bad_alloc"))
    )
