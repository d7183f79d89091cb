"""The state of the live view over all sessions, and its changes by keys. No clock, no terminal."""

from collections import deque
from copy import copy
from enum import Enum, auto
from typing import Self

from streamer.audio.frame import AudioFrame
from streamer.events import Event, TurnFinal
from streamer.outputs.base import OutputStatus
from streamer.outputs.terminal.state import ViewState

_RECAPPED = 8


class Wish(Enum):
    """A request by a key that the board cannot fulfil itself."""

    QUIT = auto()
    MARK = auto()
    PAUSE = auto()
    REPAINT = auto()


class Board:
    """The sessions that are shown, side by side if there are several, and the state of the view.

    An ended session stays until another one begins.

    Attributes:
        paused: whether the view is frozen.
        missed: number of turns published since.
        words: whether words are shown.
        can_mark: whether moments can be marked.
        keys: whether there is a keyboard.
        focus: name of the only stream shown, None for all.
        outputs: status of each output that has one.
        over: the latest sessions, shown or not, for the recap.
    """

    def __init__(self) -> None:
        self.paused = False
        self.missed = 0
        self.words = True
        self.can_mark = True
        self.keys = True
        self.focus: str | None = None
        self.outputs: tuple[OutputStatus, ...] = ()
        self.over: deque[ViewState] = deque(maxlen=_RECAPPED)
        self._sessions: dict[str, ViewState] = {}
        self._frozen: list[ViewState] | None = None
        self._log: str | None = None
        self._nothing = ViewState()

    @property
    def sessions(self) -> list[ViewState]:
        """All sessions that can be shown, in order of their starts."""
        return self._frozen if self._frozen is not None else list(self._sessions.values())

    @property
    def shown(self) -> list[ViewState]:
        """The sessions to draw: at least one, which may be empty."""
        focused = [state for state in self.sessions if state.stream == self.focus]
        return focused or self.sessions or [self._nothing]

    def apply(self, event: Event) -> None:
        """Process one event of any session."""
        if event.session not in self._sessions:
            self._make_room()
            state = self._sessions[event.session] = ViewState(event.stream)
            if self._log is not None:
                state.notify(self._log)
        state = self._sessions[event.session]
        state.apply(event)
        if self.paused and isinstance(event, TurnFinal):
            self.missed += 1

    def hear(self, frame: AudioFrame, stream: str | None, now_s: float) -> None:
        """Update the level of a stream; None for the only one."""
        for state in reversed(self._sessions.values()):
            if state.ended is None and stream in (None, state.stream):
                state.hear(frame, now_s)
                return

    def reach(self, session: str, seconds: float) -> None:
        """Set the position of a session without sound."""
        state = self._sessions.get(session)
        if state is not None and state.ended is None:
            state.reach(seconds)

    def notify(self, message: str) -> None:
        """Show a message for a while."""
        self._log = message
        for state in (self._nothing, *self._sessions.values()):
            state.notify(message)

    def press(self, key: str) -> Wish | None:
        """Process a key; returns a request that remains, or None."""
        match key.lower():
            case "q":
                return Wish.QUIT
            case "m" if self.can_mark:
                return Wish.MARK
            case " " | "p":
                self._pause(not self.paused)
                return Wish.PAUSE
            case "w":
                self.words = not self.words
            case "tab":
                names: list[str | None] = [None, *dict.fromkeys(state.stream for state in self.sessions)]
                at = names.index(self.focus) if self.focus in names else 0
                self.focus = names[(at + 1) % len(names)] if len(names) > 2 else None
            case "escape":
                self.focus = None
            case "redraw":
                return Wish.REPAINT
        return None

    def snapshot(self) -> Self:
        """An immutable copy for drawing in another thread."""
        other = copy(self)
        other._frozen = [state.snapshot() for state in self.sessions]
        return other

    def recap(self) -> list[ViewState]:
        """The latest sessions, the newest last."""
        return [*self.over, *self._sessions.values()][-_RECAPPED:]

    def _pause(self, paused: bool) -> None:
        self._frozen = [state.snapshot() for state in self._sessions.values()] if paused else None
        self.paused, self.missed = paused, 0

    def _make_room(self) -> None:
        """Remove ended sessions when another one begins."""
        for session in [session for session, state in self._sessions.items() if state.ended is not None]:
            self.over.append(self._sessions.pop(session))
