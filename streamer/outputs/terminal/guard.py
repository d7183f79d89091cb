"""Restores the terminal if the program cannot: when it is killed, or crashes in native code."""

import contextlib
import subprocess

_SCRIPT = """
trap '' INT TERM HUP QUIT TSTP TTIN TTOU
read -r left && exit 0
printf '%b' "$2"
stty "$1" <&1
"""


class Guard:
    """A small shell process that waits for the end of this process.

    If this process ends without `dismiss`, the guard restores the terminal's settings and writes `sequences`.
    Without a shell, there is no guard.

    Args:
        terminal: file descriptor of the terminal, with the settings to restore.
        sequences: control sequences that reset the modes set by the program.
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
        """End the guard: the terminal is restored."""
        if self._process is not None:
            with contextlib.suppress(OSError, subprocess.TimeoutExpired):  # the guard was dismissed anyway
                self._process.communicate(b"left\n", timeout=1)
            self._process = None
