"""One writer a file: whoever has it keeps the others out until it closes it or ends, however that comes."""

import os
import stat
import sys

_BEYOND = 1 << 62
"""Windows keeps readers away from what is locked: so lock a byte that no file reaches."""


def take_for_oneself(fd: int) -> bool:
    """Be the only writer of an open file; of devices, pipes and files that can't be locked, one of them.

    Returns:
        False where another one has it.
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
    except OSError:  # a file system that knows no locks
        return True
    return True
