"""A shell in a real tmux, as a user would sit before it."""

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Self

import pytest

WAIT_S = 60.0
"""For programs to start and to end on a busy machine."""


class Tmux:
    """A tmux server of its own with one window, in which a shell runs.

    Args:
        folder: where the shell begins; the server's socket is there too.
        width: columns.
        height: rows.
    """

    def __init__(self, folder: Path, width: int, height: int) -> None:
        self._socket = folder / "tmux"
        self._folder = folder
        self._size = ("-x", str(width), "-y", str(height))

    def __enter__(self) -> Self:
        environment = {
            name: value for name, value in os.environ.items() if name not in {"TMUX", "COLUMNS", "LINES"}
        }
        shell = ["env", "PS1=$ ", "bash", "--norc", "--noprofile", "-i"]
        self._run("new-session", "-d", *self._size, "-c", str(self._folder), *shell, environment=environment)
        self.until(lambda: "$" in self.screen())
        return self

    def __exit__(self, *_: object) -> None:
        self._run("kill-server")

    def type(self, line: str) -> None:
        """Type a line into the shell."""
        self._run("send-keys", "-l", line)
        self._run("send-keys", "Enter")

    def press(self, *keys: str) -> None:
        """Press keys, by tmux's names."""
        self._run("send-keys", *keys)

    def resize(self, width: int, height: int) -> None:
        """Change the size of the window."""
        self._run("resize-window", "-x", str(width), "-y", str(height))

    def record(self, file: Path) -> None:
        """Write to a file, from now on, what programs send to the terminal."""
        self._run("pipe-pane", f"cat >> {file}")

    def screen(self) -> str:
        """What stands on the screen."""
        return self._run("capture-pane", "-p")

    def is_clean(self) -> bool:
        """Whether the normal screen shows, with its cursor and with lines that wrap."""
        return (
            self._run("display-message", "-p", "#{alternate_on}#{cursor_flag}#{wrap_flag}").strip() == "011"
        )

    def shows(self, *texts: str) -> None:
        """Wait until the screen shows all texts."""
        self.until(lambda: all(text in self.screen() for text in texts))

    def until(self, condition: Callable[[], bool]) -> None:
        """Wait for a condition."""
        deadline = time.monotonic() + WAIT_S
        while not condition():
            assert time.monotonic() < deadline, self.screen()
            time.sleep(0.05)

    def settings(self) -> str:
        """How the terminal is set (`stty -a`) but for its size, as programs of the shell find it."""
        file = self._folder / f"stty-{time.monotonic_ns()}"
        self.type(f"stty -a > {file}.part; mv {file}.part {file}")
        self.until(file.exists)
        return file.read_text().partition("\n")[2]

    def said(self, expression: str) -> str:
        """What the shell makes of an expression."""
        file = self._folder / f"said-{time.monotonic_ns()}"
        self.type(f'echo "{expression}" > {file}.part; mv {file}.part {file}')
        self.until(file.exists)
        return file.read_text().strip()

    def _run(self, *command: str, environment: dict[str, str] | None = None) -> str:
        done = subprocess.run(
            ["tmux", "-S", str(self._socket), "-f", "/dev/null", *command],
            capture_output=True,
            text=True,
            check=True,
            timeout=WAIT_S,
            env=environment,
        )
        return done.stdout


@pytest.fixture(params=[(80, 24), (200, 50)], ids=["80x24", "200x50"])
def tmux(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tmux]:
    """A shell in tmux, in both sizes."""
    if shutil.which("tmux") is None:
        pytest.skip("tmux is not installed")
    with Tmux(tmp_path_factory.mktemp("t"), *request.param) as running:
        yield running
