"""The view in a real pseudo-terminal: what is painted, and how the terminal is left."""

import codecs
import fcntl
import io
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import textwrap
import time
from pathlib import Path

import pytest
from rich.console import Console

from streamer.outputs.terminal.view import has_room

ENTER, LEAVE = "\x1b[?1049h", "\x1b[?1049l"
HIDE, SHOW = "\x1b[?25l", "\x1b[?25h"


class Terminal:
    """Runs `body`, with a view and a sample session at hand, in a pseudo-terminal."""

    def __init__(self, body: str, width: int = 80, height: int = 24, **environment: str) -> None:
        script = "\n".join(
            [
                "import asyncio, logging, os, time",
                "from pathlib import Path",
                "from rich.console import Console",
                "from streamer.outputs.terminal.view import TerminalView",
                "from tests.streamer.outputs.samples import Sample",
                "sample = Sample()",
                "async def main():",
                "    async with TerminalView(Console()) as view:",
                textwrap.indent(textwrap.dedent(body), "        "),
                "asyncio.run(main())",
            ]
        )
        inherited = {name: value for name, value in os.environ.items() if name not in {"COLUMNS", "LINES"}}
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))
        self.child = subprocess.Popen(
            [sys.executable, "-c", script],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=inherited | {"TERM": "xterm-256color"} | environment,
            start_new_session=True,
        )
        os.close(slave)
        self.shown = ""
        self._decoder = codecs.getincrementaldecoder("utf-8")()

    def until(self, text: str) -> None:
        """Read what is shown until `text` appears."""
        deadline = time.monotonic() + 20
        while text not in self.shown:
            assert time.monotonic() < deadline, self.shown
            assert self._read(), self.shown

    def ended(self) -> str:
        """Read on until the process has ended; returns what stands on the screen it leaves."""
        while self._read():
            pass
        self.child.wait(timeout=20)
        os.close(self._master)
        assert self.shown.count(ENTER) == self.shown.count(LEAVE) == 1
        assert self.shown.rfind(SHOW) > self.shown.rfind(HIDE)
        return self.shown.partition(LEAVE)[2].replace("\r\n", "\n")

    def _read(self) -> bool:
        try:
            select.select([self._master], [], [], 20)
            data = os.read(self._master, 65_536)
        except OSError:  # Linux says EIO where the other end is closed
            return False
        self.shown += self._decoder.decode(data)
        return bool(data)


def without_styles(shown: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", shown)


@pytest.mark.slow
def test_turns_are_painted_and_a_recap_remains() -> None:
    terminal = Terminal(
        """
        await view.send(sample.started())
        await view.send(sample.final(1, "anger"))
        await view.send(sample.revised(1, "sadness"))
        await view.send(sample.final(2, "joy"))
        await view.send(sample.ended(turns=2))
        await asyncio.sleep(0.8)
        """
    )
    remains = without_styles(terminal.ended())
    assert terminal.child.returncode == 0
    assert "▲ joy" in without_styles(terminal.shown.partition(LEAVE)[0])
    assert remains.removeprefix(SHOW).splitlines() == [
        "   0:02.0  ▼ sadness  60%  (was anger)  I can't believe you did that!",
        "   0:04.0  ▲ joy      80%  I can't believe you did that!",
        "2 turns in 1:02.5  ▼ sadness 1  ▲ joy 1",
    ]


@pytest.mark.slow
def test_only_what_changed_is_painted_again() -> None:
    terminal = Terminal(
        """
        await view.send(sample.started())
        await view.send(sample.final(1, "anger"))
        await asyncio.sleep(1.5)
        """
    )
    terminal.ended()
    painted = terminal.shown.partition(LEAVE)[0]
    assert len(painted) < 2 * 24 * 80 * 3
    assert "\x1b[2J" not in painted.partition(ENTER)[2].partition("\x1b[1;1H")[2]


def test_the_terminal_is_clean_after_an_interrupt() -> None:
    terminal = Terminal("await view.send(sample.started())\nawait asyncio.sleep(60)")
    terminal.until("faster-whisper:tiny.en")
    terminal.child.send_signal(signal.SIGINT)
    remains = terminal.ended()
    assert "KeyboardInterrupt" in remains
    assert "\x1b[?" not in remains.removeprefix(SHOW)


@pytest.mark.slow
def test_the_terminal_is_clean_after_a_crash() -> None:
    terminal = Terminal("await view.send(sample.final())\nawait asyncio.sleep(0.8)\n1 / 0")
    remains = without_styles(terminal.ended())
    assert terminal.child.returncode == 1
    assert "anger" in remains
    assert "ZeroDivisionError" in remains


@pytest.mark.slow
def test_what_is_logged_shows_in_the_view_and_again_afterwards() -> None:
    terminal = Terminal(
        """
        await view.send(sample.started())
        logging.getLogger("streamer").warning("the broker %s", "is away")
        await asyncio.sleep(0.8)
        """
    )
    remains = terminal.ended()
    assert terminal.shown.partition(LEAVE)[0].count("the broker is away") == 1
    assert "the broker is away" in remains


@pytest.mark.slow
def test_a_terminal_that_is_held_holds_nothing_up(tmp_path: Path) -> None:
    report = tmp_path / "longest stall"
    terminal = Terminal(
        """
        longest, last = 0.0, time.monotonic()
        for turn in range(1, 201):
            await view.send(sample.final(turn, text=f"{turn} " * 200))
            await asyncio.sleep(0.01)
            longest, last = max(longest, time.monotonic() - last), time.monotonic()
        Path(os.environ["REPORT"]).write_text(str(longest))
        """,
        height=100,
        width=240,
        REPORT=str(report),
    )
    while not report.exists() or not report.read_text():
        time.sleep(0.05)
    assert float(report.read_text()) < 1
    terminal.ended()


@pytest.mark.slow
def test_no_colour() -> None:
    terminal = Terminal(
        "await view.send(sample.final())\nawait asyncio.sleep(0.8)", NO_COLOR="1", COLORTERM="truecolor"
    )
    terminal.ended()
    assert "◆ anger" in without_styles(terminal.shown)
    assert not re.search(r"\x1b\[[0-9;]*(3[0-8]|9[0-7])[0-9;]*m", terminal.shown)


def test_lines_are_better_where_there_is_no_terminal() -> None:
    assert not has_room(Console(file=io.StringIO(), force_terminal=True))
