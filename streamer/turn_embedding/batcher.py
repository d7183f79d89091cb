"""Runs jobs of many streams in batches, in a separate thread."""

import asyncio
import threading
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import ThreadPoolExecutor
from time import monotonic, sleep
from typing import Generic, TypeVar

from streamer.errors import as_exception
from streamer.turn_embedding.fair_queue import FairQueue, Job, Priority, Urgency

What = TypeVar("What")
Result = TypeVar("Result")


_STREAMS_A_WAIT = 16
"""Number of streams for the wait `gather_s`: with more streams, waiting gathers more and gains more."""


class Batcher(Generic[What, Result]):
    """Runs jobs one batch at a time, in the order of a `FairQueue`.

    While jobs wait, its thread runs one batch after the other, even if the event loop is busy.

    Args:
        work: runs a batch, blocking; returns one result for each job, in order.
        name: name of the thread.
        limit: most jobs in a batch.
        open_limit: most jobs of turns that are still spoken, for which one that ends has to wait; by default
            `limit`.
        gather_s: longest wait of a job for jobs of other streams, with `_STREAMS_A_WAIT` streams; with fewer,
            proportionally less; with more, proportionally more if no job is urgent.
    """

    def __init__(
        self,
        work: Callable[[Sequence[What]], Sequence[Result]],
        name: str,
        *,
        limit: int = 1,
        open_limit: int | None = None,
        gather_s: float = 0.0,
    ) -> None:
        self.streams = 0
        """Number of streams: with one, there are no other jobs to wait for."""
        self.busy_s = 0.0
        """Time spent on batches, in seconds."""
        self._work = work
        self._limit, self._open_limit = limit, open_limit
        self._gather_s = gather_s
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=name)
        self._queue: FairQueue[What] = FairQueue()
        self._queued = threading.Lock()  # guards the queue
        self._results: dict[Job[What], asyncio.Future[Result]] = {}
        self._serving: asyncio.Task[None] | None = None

    @property
    def depth(self) -> int:
        """Number of waiting jobs."""
        with self._queued:
            return len(self._queue)

    def close(self) -> None:
        """End the thread; no more jobs can be run."""
        self._thread.shutdown(wait=False)

    def lag_s(self, urgency: Urgency) -> float:
        """Waiting time of the oldest job of at least this urgency, in seconds; 0 if there is none."""
        with self._queued:
            since = min((job.since for job in self._queue.waiting(urgency)), default=None)
        return 0.0 if since is None else monotonic() - since

    async def do(self, stream: Hashable, what: What, priority: Priority) -> Result:
        """Run a job. If this is cancelled while the job waits, the job is not run."""
        job = Job(stream, priority, what, monotonic())
        result: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._results[job] = result
        with self._queued:
            self._queue.put(job)
        if self._serving is None or self._serving.done():
            self._serving = asyncio.create_task(self._serve())
        try:
            return await result
        finally:
            with self._queued:
                self._queue.discard(job)
            del self._results[job]

    async def _serve(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while self.depth:
                await loop.run_in_executor(self._thread, self._work_off, loop)
        except Exception as error:  # noqa: BLE001 - the thread cannot be started, or was ended
            jobs = list(self._results)
            self._tell(jobs, [error] * len(jobs))

    def _work_off(self, loop: asyncio.AbstractEventLoop) -> None:
        """Run waiting jobs until there are none; called in the thread, which no error ends."""
        while self.depth:
            sleep(self._patience_s())
            batch = self._take()
            began = monotonic()
            outcomes = self._outcomes(batch) if batch else []
            self.busy_s += monotonic() - began
            loop.call_soon_threadsafe(self._tell, batch, outcomes)

    def _patience_s(self) -> float:
        """Remaining wait for jobs of other streams; time during a batch counts as waiting."""
        with self._queued:
            if self._queue.streams >= self.streams:
                return 0.0
            urgent = self._queue.waiting(Urgency.FINAL)
        share = self.streams / _STREAMS_A_WAIT
        patience_s = self._gather_s * (min(share, 1.0) if urgent else share)
        return max(patience_s - self.lag_s(max(Urgency)), 0.0)

    def _take(self) -> list[Job[What]]:
        with self._queued:
            return self._queue.take(self._limit, self._open_limit)

    def _outcomes(self, batch: Sequence[Job[What]]) -> list[Result | Exception]:
        """The result or error of each job. If a batch fails, each job is run alone: errors stay separate."""
        try:
            results: list[Result | Exception] = list(self._work([job.what for job in batch]))
            if len(results) != len(batch):
                raise RuntimeError(f"{len(results)} results for {len(batch)} jobs")
            return results
        except BaseException as error:  # noqa: BLE001 - raised by `do`
            if len(batch) == 1:
                return [as_exception(error)]
            return [outcome for job in batch for outcome in self._outcomes([job])]

    def _tell(self, batch: Sequence[Job[What]], outcomes: Sequence[Result | Exception]) -> None:
        for job, outcome in zip(batch, outcomes, strict=True):
            if (waiting := self._results.get(job)) is None or waiting.done():
                continue  # cancelled meanwhile
            if isinstance(outcome, Exception):
                waiting.set_exception(outcome)
            else:
                waiting.set_result(outcome)
