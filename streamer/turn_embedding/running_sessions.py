"""Figures of all sessions: running ones, outputs beside them, and totals of ended ones."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from streamer.outputs.base import OutputStatus


@dataclass(frozen=True, slots=True)
class SessionFigures:
    """Status of a session.

    Attributes:
        audio_s: sound analyzed so far, in seconds.
        waiting: number of turns that wait to be published.
        limit: most turns that may wait.
        held_back: whether a live source has to wait because too many turns do.
        shed: number of items shed so far, by kind.
        outputs: status of its outputs.
    """

    audio_s: float
    waiting: int
    limit: int
    held_back: bool
    shed: Counter[str]
    outputs: Sequence[OutputStatus] = ()


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Status of everything at one moment.

    Attributes:
        sessions: the running sessions.
        outputs: status of all outputs that have one, of sessions and beside them.
        audio_s: sound analyzed so far by all sessions, also ended ones, in seconds.
        shed: items shed so far by all sessions, also ended ones, by kind or output.
    """

    sessions: Sequence[SessionFigures]
    outputs: Sequence[OutputStatus]
    audio_s: float
    shed: Counter[str]


class Running:
    """All sessions of an analyzer. Call its methods in the event loop of the sessions."""

    def __init__(self) -> None:
        self._sessions: list[Callable[[], SessionFigures]] = []
        self._beside: list[Callable[[], OutputStatus]] = []
        self._watched: dict[str, Callable[[], str | None]] = {}
        self._ended_audio_s = 0.0
        self._ended_shed: Counter[str] = Counter()

    @contextmanager
    def session(self, figures: Callable[[], SessionFigures]) -> Iterator[None]:
        """Register a session until the context is left."""
        self._sessions.append(figures)
        try:
            yield
        finally:
            self._sessions.remove(figures)
            last = figures()
            self._ended_audio_s += last.audio_s
            self._ended_shed += last.shed + _shed(last.outputs)

    @contextmanager
    def beside(self, status: Callable[[], OutputStatus]) -> Iterator[None]:
        """Register an output of no session, such as the sender of messages left by ended streams."""
        self._beside.append(status)
        try:
            yield
        finally:
            self._beside.remove(status)
            self._ended_shed += _shed([status()])

    @contextmanager
    def watch(self, part: str, trouble: Callable[[], str | None]) -> Iterator[None]:
        """Register another part of the program, until the context is left."""
        self._watched[part] = trouble
        try:
            yield
        finally:
            self._watched.pop(part, None)

    def troubles(self) -> dict[str, str]:
        """The faults of registered parts, by part."""
        found = {part: trouble() for part, trouble in self._watched.items()}
        return {part: trouble for part, trouble in found.items() if trouble is not None}

    def now(self) -> "Snapshot":
        """The present status of all sessions, running and ended, and of outputs beside them."""
        sessions = [figures() for figures in self._sessions]
        of_sessions = [output for session in sessions for output in session.outputs]
        outputs = [*of_sessions, *(status() for status in self._beside)]
        return Snapshot(
            sessions,
            outputs,
            self._ended_audio_s + sum(session.audio_s for session in sessions),
            sum((session.shed for session in sessions), self._ended_shed.copy()) + _shed(outputs),
        )


def _shed(outputs: Iterable[OutputStatus]) -> Counter[str]:
    shed: Counter[str] = Counter()
    for output in outputs:
        if output.queue is not None:
            shed[output.name] += output.queue.shed
    return shed
