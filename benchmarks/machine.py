"""What every benchmark result carries: the machine it was measured on, and one way to write it."""

import json
import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import psutil

from streamer.machine.cores import cores

PACKAGES = (
    "av",
    "ctranslate2",
    "faster-whisper",
    "merits-live",
    "numpy",
    "onnxruntime",
    "pyannote-metrics",
    "silero-vad",
    "torch",
    "transformers",
    "webrtcvad-wheels",
)
"""Packages whose versions can move a figure."""


def describe_machine() -> dict[str, Any]:
    """What the figures depend on; neither host names nor paths.

    Returns:
        `cpu` (model), `cores` (logical, those this process may use), `memory_gib`, `system`, `python`, and
        `packages`: the versions of those installed.
    """
    return {
        "cpu": _cpu_model(),
        "cores": cores(),
        "memory_gib": _memory_gib(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "packages": _package_versions(),
    }


def resident_mib() -> float:
    """Memory held by this process, in MiB."""
    return float(psutil.Process().memory_info().rss) / 2**20


def write_result(result: dict[str, Any], out: str) -> None:
    """Write a result as JSON.

    Args:
        result: what was measured, serialisable as JSON.
        out: a file (its folder is made where missing), or "-" for stdout.
    """
    text = json.dumps(result, indent=2, ensure_ascii=False) + "\n"
    if out == "-":
        sys.stdout.write(text)
        return
    path = Path(out)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def _cpu_model() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        for line in cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.lower().startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _memory_gib() -> float | None:
    """Physical memory in GiB; None where the system does not tell (Windows)."""
    try:
        pages, page_size = os.sysconf("SC_PHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError):
        return None
    return round(pages * page_size / 2**30, 1)


def _package_versions() -> dict[str, str]:
    versions = {}
    for package in PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return versions
