"""Where this program can be installed without a compiler: `python -m benchmarks.installable --json OUT`.

Every dependency of the default installation and of the extra `multilingual`, at the versions of
constraints.txt, must come ready built (as a wheel) for each Python and system. uv (as for `make lock`) asks
the registry what files there are and how large; nothing is installed. `--measure VENV` also tells what an
environment weighs on disk.
"""

import subprocess
import sys
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Any

from packaging.markers import Marker
from packaging.tags import Tag, compatible_tags, cpython_tags, mac_platforms
from packaging.utils import parse_wheel_filename
from rich.console import Console
from rich.table import Table

from benchmarks.command import parser, report

ROOT = Path(__file__).resolve().parents[1]
PYTHONS = ((3, 11), (3, 12), (3, 13), (3, 14))
GLIBC = (2, 28)
MACOS = (14, 0)
CUDA = ("nvidia-", "cuda-", "triton")
"""What PyPI's torch asks for on Linux."""


@dataclass(frozen=True)
class Target:
    """A system to install on.

    Attributes:
        name: for people.
        platforms: tags of wheels that run there, best first.
        system: `sys.platform` there.
        machine: `platform.machine()` there.
    """

    name: str
    platforms: Sequence[str]
    system: str
    machine: str

    def tags(self, python: tuple[int, int]) -> frozenset[Tag]:
        """Of the wheels that pip takes there (PEP 425)."""
        name = f"cp{python[0]}{python[1]}"
        own = cpython_tags(python, abis=[name], platforms=self.platforms)
        return frozenset([*own, *compatible_tags(python, interpreter=name, platforms=self.platforms)])

    def environment(self, python: tuple[int, int]) -> dict[str, str]:
        """Values of environment markers there (PEP 508)."""
        return {
            "implementation_name": "cpython",
            "os_name": "nt" if self.system == "win32" else "posix",
            "platform_machine": self.machine,
            "platform_python_implementation": "CPython",
            "platform_system": {"linux": "Linux", "darwin": "Darwin", "win32": "Windows"}[self.system],
            "python_full_version": f"{python[0]}.{python[1]}.0",
            "python_version": f"{python[0]}.{python[1]}",
            "sys_platform": self.system,
        }


def _glibc(machine: str) -> list[str]:
    """Tags of the manylinux wheels that run with `GLIBC` (PEP 600), the older names included."""
    newest_first = [f"manylinux_2_{minor}_{machine}" for minor in range(GLIBC[1], 4, -1)]
    return [
        *newest_first,
        *(f"{name}_{machine}" for name in ("manylinux2014", "manylinux2010", "manylinux1")),
    ]


WANTED = (
    Target(f"Linux x86_64, glibc {GLIBC[0]}.{GLIBC[1]}", _glibc("x86_64"), "linux", "x86_64"),
    Target(f"Linux aarch64, glibc {GLIBC[0]}.{GLIBC[1]}", _glibc("aarch64"), "linux", "aarch64"),
    Target(f"macOS {MACOS[0]}, Apple silicon", list(mac_platforms(MACOS, "arm64")), "darwin", "arm64"),
    Target("Windows, Intel and AMD", ["win_amd64"], "win32", "AMD64"),
)
"""Where nothing may be missing."""

OTHERS = (
    Target("macOS on Intel", list(mac_platforms(MACOS, "x86_64")), "darwin", "x86_64"),
    Target("Windows on ARM", ["win_arm64"], "win32", "ARM64"),
    Target(
        "Linux x86_64 with musl (Alpine)", ["musllinux_1_2_x86_64", "musllinux_1_1_x86_64"], "linux", "x86_64"
    ),
)
"""Where something is."""


def locked_packages(uv: str) -> list[dict[str, Any]]:
    """What an installation needs on any system, with the files there are of it (PEP 751).

    Raises:
        subprocess.CalledProcessError: uv failed, after it said why.
    """
    command = [uv, "pip", "compile", "--quiet", "--universal", "--python-version", "3.11", "--no-header"]
    command += ["--format", "pylock.toml", "--constraint", "constraints.txt", "--extra", "multilingual"]
    done = subprocess.run(
        [*command, "pyproject.toml", "locked/build.in"],
        cwd=ROOT,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    packages: list[dict[str, Any]] = tomllib.loads(done.stdout)["packages"]
    return packages


def check(packages: Sequence[dict[str, Any]], target: Target, python: tuple[int, int]) -> dict[str, Any]:
    """What is missing on a system.

    Returns:
        system, python; `missing`: packages without a wheel for it; `download_mb`: the size of the wheels
        there are, `cuda_mb` of them NVIDIA's libraries.
    """
    environment, tags = target.environment(python), target.tags(python)
    missing, sizes = [], {}
    for package in packages:
        if "marker" in package and not Marker(package["marker"]).evaluate(environment):
            continue
        fitting = [
            wheel["size"]
            for wheel in package.get("wheels", ())
            if parse_wheel_filename(wheel["url"].rpartition("/")[2].replace("%2B", "+"))[3] & tags
        ]
        if fitting:
            sizes[package["name"]] = min(fitting)
        else:
            missing.append(f"{package['name']} {package['version']}")
    cuda = sum(size for name, size in sizes.items() if name.startswith(CUDA))
    if any(each.startswith("torch ") for each in missing):  # then nothing asks for them
        missing = [each for each in missing if not each.startswith(CUDA)]
    return {
        "system": target.name,
        "python": f"{python[0]}.{python[1]}",
        "packages": len(sizes) + len(missing),
        "missing": missing,
        "download_mb": round(sum(sizes.values()) / 1e6),
        "cuda_mb": round(cuda / 1e6),
    }


def measure(environment: Path) -> dict[str, Any]:
    """What a virtual environment takes on disk.

    Returns:
        `total_mb`, in blocks of the disk; `packages`: MB of each that has at least 10, the largest first.
    """
    [site] = [path for path in environment.glob("[Ll]ib/**/site-packages") if path.is_dir()][:1]
    sizes = {each.name: _size(each) for each in distributions(path=[str(site)])}
    largest = sorted(sizes.items(), key=lambda item: item[1], reverse=True)
    found = [path.lstat() for path in environment.rglob("*")]
    files = {stat.st_ino: getattr(stat, "st_blocks", stat.st_size / 512) * 512 for stat in found}
    return {
        "total_mb": round(sum(files.values()) / 1e6),
        "packages": {name: round(size / 1e6) for name, size in largest if size >= 10e6},
    }


def _size(package: Distribution) -> int:
    """Bytes of its files on disk, with the byte code made of them since."""
    paths = {Path(str(file.locate())) for file in package.files or ()}
    code = {made for path in paths if path.suffix == ".py" for made in _byte_code(path)}
    return sum(path.stat().st_size for path in paths | code if path.is_file())


def _byte_code(source: Path) -> Iterator[Path]:
    yield from (source.parent / "__pycache__").glob(f"{source.stem}.*.pyc")


def show(result: dict[str, Any], console: Console) -> None:
    """Print it for people."""
    table = Table("system", "Python", "packages", "download", "of it CUDA", "not ready built")
    for row in [*result["wanted"], *result["others"]]:
        sizes = (f"{row['download_mb']:,} MB", f"{row['cuda_mb']:,} MB")
        table.add_row(row["system"], row["python"], str(row["packages"]), *sizes, ", ".join(row["missing"]))
    console.print(table)
    if measured := result.get("installed"):
        console.print(f"installed: {measured['total_mb']:,} MB; {measured['packages']}")


def main() -> None:
    """Command line."""
    options = parser(__doc__)
    options.add_argument("--uv", default="uv", metavar="PROGRAM", help="uv, where it is not in the path")
    options.add_argument(
        "--measure", type=Path, metavar="VENV", help="an environment that locked/install.sh made"
    )
    given = options.parse_args()
    try:
        packages = locked_packages(given.uv)
    except FileNotFoundError:
        print(f"no {given.uv}: pip install uv, or give it with --uv", file=sys.stderr)
        sys.exit(2)
    except subprocess.CalledProcessError as error:
        sys.exit(error.returncode)
    result: dict[str, Any] = {
        "wanted": [check(packages, target, python) for target in WANTED for python in PYTHONS],
        "others": [check(packages, target, PYTHONS[-2]) for target in OTHERS],
    }
    if given.measure:
        result["installed"] = measure(given.measure)
    report("installable", result, given.json, show)
    if any(row["missing"] for row in result["wanted"]):
        sys.exit(1)


if __name__ == "__main__":
    main()
