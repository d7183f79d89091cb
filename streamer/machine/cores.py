"""The number of usable cores."""

import math
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path, PurePosixPath


def cores(root: Path = Path("/")) -> int:
    """The number of cores that this process may use, from its CPU affinity (`taskset`, cpusets) and the
    quotas of control groups (`docker run --cpus`, systemd's CPUQuota), rounded up.

    Args:
        root: root of the file system with /proc and /sys.
    """
    present = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min([present, *(max(1, math.ceil(quota)) for quota in _quotas(root))])


def _quotas(root: Path) -> Iterator[float]:
    """Quotas of our control groups and their ancestors, in cores (cgroups(7))."""
    with suppress(OSError, ValueError):  # missing file, or unknown format
        for line in (root / "proc/self/cgroup").read_text().splitlines():
            _, controllers, group = line.split(":", 2)
            if controllers == "":  # version 2
                tree, names = root / "sys/fs/cgroup", ["cpu.max"]
            elif "cpu" in controllers.split(","):
                tree, names = root / "sys/fs/cgroup/cpu", ["cpu.cfs_quota_us", "cpu.cfs_period_us"]
            else:
                continue
            path = PurePosixPath(group.lstrip("/"))
            # Within a container, the tree starts at the container's own group.
            for folder in {tree, *(tree / each for each in (path, *path.parents))}:
                yield from _quota(folder, names)


def _quota(folder: Path, names: list[str]) -> Iterator[float]:
    with suppress(OSError, ValueError):  # no such file; "max"
        quota_us, period_us = (int(each) for name in names for each in (folder / name).read_text().split())
        if quota_us > 0:
            yield quota_us / period_us
