"""The terminal as used by the view: entering, leaving, suspending and resuming."""

import contextlib
import os
import threading
from typing import IO, Any

from streamer.outputs.terminal.guard import Guard

try:
    import termios
    import tty
except ImportError:  # Windows
    termios = tty = None  # type: ignore[assignment]

_ENTER = "\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[2J"
_LEAVE = "\x1b[?2026l\x1b[0m\x1b[?7h\x1b[?1049l\x1b[?25h"
_BEGIN, _END = "\x1b[?2026h", "\x1b[?2026l"
"""Synchronized output: terminals with support show a frame at once, others ignore it."""


class Screen:
    """The alternate screen of a terminal without cursor, and its keyboard without echo and line buffering."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file
        self._fd = file.fileno()
        self._keyboard = _open_keyboard()
        self._entered = False
        self._settings: list[Any] | None = None
        self._guard: Guard | None = None
        self._writing = threading.Lock()

    @property
    def entered(self) -> bool:
        """Whether the screen is entered."""
        return self._entered

    @property
    def keyboard(self) -> int | None:
        """File descriptor to read keys from, or None."""
        return self._keyboard

    @property
    def size(self) -> tuple[int, int]:
        """Present columns and rows."""
        try:
            columns, rows = os.get_terminal_size(self._fd)
        except OSError:  # the terminal has gone
            return 80, 24
        return columns or 80, rows or 24  # unknown on some serial lines

    @property
    def is_ours(self) -> bool:
        """Whether this process is in the foreground; in the background, using the terminal would stop it."""
        return in_foreground(self._fd)

    def enter(self) -> None:
        """Enter the screen, if the process is in the foreground and has not entered it."""
        if self._entered or not self.is_ours:
            return
        self._guard = Guard(self._fd, _LEAVE)
        if termios is not None and self._keyboard is not None:
            self._settings = termios.tcgetattr(self._keyboard)
            tty.setcbreak(self._keyboard, termios.TCSANOW)
        with self._writing:
            self._entered = True
            self._write(_ENTER)

    def leave(self) -> None:
        """Restore the terminal."""
        if not self._entered:
            return
        with self._writing:
            self._entered = False
            self._write(_LEAVE)
        if self._settings is not None and self._keyboard is not None:
            with contextlib.suppress(termios.error):
                termios.tcsetattr(self._keyboard, termios.TCSANOW, self._settings)
        if self._guard is not None:
            self._guard.dismiss()
            self._guard = None

    def close(self) -> None:
        """Leave for good."""
        self.leave()
        if self._keyboard not in (None, 0):
            os.close(self._keyboard)
        self._keyboard = None

    def paint(self, frame: str) -> None:
        """Write a frame, to be shown at once; does nothing if the screen is not entered."""
        with self._writing:
            if frame and self._entered:
                self._write(f"{_BEGIN}{frame}{_END}")

    def _write(self, text: str) -> None:
        with contextlib.suppress(OSError):  # the terminal has gone; the session continues without it
            self._file.write(text)
            self._file.flush()


def in_foreground(terminal: int) -> bool:
    """Whether this process may use a terminal: not in the background of its shell."""
    if termios is None:
        return True
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:  # not the controlling terminal, so there is no restriction
        return True


def _open_keyboard() -> int | None:
    """Open standard input if it is a terminal, otherwise the controlling terminal."""
    if termios is None:
        return None
    if os.isatty(0):
        return 0
    try:
        return os.open("/dev/tty", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
