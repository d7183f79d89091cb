"""Who is served next: the most urgent first, and of equals the stream that was served longest ago."""

from collections.abc import Hashable
from dataclasses import dataclass
from enum import IntEnum
from typing import Generic, TypeVar

What = TypeVar("What")


class Urgency(IntEnum):
    """What a job is for, the most urgent first."""

    FINAL = 0
    """A turn that is over."""
    SPECULATIVE = 1
    """A turn that pauses, and may be over soon."""
    PARTIAL = 2
    """A turn that is still going on."""
    RECORDED = 3
    """A recording, which can wait: sound that comes in its own time goes before all of it."""


@dataclass(slots=True)
class Priority:
    """How urgent all jobs of a turn are: it rises while they wait, when the turn is over."""

    urgency: Urgency


@dataclass(frozen=True, slots=True, eq=False)
class Job(Generic[What]):
    """Something to be done."""

    stream: Hashable
    priority: Priority
    what: What
    since: float = 0.0


class FairQueue(Generic[What]):
    """Jobs that wait. Pure: no clock, no threads.

    A stream's jobs of one urgency are served in order. Streams take turns: one that has many jobs waiting
    gets no more of them served than any other.
    """

    def __init__(self) -> None:
        self._streams: dict[Hashable, list[Job[What]]] = {}  # the one served longest ago comes first

    def __len__(self) -> int:
        return sum(map(len, self._streams.values()))

    @property
    def streams(self) -> int:
        """How many streams have jobs waiting."""
        return len(self._streams)

    def waiting(self, urgency: Urgency) -> list[Job[What]]:
        """The jobs that are at least so urgent."""
        return [job for jobs in self._streams.values() for job in jobs if job.priority.urgency <= urgency]

    def put(self, job: Job[What]) -> None:
        """Let a job wait."""
        self._streams.setdefault(job.stream, []).append(job)

    def discard(self, job: Job[What]) -> None:
        """Nobody needs it any more; does nothing where it does not wait."""
        jobs = self._streams.get(job.stream, [])
        if job in jobs:
            jobs.remove(job)
        if not jobs:
            self._streams.pop(job.stream, None)

    def take(self, limit: int) -> list[Job[What]]:
        """Take the jobs to be done next, together: at most `limit`, all of the highest urgency there is."""
        batch: list[Job[What]] = []
        if not self._streams:
            return batch
        urgency = min(job.priority.urgency for jobs in self._streams.values() for job in jobs)
        while len(batch) < limit and (job := self._next(urgency)) is not None:
            jobs = self._streams.pop(job.stream)
            jobs.remove(job)
            if jobs:
                self._streams[job.stream] = jobs  # behind all others
            batch.append(job)
        return batch

    def _next(self, urgency: Urgency) -> Job[What] | None:
        waiting = (job for jobs in self._streams.values() for job in jobs if job.priority.urgency == urgency)
        return next(waiting, None)
