"""Inputs that can be opened but once: pipes, standard input, what a shell puts in place of `<( )`."""

import os
import re
import select
import stat
import sys
import threading
from collections.abc import Iterable
from pathlib import Path

from streamer.audio.live_bytes import LiveBytes
from streamer.errors import InputError

STDIN = "-"
_STDIN_PATH = Path("/dev/stdin")
_DESCRIPTOR = re.compile(r"/(?:dev|proc/self)/fd/(\d{1,9})")
_LOOK_AGAIN_S = 0.2


class PipeBytes(LiveBytes):
    """What comes through a file descriptor.

    Args:
        descriptor: to read from; closed here.
        name: what messages call it.
    """

    def __init__(self, descriptor: int, name: str) -> None:
        super().__init__(name)
        self._descriptor = descriptor

    def close(self) -> None:
        """Close the descriptor."""
        os.close(self._descriptor)

    def _take(self, size: int) -> bytes | None:
        if not self._is_ready(0):
            return None
        try:
            return os.read(self._descriptor, size)
        except BlockingIOError:  # somebody else reads from it, too
            return None
        except OSError as error:
            raise InputError(f"{self} cannot be read: {error.strerror}") from error

    def _wait(self, stopped: threading.Event) -> None:  # noqa: ARG002 - it is looked at again soon
        self._is_ready(_LOOK_AGAIN_S)

    def _is_ready(self, within_s: float) -> bool:
        if sys.platform == "win32":  # where only sockets can be waited for
            return True
        poll = select.poll()
        poll.register(self._descriptor, select.POLLIN)
        return bool(poll.poll(within_s * 1000))


def open_pipe(path: Path) -> PipeBytes | None:
    """Open what can be opened but once, without waiting for anybody to write to it.

    Args:
        path: of anything; "-" for standard input.

    Returns:
        None where it is a file, or a folder, or not there at all.

    Raises:
        InputError: it is something that no recording comes from.
    """
    descriptor, name = _inherited(path), name_of(path)
    try:
        kind = _status(path).st_mode
    except OSError as error:
        if descriptor is None:
            return None
        raise InputError(f"{name} is closed: pipe a recording into it, or name a file") from error
    if stat.S_ISREG(kind) or stat.S_ISDIR(kind):
        return None
    if descriptor is not None and os.isatty(descriptor):
        raise InputError(f"{name} is the terminal: pipe a recording into it, or name a file")
    if stat.S_ISCHR(kind) or stat.S_ISBLK(kind):
        raise InputError(
            f"{name} is a device, not a recording: name a file, or pipe one into `merits analyze -`"
        )
    if descriptor is None and stat.S_ISSOCK(kind):
        raise InputError(f"{name} is a socket, not a recording: pipe what it says into `merits analyze -`")
    try:
        if descriptor is not None:
            return PipeBytes(os.dup(descriptor), name)
        return PipeBytes(os.open(path, os.O_RDONLY | os.O_NONBLOCK), name)
    except OSError as error:
        raise InputError(f"{name} cannot be read: {error.strerror}") from error


def check_given_once(paths: Iterable[Path]) -> None:
    """See whether what can be read but once is given but once.

    Raises:
        InputError: it is given twice, under whatever names.
    """
    seen: set[tuple[int, int]] = set()
    for path in paths:
        try:
            status = _status(path)
        except OSError:
            continue  # which is said when it is opened
        identity = (status.st_dev, status.st_ino)
        if identity in seen:
            raise InputError(f"{name_of(path)} is given twice, and can be read but once: leave one out")
        if not stat.S_ISREG(status.st_mode):
            seen.add(identity)


def file_behind(path: Path) -> Path:
    """The path by which a file is opened that may be given as "-"."""
    return _STDIN_PATH if str(path) == STDIN else path


def name_of(path: Path) -> str:
    """What messages call it: standard input is "stdin", in whatever way it is given."""
    return "stdin" if _inherited(path) == 0 else str(path)


def short_name(path: Path) -> str:
    """What it is called in events."""
    descriptor = _inherited(path)
    return path.name if descriptor is None else "stdin" if descriptor == 0 else f"pipe-{descriptor}"


def _status(path: Path) -> os.stat_result:
    descriptor = _inherited(path)
    return path.stat() if descriptor is None else os.fstat(descriptor)


def _inherited(path: Path) -> int | None:
    """The descriptor that this process was given and the path stands for; None where it is no such path."""
    if path in (Path(STDIN), _STDIN_PATH):
        return 0
    found = _DESCRIPTOR.fullmatch(str(path))
    return int(found[1]) if found else None
