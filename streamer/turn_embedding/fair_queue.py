"""The order of jobs: the most urgent first; at equal urgency, the stream served longest ago."""

from collections.abc import Hashable
from dataclasses import dataclass
from enum import IntEnum
from typing import Generic, TypeVar

What = TypeVar("What")


class Urgency(IntEnum):
    """The urgency of a job, the most urgent first."""

    FINAL = 0
    """A turn that has ended."""
    SPECULATIVE = 1
    """A turn that pauses, and may end soon."""
    PARTIAL = 2
    """A turn that is still spoken."""
    RECORDED = 3
    """A recording, which can wait: all live sound goes first."""


@dataclass(slots=True)
class Priority:
    """The urgency of all jobs of a turn: it rises, even while they wait, when the turn ends."""

    urgency: Urgency


@dataclass(frozen=True, slots=True, eq=False)
class Job(Generic[What]):
    """A job of a stream."""

    stream: Hashable
    priority: Priority
    what: What
    since: float = 0.0


class FairQueue(Generic[What]):
    """The waiting jobs. Pure: no clock, no threads.

    A stream's jobs of one urgency are served in order. Streams take turns: a stream with many waiting jobs is
    served no more often than any other.
    """

    def __init__(self) -> None:
        self._streams: dict[Hashable, list[Job[What]]] = {}  # the stream served longest ago comes first

    def __len__(self) -> int:
        return sum(map(len, self._streams.values()))

    @property
    def streams(self) -> int:
        """Number of streams with waiting jobs."""
        return len(self._streams)

    def waiting(self, urgency: Urgency) -> list[Job[What]]:
        """The waiting jobs of at least this urgency."""
        return [job for jobs in self._streams.values() for job in jobs if job.priority.urgency <= urgency]

    def put(self, job: Job[What]) -> None:
        """Add a job."""
        self._streams.setdefault(job.stream, []).append(job)

    def discard(self, job: Job[What]) -> None:
        """Remove a job; does nothing if it does not wait."""
        jobs = self._streams.get(job.stream, [])
        if job in jobs:
            jobs.remove(job)
        if not jobs:
            self._streams.pop(job.stream, None)

    def take(self, limit: int, open_limit: int | None = None) -> list[Job[What]]:
        """Remove and return the next batch: jobs of the highest waiting urgency.

        Args:
            limit: most jobs.
            open_limit: most jobs of turns that are still spoken; by default `limit`.
        """
        batch: list[Job[What]] = []
        if not self._streams:
            return batch
        urgency = min(job.priority.urgency for jobs in self._streams.values() for job in jobs)
        if urgency is Urgency.PARTIAL and open_limit is not None:
            limit = min(limit, open_limit)
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
