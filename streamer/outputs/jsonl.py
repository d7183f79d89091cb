"""Events as JSON lines, in a file or on standard output."""

import asyncio
import contextlib
import os
import select
import stat
from collections import deque
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Self

from streamer.errors import InputError, RunError
from streamer.events import Event, SessionEnded
from streamer.machine.file_lock import take_for_oneself

STDOUT = "-"
_STDOUT_FD = 1
_LINES_THAT_MAKE_ROOM = 8


class JsonLines:
    """Writes every event as one line of UTF-8. It never drops one: if the reader is slow, the pipeline waits.

    The first event creates the file, or empties an existing one, so a session that never begins changes
    nothing. A file that another session is writing is refused. A line is one `write` to a file opened for
    appending, so a killed process leaves whole lines. If the disk is full, the event that ends the session
    replaces the newest lines.

    Args:
        target: a path, or "-" for standard output.
        inputs: files that are being read, which must not be overwritten.
    """

    def __init__(self, target: str | Path, *, inputs: Iterable[Path] = ()) -> None:
        self._target = target
        self._inputs = tuple(inputs)
        self._fd: int | None = None
        self._begun = False
        self._failed = False
        self._newest: deque[int] = deque(maxlen=_LINES_THAT_MAKE_ROOM)  # lengths of lines, in bytes
        # A single thread: writes keep their order even if the task that waits for them is cancelled.
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="jsonl")

    def check(self) -> None:
        """Check that the target can be written, without creating or changing anything.

        An existing file is locked from now on.

        Raises:
            InputError: it cannot be written.
        """
        if self._target == STDOUT:
            return
        path = Path(self._target)
        if path.is_dir():
            raise InputError(f"{path} is a folder: give --events the name of a file in it")
        if any(path.exists() and source.exists() and path.samefile(source) for source in self._inputs):
            raise InputError(f"{path} is the recording itself: give --events another name")
        if not path.parent.is_dir():
            raise InputError(f"cannot write {path}: there is no folder {path.parent}; create it first")
        if not os.access(path if path.exists() else path.parent, os.W_OK):
            raise InputError(f"cannot write {path}: permission denied; choose another place")
        if self._fd is None and path.is_file():
            self._fd = self._open()

    async def __aenter__(self) -> Self:
        self.check()
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.get_running_loop().run_in_executor(self._writer, self._close)
        self._writer.shutdown(wait=False)

    async def send(self, event: Event) -> None:
        """Write one line; when this returns, the operating system has it.

        Raises:
            InputError: the file cannot be created, or another run writes it.
            RunError: the line cannot be written (a full disk).
            BrokenPipeError: the reader of a pipe has gone.
            Each is raised once; later events are dropped, except the end of a session.
        """
        line = event.model_dump_json().encode() + b"\n"
        ends = isinstance(event, SessionEnded)
        await asyncio.get_running_loop().run_in_executor(self._writer, self._write, line, ends)

    def _write(self, line: bytes, ends: bool) -> None:
        if self._failed:
            if ends:
                self._end_all_the_same(line)
            return
        try:
            if not self._begun:
                self._begin()
            self._append(line)
        except (InputError, BrokenPipeError):
            self._failed = True
            raise
        except OSError as error:
            self._failed = True
            raise RunError(f"cannot write events to {self._name}: {error.strerror}") from error

    def _begin(self) -> None:
        if self._fd is None:
            self._fd = self._open()
        if self._is_file:
            os.ftruncate(self._fd, 0)
        self._begun = True

    def _append(self, line: bytes) -> None:
        """Write a line; if there is no room for all of it, write nothing."""
        assert self._fd is not None
        rest = memoryview(line)
        try:
            while rest:
                try:
                    rest = rest[os.write(self._fd, rest) :]
                except BlockingIOError:  # a pipe shared with a process that made it non-blocking
                    select.select([], [self._fd], [])
        except OSError:
            self._take_back(len(line) - len(rest))
            raise
        self._newest.append(len(line))

    def _end_all_the_same(self, line: bytes) -> None:
        if not (self._begun and self._is_file):
            return None
        while True:
            try:
                return self._append(line)
            except OSError:
                if not self._newest:
                    return None
                with contextlib.suppress(OSError):
                    self._take_back(self._newest.pop())

    def _take_back(self, count: int) -> None:
        """Cut bytes off at the end."""
        if self._fd is not None and self._is_file:
            os.ftruncate(self._fd, os.fstat(self._fd).st_size - count)

    def _open(self) -> int:
        if self._target == STDOUT:
            return _STDOUT_FD
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0)
        try:
            fd = os.open(self._target, flags, 0o666)
        except OSError as error:
            raise InputError(
                f"cannot write {self._target}: {error.strerror}; choose another place"
            ) from error
        if not take_for_oneself(fd):
            os.close(fd)
            raise InputError(f"{self._target} is being written by another run: give --events another name")
        return fd

    def _close(self) -> None:
        if self._fd is not None and self._target != STDOUT:
            os.close(self._fd)
        self._fd = None

    @property
    def _is_file(self) -> bool:
        return self._target != STDOUT and self._fd is not None and stat.S_ISREG(os.fstat(self._fd).st_mode)

    @property
    def _name(self) -> str:
        return "standard output" if self._target == STDOUT else str(self._target)
