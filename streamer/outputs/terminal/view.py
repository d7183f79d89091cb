"""The live view as an output: paints the state a few times a second, and leaves the terminal as it was."""

import asyncio
import contextlib
import logging
from collections import Counter, deque
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.text import Text

from streamer.audio.frame import AudioFrame
from streamer.events import Event, SessionStarted
from streamer.outputs.lines import ended_line, print_line, turn_line
from streamer.outputs.terminal.layout import draw
from streamer.outputs.terminal.state import ViewState
from streamer.outputs.wording import emotion_text, to_encoding

_PAINTS_PER_S = 8
_REPAINT_EVERY = 16
"""Paints between two that write every line, should anything else have written to the terminal."""


def has_room(console: Console) -> bool:
    """Whether there is a terminal behind the console, and the view fits into it; else print lines."""
    is_terminal = console.file.isatty() and console.is_terminal and not console.is_dumb_terminal
    return is_terminal and console.width >= 40 and console.height >= 10


class TerminalView:
    """Shows one session at a time on the whole terminal; on leaving it prints how each session went.

    Events and sound only change the state, a thread of its own paints: a slow terminal holds nothing up.
    While the view is open, messages of `logging` are shown in it, and repeated where they belong afterwards.

    Args:
        console: a terminal.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._sessions = [ViewState()]
        self._painted: list[str] = []
        self._painter: asyncio.Task[None] | None = None
        # Drawing takes a while, and a terminal that is held (Ctrl-S) blocks whoever writes to it.
        self._painter_thread = ThreadPoolExecutor(1, thread_name_prefix="terminal")
        self._log = _LogToView(self._sessions)

    async def __aenter__(self) -> Self:
        self._log.take_over()
        self._console.set_alt_screen(True)
        self._console.show_cursor(False)
        self._painter = asyncio.create_task(self._keep_painting(), name="terminal view")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if self._painter is not None:
                self._painter.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await self._painter
        finally:
            self._painter_thread.shutdown()
            self._console.set_alt_screen(False)
            self._console.show_cursor(True)
            for state in self._sessions:
                self._print_recap(state)
            self._log.give_back()

    async def send(self, event: Event) -> None:
        """Show the event with the next paint."""
        if isinstance(event, SessionStarted) and self._sessions[-1].started is not None:
            self._sessions.append(ViewState())
        self._sessions[-1].apply(event)

    def hear(self, frame: AudioFrame) -> None:
        """Show the level with the next paint."""
        self._sessions[-1].hear(frame)

    async def _keep_painting(self) -> None:
        loop = asyncio.get_running_loop()
        for paint in count():
            everything = paint % _REPAINT_EVERY == 0
            await loop.run_in_executor(
                self._painter_thread, self._paint, self._sessions[-1].snapshot(), everything
            )
            await asyncio.sleep(1 / _PAINTS_PER_S)

    def _paint(self, state: ViewState, everything: bool) -> None:
        """Bring the terminal up to date: only lines that changed are written, in one go."""
        width, height = self._console.size
        lines = draw(state, self._console, width, height)
        with self._console.capture() as capture:
            self._console.print(Text("\n").join(lines), end="", crop=True, no_wrap=True, highlight=False)
        drawn = to_encoding(capture.get(), self._console.encoding).split("\n")
        before = self._painted if len(self._painted) == len(drawn) and not everything else [""] * len(drawn)
        self._painted = drawn
        changed = [
            f"\x1b[{row};1H{line}\x1b[K"
            for row, (line, old) in enumerate(zip(drawn, before, strict=True), start=1)
            if line != old or everything
        ]
        self._console.file.write("".join(changed))
        self._console.file.flush()

    def _print_recap(self, state: ViewState) -> None:
        """Print the last turns of a session, as many as fit, and how it went."""
        turns = list(state.turns.values())
        for turn in turns[-max(self._console.height - 4, 1) :]:
            print_line(self._console, turn_line(turn.said, turn.was))
        if state.ended is not None:
            line = Text(ended_line(state.ended))
            for emotion, times in Counter(turn.said.emotion for turn in turns).most_common():
                line.append("  ").append_text(emotion_text(emotion)).append(f" {times}")
            print_line(self._console, line)


class _LogToView(logging.Handler):
    """Stands in for the handlers of the root logger while the view has the terminal."""

    def __init__(self, sessions: list[ViewState]) -> None:
        super().__init__()
        self._sessions = sessions
        self._others: list[logging.Handler] = []
        self._records: deque[logging.LogRecord] = deque(maxlen=20)

    def emit(self, record: logging.LogRecord) -> None:
        self._records.append(record)
        self._sessions[-1].notify(record.getMessage())

    def take_over(self) -> None:
        root = logging.getLogger()
        self._others = root.handlers[:]
        root.handlers[:] = [self]

    def give_back(self) -> None:
        root = logging.getLogger()
        root.handlers[:] = self._others
        for record in self._records:
            root.handle(record)
