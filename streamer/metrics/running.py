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
        """A session, as long as it runs.

        Args:
            figures: says how it fares.
        """
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
        """An output that belongs to no session, such as what sends what ended ones have left.

        Args:
            status: says how it fares.
        """
        self._beside.append(status)
        try:
            yield
        finally:
            self._beside.remove(status)
            self._ended_shed += _shed([status()])

    @contextmanager
    def watch(self, part: str, trouble: Callable[[], str | None]) -> Iterator[None]:
        """A part of the program that is neither session nor output, as long as it runs.

        Args:
            part: what to call it.
            trouble: says what is the matter with it, in a few words; None while all is well.
        """
        self._watched[part] = trouble
        try:
            yield
        finally:
            self._watched.pop(part, None)

    def troubles(self) -> dict[str, str]:
        """What is the matter with the parts that are watched, by part."""
        found = {part: trouble() for part, trouble in self._watched.items()}
        return {part: trouble for part, trouble in found.items() if trouble is not None}

    def now(self) -> list[SessionFigures]:
        """How each session fares that runs."""
        return [figures() for figures in self._sessions]

    def outputs(self) -> list[OutputStatus]:
        """How all outputs fare that say so, those of sessions and those beside."""
        ours = [output for session in self.now() for output in session.outputs]
        return [*ours, *(status() for status in self._beside)]

    def audio_s(self) -> float:
        """Sound analyzed by all sessions so far, in seconds."""
        return self._ended_audio_s + sum(session.audio_s for session in self.now())

    def shed(self) -> Counter[str]:
        """What all sessions and their outputs shed so far, by kind or output."""
        of_sessions = sum((session.shed for session in self.now()), self._ended_shed.copy())
        return of_sessions + _shed(self.outputs())


def _shed(outputs: Iterable[OutputStatus]) -> Counter[str]:
    shed: Counter[str] = Counter()
    for output in outputs:
        if output.queue is not None:
            shed[output.name] += output.queue.shed
    return shed
