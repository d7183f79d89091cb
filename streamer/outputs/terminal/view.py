"""The live view as an output: paints the board when it changes, and finally restores the terminal."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import get_ident
from time import monotonic
from typing import Any, Self

from rich.console import Console
from rich.text import Text

from streamer.audio.frame import AudioFrame
from streamer.events import Event
from streamer.outputs.console import print_line
from streamer.outputs.controls import Controls
from streamer.outputs.plain_lines import ended_line, turn_line
from streamer.outputs.terminal.board import Board, Wish
from streamer.outputs.terminal.frames import Frames
from streamer.outputs.terminal.keys import Keys
from streamer.outputs.terminal.log import LogToView
from streamer.outputs.terminal.screen import Screen, in_foreground
from streamer.outputs.terminal.state import ViewState
from streamer.outputs.terminal_colours import style_for
from streamer.outputs.wording import emotion_text
from streamer.tasks import keep_going

_PAINTS_PER_S = 10
_LOOK_AT_OUTPUTS_S = 0.5


def has_room(console: Console) -> bool:
    """Whether the console is a usable terminal with room for the view; otherwise print lines."""
    if not console.file.isatty() or not console.is_terminal or console.is_dumb_terminal:
        return False
    fd = console.file.fileno()
    width, height = os.get_terminal_size(fd)
    return width >= 40 and height >= 10 and in_foreground(fd)


class TerminalView:
    """Shows the sessions on the whole terminal, reads its keys, and at the end prints a recap of each.

    Events and sound only change the board; a separate thread paints, so a slow terminal delays nothing. While
    the view is open, it shows log messages; they are repeated to the log afterwards.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._style_of = style_for(console)
        self._board = Board()
        self._frames = Frames(console, self._style_of)
        self._controls = Controls(quit=lambda: signal.raise_signal(signal.SIGINT))
        self._changed = asyncio.Event()
        self._keys = Keys()
        self._marking: set[asyncio.Task[None]] = set()
        # Drawing takes time, and a stopped terminal (Ctrl-S) blocks its writer.
        self._painter_thread = ThreadPoolExecutor(1, thread_name_prefix="terminal")
        self._log = LogToView(self._notice)

    async def __aenter__(self) -> Self:
        self._screen = Screen(self._console.file)
        self._board.keys = self._screen.keyboard is not None
        self._board.can_mark = False
        self._log.take_over()
        loop = asyncio.get_running_loop()
        for number, handler in self._signals():
            loop.add_signal_handler(number, handler)
        self._resume()
        self._painter = keep_going(self._keep_painting(), "terminal view")
        return self

    async def __aexit__(self, *_: object) -> None:
        loop = asyncio.get_running_loop()
        try:
            self._painter.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._painter
        finally:
            self._painter_thread.shutdown()
            for number, _handler in self._signals():
                loop.remove_signal_handler(number)
            self._listen(False)
            self._screen.close()
            with contextlib.suppress(BrokenPipeError):  # the terminal was closed
                for state in self._board.recap():
                    self._print_recap(state)
            self._log.give_back()

    async def send(self, event: Event) -> None:
        """Show the event with the next paint."""
        self.tell(event)

    def tell(self, event: Event) -> None:
        """Show the event with the next paint."""
        self._board.apply(event)
        self._changed.set()

    def hear(self, frame: AudioFrame, stream: str | None = None) -> None:
        """Show the level with the next paint; without a name, that of the newest session."""
        self._board.hear(frame, stream, monotonic())
        self._changed.set()

    def reach(self, session: str, seconds: float) -> None:
        """Show the position of a session without sound."""
        self._board.reach(session, seconds)
        self._changed.set()

    def control(self, controls: Controls) -> None:
        """Set the actions of keys."""
        self._controls = controls
        self._board.can_mark = controls.mark is not None
        self._changed.set()

    def _notice(self, message: str) -> None:
        self._board.notify(message)
        self._changed.set()

    # Keys.

    def _listen(self, listen: bool) -> None:
        loop, keyboard = asyncio.get_running_loop(), self._screen.keyboard
        if keyboard is not None and listen:
            loop.add_reader(keyboard, self._read_keys, keyboard)
        elif keyboard is not None:
            loop.remove_reader(keyboard)

    def _read_keys(self, keyboard: int) -> None:
        try:
            data = os.read(keyboard, 1024)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:  # the keyboard has gone
            self._listen(False)
        for key in self._keys.feed(data):
            match self._board.press(key):
                case Wish.QUIT:
                    self._controls.quit()
                case Wish.PAUSE if self._controls.hold is not None:
                    self._controls.hold(self._board.paused)
                case Wish.MARK if self._controls.mark is not None:
                    self._mark(self._controls.mark([state.stream for state in self._board.shown]))
                case Wish.REPAINT:
                    self._frames.forget()
            self._changed.set()

    def _mark(self, marking: Any) -> None:
        task = asyncio.ensure_future(marking)
        self._marking.add(task)
        task.add_done_callback(self._marking.discard)

    # Suspending and resuming.

    def _signals(self) -> list[tuple[int, Callable[[], None]]]:
        if sys.platform == "win32":
            return []
        return [
            (signal.SIGTSTP, self._suspend),
            (signal.SIGCONT, self._resume),
            (signal.SIGWINCH, self._repaint),
        ]

    def _suspend(self) -> None:
        """Ctrl-Z: restore the terminal, and stop like any program."""
        self._listen(False)
        self._screen.leave()
        signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        signal.pthread_kill(get_ident(), signal.SIGTSTP)  # this process stops here until it is continued
        asyncio.get_running_loop().add_signal_handler(signal.SIGTSTP, self._suspend)
        self._resume()

    def _resume(self) -> None:
        """Enter the screen if in the foreground; otherwise once the process is."""
        self._screen.enter()
        if self._screen.entered:
            self._listen(True)
        self._repaint()

    def _repaint(self) -> None:
        self._frames.forget()
        self._changed.set()

    # Painting.

    async def _keep_painting(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), _LOOK_AT_OUTPUTS_S)
            if not self._screen.entered and self._screen.is_ours:  # now in the foreground
                self._resume()
            outputs = tuple(self._controls.outputs()) if self._controls.outputs is not None else ()
            if outputs == self._board.outputs and not self._changed.is_set():
                continue
            self._board.outputs = outputs
            self._changed.clear()
            await loop.run_in_executor(self._painter_thread, self._paint, self._board.snapshot())
            await asyncio.sleep(1 / _PAINTS_PER_S)

    def _paint(self, board: Board) -> None:
        self._screen.paint(self._frames.next(board, *self._screen.size))

    def _print_recap(self, state: ViewState) -> None:
        """Print the last turns of a session, as many as fit, and its summary."""
        turns = list(state.turns.values())
        room = max((self._console.height - 4) // max(len(self._board.recap()), 1), 1)
        for turn in turns[-room:]:
            line = turn_line(turn.said, self._style_of, turn.was)
            print_line(self._console, line)
        if state.ended is not None:
            line = Text(ended_line(state.ended))
            for emotion, times in state.emotions.most_common():
                if times:
                    said = emotion_text(emotion, state.look(emotion), self._style_of)
                    line.append("  ").append_text(said).append(f" {times}")
            print_line(self._console, line)
