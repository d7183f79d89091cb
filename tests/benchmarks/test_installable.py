"""Which wheels fit which system."""

import sys
import venv
from pathlib import Path
from typing import Any

import pytest

from benchmarks.installable import OTHERS, WANTED, Target, check, measure

LINUX, ARM, MAC, WINDOWS = WANTED


def package(name: str, *tags: str, **more: str) -> dict[str, Any]:
    wheels = [
        {"url": f"x://y/{name.replace('-', '_')}-1%2Bcpu-{tag}.whl", "size": 2_000_000 * n}
        for n, tag in enumerate(tags, 1)
    ]
    return {"name": name, "version": "1", "wheels": wheels, **more}


@pytest.mark.parametrize(
    ("tag", "fits"),
    [
        ("py3-none-any", [LINUX, ARM, MAC, WINDOWS, *OTHERS]),
        ("cp313-cp313-manylinux2014_x86_64.manylinux_2_17_x86_64", [LINUX]),
        ("cp39-abi3-manylinux_2_28_aarch64", [ARM]),
        ("cp313-cp313-manylinux_2_34_x86_64", []),
        ("cp312-cp312-win_amd64", []),
        ("cp313-cp313t-win_amd64", []),
        ("cp313-none-win_amd64", [WINDOWS]),
        ("cp310-abi3-macosx_11_0_arm64", [MAC]),
        ("cp313-cp313-macosx_10_13_universal2", [MAC, OTHERS[0]]),
        ("cp313-cp313-macosx_15_0_arm64", []),
        ("py3-none-musllinux_1_1_x86_64", [OTHERS[2]]),
    ],
)
def test_a_wheel_fits_where_pip_takes_it(tag: str, fits: list[Target]) -> None:
    found = [
        target
        for target in (*WANTED, *OTHERS)
        if not check([package("some", tag)], target, (3, 13))["missing"]
    ]
    assert found == fits


def test_what_a_system_does_not_need_is_not_missing() -> None:
    packages = [package("colorama", marker="sys_platform == 'win32'"), package("numpy", "py3-none-any")]
    assert check(packages, LINUX, (3, 13))["missing"] == []
    assert check(packages, WINDOWS, (3, 13))["missing"] == ["colorama 1"]
    older = [package("backport", marker="python_full_version < '3.13'")]
    assert check(older, LINUX, (3, 12))["missing"] == ["backport 1"]
    assert check(older, LINUX, (3, 13))["missing"] == []


def test_sizes_are_those_of_the_wheels_that_fit() -> None:
    packages = [package("a", "cp313-cp313-win_amd64", "py3-none-any"), package("nvidia-x", "py3-none-any")]
    found = check(packages, LINUX, (3, 13))
    assert (found["download_mb"], found["cuda_mb"], found["packages"]) == (6, 2, 2)
    assert check(packages, WINDOWS, (3, 13))["download_mb"] == 4


def test_an_environment_is_weighed(tmp_path: Path) -> None:
    venv.create(tmp_path, symlinks=sys.platform != "win32")
    [site] = tmp_path.glob("lib/*/site-packages")
    (site / "big.py").write_text("#" * 30_000_000)
    (site / "__pycache__").mkdir()
    (site / "__pycache__" / "big.cpython-399.pyc").write_bytes(bytes(10_000_000))
    (site / "big-1.dist-info").mkdir()
    (site / "big-1.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: big\nVersion: 1\n")
    (site / "big-1.dist-info" / "RECORD").write_text("big.py,,\n")
    found = measure(tmp_path)
    assert found["packages"] == {"big": 40}
    assert 40 <= found["total_mb"] <= 45
