"""Inputs that can be opened only once: pipes, standard input, a shell's process substitution `<( )`."""

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
    """The bytes of a file descriptor.

    Args:
        descriptor: descriptor to read from; `close` closes it.
        name: name in messages.
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
        except BlockingIOError:  # another process reads from it, too
            return None
        except OSError as error:
            raise InputError(f"{self} cannot be read: {error.strerror}") from error

    def _wait(self, stopped: threading.Event) -> None:  # noqa: ARG002 - the caller checks it again soon
        self._is_ready(_LOOK_AGAIN_S)

    def _is_ready(self, within_s: float) -> bool:
        if sys.platform == "win32":  # which can wait only for sockets
            return True
        poll = select.poll()
        poll.register(self._descriptor, select.POLLIN)
        return bool(poll.poll(within_s * 1000))


def open_pipe(path: Path) -> PipeBytes | None:
    """Open an input that can be opened only once, without waiting for a writer.

    Args:
        path: any path; "-" for standard input.

    Returns:
        The open pipe; None for a file, a folder, or a missing path.

    Raises:
        InputError: it is of a kind that contains no recording.
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
    """Check that no input that can be read only once is given twice.

    Raises:
        InputError: one is given twice, perhaps under different names.
    """
    seen: set[tuple[int, int]] = set()
    for path in paths:
        try:
            status = _status(path)
        except OSError:
            continue  # opening it reports the error
        identity = (status.st_dev, status.st_ino)
        if identity in seen:
            raise InputError(f"{name_of(path)} is given twice, and can be read but once: leave one out")
        if not stat.S_ISREG(status.st_mode):
            seen.add(identity)


def file_behind(path: Path) -> Path:
    """The path of an input, which may be given as "-"."""
    return _STDIN_PATH if str(path) == STDIN else path


def name_of(path: Path) -> str:
    """Name in messages; standard input is always "stdin"."""
    return "stdin" if _inherited(path) == 0 else str(path)


def short_name(path: Path) -> str:
    """Name in events."""
    descriptor = _inherited(path)
    return path.name if descriptor is None else "stdin" if descriptor == 0 else f"pipe-{descriptor}"


def _status(path: Path) -> os.stat_result:
    descriptor = _inherited(path)
    return path.stat() if descriptor is None else os.fstat(descriptor)


def _inherited(path: Path) -> int | None:
    """The inherited descriptor that the path refers to; None for other paths."""
    if path in (Path(STDIN), _STDIN_PATH):
        return 0
    found = _DESCRIPTOR.fullmatch(str(path))
    return int(found[1]) if found else None
