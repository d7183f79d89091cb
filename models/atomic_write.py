"""Atomic writes: readers see the old file or the new one, also after a kill."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(path: Path, *, durable: bool = False) -> Iterator[Path]:
    """Write a temporary file beside another, then replace that; for one writer at a time.

    Args:
        path: the file, which need not exist. Links and the permissions of an existing file are kept.
        durable: flush the content to disk first, so that the write is atomic under power failures too.

    Yields:
        Where to write: `path` with the suffix `.partial`, which is removed if the block fails; for a device
        or a pipe, `path` itself.

    Raises:
        OSError: the file cannot be written.
    """
    if path.exists() and not path.is_file():
        yield path
        return
    path = path.resolve()
    partial = path.with_name(f"{path.name}.partial")
    partial.unlink(missing_ok=True)  # left by a kill
    partial.touch(exist_ok=False)
    try:
        mode = stat.S_IMODE((path if path.exists() else partial).stat().st_mode)
        partial.chmod(stat.S_IRUSR | stat.S_IWUSR)
        yield partial
        if durable:
            with partial.open("r+b") as file:
                os.fsync(file.fileno())
        partial.chmod(mode)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def write_whole(path: Path, content: str | bytes) -> None:
    """Write a file atomically (see `replacing`); text as UTF-8."""
    with replacing(path) as partial:
        partial.write_bytes(content.encode() if isinstance(content, str) else content)
