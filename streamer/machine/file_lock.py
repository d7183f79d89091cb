"""A lock for the only writer of a file, held until it closes the file or its process ends."""

import os
import stat
import sys

_BEYOND = 1 << 62
"""Position of the lock: Windows blocks reads of locked bytes, so this is beyond any file's end."""


def take_for_oneself(fd: int) -> bool:
    """Lock an open file for writing; devices, pipes and files without locks need none.

    Returns:
        False if another process has the lock.
    """
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        return True
    try:
        if sys.platform == "win32":
            import msvcrt

            os.lseek(fd, _BEYOND, os.SEEK_SET)
            msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    except OSError:  # a file system without locks
        return True
    return True
