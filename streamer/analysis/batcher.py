"""Jobs of many streams, done together in a thread of their own."""

import asyncio
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import ThreadPoolExecutor
from time import monotonic
from typing import Generic, TypeVar

from streamer.analysis.fair_queue import FairQueue, Job, Priority, Urgency

What = TypeVar("What")
Result = TypeVar("Result")


_STREAMS_A_WAIT = 16
"""The more streams there are, the more there is to gather, and to gain, while nobody waits for it."""


class Batcher(Generic[What, Result]):
    """Does jobs one batch at a time, in the order of a `FairQueue`.

    Args:
        work: does a batch, blocking; gives one result for each job, in order.
        name: of its thread.
        limit: jobs in a batch.
        gather_s: how long the first of several streams may be made to wait for jobs of the others; where
            nothing is urgent, so long for each `_STREAMS_A_WAIT` streams there are.
    """

    def __init__(
        self,
        work: Callable[[Sequence[What]], Sequence[Result]],
        name: str,
        *,
        limit: int = 1,
        gather_s: float = 0.0,
    ) -> None:
        self.streams = 0
        """How many streams there are: with one there is nothing to gather."""
        self.busy_s = 0.0
        """How long it has worked, in seconds."""
        self._work = work
        self._limit = limit
        self._gather_s = gather_s
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=name)
        self._queue: FairQueue[What] = FairQueue()
        self._results: dict[Job[What], asyncio.Future[Result]] = {}
        self._serving: asyncio.Task[None] | None = None

    @property
    def depth(self) -> int:
        """Jobs that wait."""
        return len(self._queue)

    def close(self) -> None:
        """End its thread; nothing can be done any more."""
        self._thread.shutdown(wait=False)

    def lag_s(self, urgency: Urgency) -> float:
        """How long the oldest of the jobs has waited that are at least so urgent; 0 where none wait."""
        now = monotonic()
        return max((now - job.since for job in self._queue.waiting(urgency)), default=0.0)

    async def do(self, stream: Hashable, what: What, priority: Priority) -> Result:
        """Have a job done. Cancelled while it waits, it is not done.

        Args:
            stream: whom for.
            what: is to be done.
            priority: how urgent; may be raised meanwhile.

        Raises:
            Exception: whatever doing it raised.
        """
        job = Job(stream, priority, what, monotonic())
        result: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._results[job] = result
        self._queue.put(job)
        if self._serving is None or self._serving.done():
            self._serving = asyncio.create_task(self._serve())
        try:
            return await result
        finally:
            self._queue.discard(job)
            del self._results[job]

    async def _serve(self) -> None:
        while len(self._queue):
            await self._gather()
            await self._do(self._queue.take(self._limit))

    async def _gather(self) -> None:
        """Let jobs wait for those of other streams; what came while a batch was done has waited by then."""
        wait_s = self._patience_s() - self.lag_s(Urgency.PARTIAL)
        if wait_s > 0 and self._queue.streams < self.streams:
            await asyncio.sleep(wait_s)

    def _patience_s(self) -> float:
        urgent = self._queue.waiting(Urgency.FINAL)
        return self._gather_s * (1 if urgent else max(1, self.streams / _STREAMS_A_WAIT))

    async def _do(self, batch: Sequence[Job[What]]) -> None:
        if not batch:  # it was cancelled meanwhile
            return
        jobs = [job.what for job in batch]
        loop = asyncio.get_running_loop()
        began = monotonic()
        try:
            results = await loop.run_in_executor(self._thread, self._work, jobs)
        except Exception as error:  # noqa: BLE001 - whoever asked for it is told
            if len(batch) > 1:  # one stream's trouble is not the others'
                for job in batch:
                    await self._do([job])
                return
            for job in batch:
                if (waiting := self._results.get(job)) is not None and not waiting.done():
                    waiting.set_exception(error)
            return
        finally:
            self.busy_s += monotonic() - began
        for job, result in zip(batch, results, strict=True):
            if (waiting := self._results.get(job)) is not None and not waiting.done():
                waiting.set_result(result)
