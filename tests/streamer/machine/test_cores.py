"""How many cores there are for us, where control groups limit them."""

import os
from pathlib import Path

import pytest

from streamer.machine.cores import cores

PRESENT = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@pytest.mark.parametrize(
    ("group", "files", "expected"),
    [
        ("0::/", {"cpu.max": "100000 100000"}, 1),
        ("0::/", {"cpu.max": "20000 100000"}, 1),
        ("0::/", {"cpu.max": "100001 100000"}, min(2, PRESENT)),
        ("0::/", {"cpu.max": "6400000 100000"}, PRESENT),
        ("0::/", {"cpu.max": "max 100000"}, PRESENT),
        ("0::/system.slice/merits.service", {"system.slice/merits.service/cpu.max": "90000 100000"}, 1),
        ("0::/system.slice/merits.service", {"system.slice/cpu.max": "50000 100000"}, 1),
        ("0::/docker/0123", {"cpu.max": "100000 100000"}, 1),
        ("4:cpu,cpuacct:/", {"cpu/cpu.cfs_quota_us": "50000", "cpu/cpu.cfs_period_us": "100000"}, 1),
        ("4:cpu,cpuacct:/", {"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, PRESENT),
        ("4:memory:/\n0::/", {"cpu.max": "100000"}, PRESENT),
        ("0::/", {}, PRESENT),
    ],
)
def test_what_control_groups_allow(tmp_path: Path, group: str, files: dict[str, str], expected: int) -> None:
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/cgroup").write_text(f"{group}\n")
    for name, text in files.items():
        file = tmp_path / "sys/fs/cgroup" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{text}\n")
    assert cores(tmp_path) == expected


def test_where_there_are_none(tmp_path: Path) -> None:
    assert cores(tmp_path) == PRESENT
    assert 1 <= cores() <= (os.cpu_count() or 1)
