"""Puts the terminal in order where the program cannot do it any more: killed, or crashed in native code."""

import contextlib
import subprocess

_SCRIPT = """
trap '' INT TERM HUP QUIT TSTP TTIN TTOU
read -r left && exit 0
printf '%b' "$2"
stty "$1" <&1
"""


class Guard:
    """A shell of a few hundred kilobytes that waits for the end of this process.

    Where it ends without having dismissed the guard, the guard sets the terminal as it was and writes
    `sequences`. Where there is no shell, there is no guard.

    Args:
        terminal: file descriptor of the terminal, set as it is to be left.
        sequences: what undoes the modes that the program sets.
    """

    def __init__(self, terminal: int, sequences: str) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        with contextlib.suppress(OSError):
            settings = subprocess.run(
                ["stty", "-g"], stdin=terminal, capture_output=True, check=False, text=True
            ).stdout.strip()
            self._process = subprocess.Popen(
                ["/bin/sh", "-c", _SCRIPT, "merits", settings, sequences.replace("\x1b", r"\0033")],
                stdin=subprocess.PIPE,
                stdout=terminal,
                stderr=subprocess.DEVNULL,
            )

    def dismiss(self) -> None:
        """The terminal is in order."""
        if self._process is not None:
            with contextlib.suppress(OSError, subprocess.TimeoutExpired):  # it has been told, all the same
                self._process.communicate(b"left\n", timeout=1)
            self._process = None
