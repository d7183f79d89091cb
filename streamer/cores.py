"""How many cores there are for us."""

import os


def cores() -> int:
    """Those this process may use, which containers and `taskset` may limit."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
