"""Data that a Python package carries, found without running any of its code."""

from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path


def package_folder(name: str, inside: str) -> Path | None:
    """Where a folder of an installed package lies, or should: its files may be gone.

    Args:
        name: of the package, as the registry has it.
        inside: the folder, relative to where packages are installed.

    Returns:
        None if no such package is installed.
    """
    try:
        return Path(str(distribution(name).locate_file(inside)))
    except PackageNotFoundError:
        return None
