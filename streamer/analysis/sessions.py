"""The sessions that run, what goes on beside them, and what those that ended add up to."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from streamer.outputs.base import OutputStatus


@dataclass(frozen=True, slots=True)
class SessionFigures:
    """How a session fares.

    Attributes:
        audio_s: sound analyzed so far, in seconds.
        waiting: turns that wait to be told.
        limit: how many may.
        held_back: whether so many do that the source has to wait, though its sound is live.
        shed: what was left out so far for want of time, by kind.
        outputs: how its outputs fare.
    """

    audio_s: float
    waiting: int
    limit: int
    held_back: bool
    shed: Counter[str]
    outputs: Sequence[OutputStatus] = ()


@dataclass(frozen=True, slots=True)
class Snapshot:
    """How everything fares at a moment.

    Attributes:
        sessions: each that runs.
        outputs: all that say how they fare, those of sessions and those beside.
        audio_s: sound analyzed by all sessions so far, in seconds, ended ones too.
        shed: what all sessions and their outputs shed so far, by kind or output, ended ones too.
    """

    sessions: Sequence[SessionFigures]
    outputs: Sequence[OutputStatus]
    audio_s: float
    shed: Counter[str]


class Running:
    """Knows all sessions on an analyzer. What is read here is read in the event loop of the sessions."""

    def __init__(self) -> None:
        self._sessions: list[Callable[[], SessionFigures]] = []
        self._beside: list[Callable[[], OutputStatus]] = []
        self._watched: dict[str, Callable[[], str | None]] = {}
        self._ended_audio_s = 0.0
        self._ended_shed: Counter[str] = Counter()

    @contextmanager
    def session(self, figures: Callable[[], SessionFigures]) -> Iterator[None]:
        """A session, as long as it runs."""
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
        """An output that belongs to no session, such as what sends what ended ones have left."""
        self._beside.append(status)
        try:
            yield
        finally:
            self._beside.remove(status)
            self._ended_shed += _shed([status()])

    @contextmanager
    def watch(self, part: str, trouble: Callable[[], str | None]) -> Iterator[None]:
        """A part of the program that is neither session nor output, as long as it runs."""
        self._watched[part] = trouble
        try:
            yield
        finally:
            self._watched.pop(part, None)

    def troubles(self) -> dict[str, str]:
        """What is the matter with the parts that are watched, by part."""
        found = {part: trouble() for part, trouble in self._watched.items()}
        return {part: trouble for part, trouble in found.items() if trouble is not None}

    def now(self) -> "Snapshot":
        """How all sessions fare, those that run and those that ended, and the outputs beside them."""
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
