"""Files that are written whole: readers see the old one or the new one, also after a kill."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(path: Path, *, durable: bool = False) -> Iterator[Path]:
    """Write beside a file, then replace it; for one writer at a time.

    Args:
        path: the file, which need not exist. A link stays, and a file that is there keeps its permissions.
        durable: have the content reach the disk first, so that a power cut leaves one of the two whole, too.

    Yields:
        Where to write: `path` with `.partial` after its name, which is removed where the block fails; of a
        device or a pipe, itself.

    Raises:
        OSError: it can't be written there.
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
    """Write a file by way of `replacing`; text as UTF-8."""
    with replacing(path) as partial:
        partial.write_bytes(content.encode() if isinstance(content, str) else content)
