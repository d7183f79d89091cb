"""How many cores there are for us."""

import math
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path, PurePosixPath


def cores(root: Path = Path("/")) -> int:
    """Those this process may use: `taskset` and cpusets limit which, control groups (`docker run --cpus`,
    systemd's CPUQuota) how much of them, which is rounded up.

    Args:
        root: of the file system, with /proc and /sys.
    """
    present = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min([present, *(max(1, math.ceil(quota)) for quota in _quotas(root))])


def _quotas(root: Path) -> Iterator[float]:
    """Cores' worth of time that our control groups, and those around them, may take (cgroups(7))."""
    with suppress(OSError, ValueError):  # there is no such file, or it is not as the manual says
        for line in (root / "proc/self/cgroup").read_text().splitlines():
            _, controllers, group = line.split(":", 2)
            if controllers == "":  # version 2
                tree, names = root / "sys/fs/cgroup", ["cpu.max"]
            elif "cpu" in controllers.split(","):
                tree, names = root / "sys/fs/cgroup/cpu", ["cpu.cfs_quota_us", "cpu.cfs_period_us"]
            else:
                continue
            path = PurePosixPath(group.lstrip("/"))
            # Within a container the tree begins with its own group, whatever that is called outside.
            for folder in {tree, *(tree / each for each in (path, *path.parents))}:
                yield from _quota(folder, names)


def _quota(folder: Path, names: list[str]) -> Iterator[float]:
    with suppress(OSError, ValueError):  # no such file; "max"
        quota_us, period_us = (int(each) for name in names for each in (folder / name).read_text().split())
        if quota_us > 0:
            yield quota_us / period_us
