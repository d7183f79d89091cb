"""The memory that is left before the kernel kills the process."""

import os
from collections.abc import Iterator
from pathlib import Path

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

_SHARE = 0.9
_MIB = 2**20
_PROC = Path("/proc")
_GROUPS = Path("/sys/fs/cgroup")


class Memory:
    """Detects a shortage of memory, so that a new stream is refused before running ones are killed.

    Args:
        limit_mib: memory use of this process that counts as a shortage; None for nine tenths of the limits of
            its control group, its address space, and the machine, as far as known.
        proc: folder of process information.
        groups: folder of control groups.
    """

    def __init__(self, limit_mib: int | None = None, *, proc: Path = _PROC, groups: Path = _GROUPS) -> None:
        self._limit_mib = limit_mib
        self._proc = proc
        self._group = _group(proc, groups)

    def shortage(self) -> str | None:
        """The shortage in a few words, or None."""
        for of, used, limit in self._uses():
            if used > limit:
                return f"{used // _MIB} MiB of {of} are in use, more than {limit // _MIB}"
        return None

    def _uses(self) -> Iterator[tuple[str, int, int]]:
        pages = _words(self._proc / "self" / "statm")
        if pages:
            page = os.sysconf("SC_PAGE_SIZE")
            address_space, resident = int(pages[0]) * page, int(pages[1]) * page
            if self._limit_mib is not None:
                yield "memory", resident, self._limit_mib * _MIB
                return
            if resource is not None:
                limit = resource.getrlimit(resource.RLIMIT_AS)[0]
                if limit != resource.RLIM_INFINITY:
                    yield "address space", address_space, int(_SHARE * limit)
        if self._group is not None and (found := _of_group(self._group)) is not None:
            used, limit = found
            yield "the control group's memory", used, int(_SHARE * limit)
        machine = {words[0]: 1024 * int(words[1]) for words in _table(self._proc / "meminfo")}
        if "MemAvailable:" in machine:
            total = machine["MemTotal:"]
            yield "the machine's memory", total - machine["MemAvailable:"], int(_SHARE * total)


def _group(proc: Path, groups: Path) -> Path | None:
    """The folder of this process' control group with a limit: its own, or an ancestor."""
    for line in _table(proc / "self" / "cgroup", separator=":"):
        for version in ("", "memory"):  # versions 2 and 1
            if len(line) < 3 or version not in line[1].split(","):
                continue
            root = groups / version
            folder = root / line[2].strip("/")
            for each in (folder, *folder.parents):
                if _of_group(each) is not None:
                    return each
                if each == root:
                    break
    return None


def _of_group(folder: Path) -> tuple[int, int] | None:
    """Memory use of a control group, without memory that the kernel can reclaim at once, and its limit."""
    for used, limit, cache in (
        ("memory.current", "memory.max", "inactive_file"),
        ("memory.usage_in_bytes", "memory.limit_in_bytes", "total_inactive_file"),
    ):
        uses, limits = _words(folder / used), _words(folder / limit)
        if uses and limits and limits[0].isdecimal() and int(limits[0]) < 2**60:  # otherwise there is none
            stat = {words[0]: int(words[1]) for words in _table(folder / "memory.stat")}
            return int(uses[0]) - stat.get(cache, 0), int(limits[0])
    return None


def _words(file: Path) -> list[str]:
    lines = _table(file)
    return lines[0] if lines else []


def _table(file: Path, separator: str | None = None) -> list[list[str]]:
    """The lines of a file, split into words; empty if the file is missing."""
    try:
        return [line.split(separator) for line in file.read_text(encoding="ascii").splitlines() if line]
    except OSError:
        return []
