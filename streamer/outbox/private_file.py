"""The outbox's file: private to its user, since it contains what was said."""

import errno
import os
import stat
from datetime import datetime
from itertools import count
from pathlib import Path

BESIDE = ("", "-wal", "-shm")
"""Suffixes of sqlite's files: the database, and two beside it."""


def claim(path: Path) -> None:
    """Create the file if necessary, and restrict it and the files beside it to this user.

    Raises:
        OSError: it cannot be used: a folder, a device, another user's file.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    for suffix in BESIDE:
        _tighten(Path(f"{path}{suffix}"))
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))


def put_aside(path: Path) -> Path:
    """Rename the file, and sqlite's files beside it; nothing is deleted.

    Raises:
        OSError: it cannot be renamed.
    """
    name = f"{path.name}.damaged-{datetime.now():%Y%m%d-%H%M%S}"
    names = (name if number == 1 else f"{name}-{number}" for number in count(1))
    aside = next(found for found in map(path.with_name, names) if not found.exists())
    for suffix in BESIDE:
        file = Path(f"{path}{suffix}")
        if file.exists():
            file.rename(f"{aside}{suffix}")
    return aside


def _tighten(path: Path) -> None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return
    if stat.S_ISDIR(found.st_mode):
        raise IsADirectoryError(errno.EISDIR, "it is a folder", str(path))
    if not stat.S_ISREG(found.st_mode):
        raise OSError(errno.EINVAL, "it is no file", str(path))  # never rename devices such as /dev/null
    if hasattr(os, "geteuid") and os.geteuid() not in (0, found.st_uid):
        raise PermissionError(errno.EPERM, "it belongs to another user", str(path))
    if stat.S_IMODE(found.st_mode) != 0o600:
        path.chmod(0o600)
