"""The sound of a client as a source: bounded; all lost sound is counted."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from typing import Self

from streamer.audio.frame import SAMPLE_RATE, AudioFrame, AudioGap
from streamer.server.transport.token_bucket import TokenBucket

_Item = AudioFrame | AudioGap

SHED_REASON = "the server fell behind"

SEVERAL_REASONS = "several reasons"

_SHORTEST_WAIT_S = 0.01
_GAPS_AT_ONCE_S = 3600.0
"""Gaps this long are accepted at once: a client may report a long mute at its end, or at the start."""


class StreamSource:
    """The queue between a socket and a pipeline.

    `put` waits if the sound of all channels together comes faster than `max_speed` times real time, or if the
    gaps add up to more than an hour plus `max_speed` times the elapsed time; successive gaps that wait are
    merged. `put` also waits while `buffer_s` of sound is queued, unless the sound is live: then new sound is
    shed until half of the buffer is free, and an `AudioGap` takes its place.

    Attributes:
        ended: whether no more sound is accepted.
    """

    def __init__(self, name: str, channels: int, *, live: bool, buffer_s: float, max_speed: float) -> None:
        self.name = name
        self.channels = channels
        self._live = live
        self._limit = int(buffer_s * SAMPLE_RATE)
        self._pace = TokenBucket(max_speed, buffer_s / 2)  # the reader runs before the buffer is full
        self._gap_pace = TokenBucket(max_speed, float("inf"), _GAPS_AT_ONCE_S)
        self._abandoned = asyncio.Event()
        self._why_abandoned: Exception | None = None
        self._items: deque[_Item] = deque()
        self._shed_from: int | None = None  # sample at which shedding began
        self._shed_to = 0
        self.ended = False
        self._error: Exception | None = None
        self._stop_reader: Callable[[], None] | None = None
        self._some = asyncio.Event()
        self._room = asyncio.Event()
        self.waiting = 0  # samples of channel 0 in _items

    async def put(self, items: Sequence[_Item]) -> None:
        """Append items in order. Items after the end are dropped."""
        for item in items:
            if self.ended:
                return
            length = _length(item)
            if not self._abandoned.is_set():
                await self._in_time(item)
            while not self._live and self.waiting + length > self._limit and not self.ended:
                self._room.clear()
                await self._room.wait()
            if not self.ended and not (self._live and self._is_shed(item, length)):
                self._append(item)
            elif self._abandoned.is_set():
                self.end(self._why_abandoned)

    def end(self, error: Exception | None = None) -> None:
        """End the source; the reader gets `error` after all queued items."""
        if not self.ended:
            self._stop_shedding()
            self.ended = True
            self._error = error
        self._some.set()
        self._room.set()

    def abandon(self, why: Exception) -> None:
        """The sender has gone: stop waiting; the source ends, with `why`, where sound would be shed."""
        self._live = True
        self._why_abandoned = why
        self._abandoned.set()
        self._room.set()

    def interrupt(self, stop_reader: Callable[[], None]) -> None:
        """End the source; call `stop_reader` after the reader got all queued items."""
        if not self.ended:
            self._stop_reader = stop_reader
            self.end()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._items.clear()
        self.end()

    async def __aiter__(self) -> AsyncIterator[_Item]:
        while True:
            while self._items:
                item = self._items.popleft()
                self.waiting -= _length(item)
                if self.waiting <= self._limit // 2:
                    self._room.set()
                yield item
            if self.ended:
                break
            self._some.clear()
            await self._some.wait()
        if self._error is not None:
            raise self._error
        if self._stop_reader is not None:
            self._stop_reader()
            await asyncio.Event().wait()  # until the reader is stopped: this is not the end of input

    async def _in_time(self, item: _Item) -> None:
        """Wait until the rate limit allows the item, unless the client has gone."""
        if isinstance(item, AudioGap):
            wait_s = self._gap_pace.spend(item.length / SAMPLE_RATE)
        else:
            wait_s = self._pace.spend(len(item.samples) / SAMPLE_RATE)
        if wait_s > _SHORTEST_WAIT_S:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._abandoned.wait(), wait_s)

    def _append(self, item: _Item) -> None:
        last = self._items[-1] if self._items else None
        if isinstance(item, AudioGap) and isinstance(last, AudioGap):
            reason = last.reason if last.reason == item.reason else SEVERAL_REASONS
            self._items[-1] = AudioGap(last.start, _stop(item) - last.start, reason)
            return
        self._items.append(item)
        self.waiting += _length(item)
        self._some.set()

    def _is_shed(self, item: _Item, length: int) -> bool:
        if self._shed_from is None:
            if self.waiting + length <= self._limit:
                return False
            self._shed_from = item.start
        elif self.waiting <= self._limit // 2 and item.start >= self._shed_to and _leads(item):
            self._stop_shedding()
            return False
        self._shed_to = max(self._shed_to, _stop(item))
        return True

    def _stop_shedding(self) -> None:
        if self._shed_from is not None:
            self._append(AudioGap(self._shed_from, self._shed_to - self._shed_from, SHED_REASON))
            self._shed_from = None


def _leads(item: _Item) -> bool:
    """Whether the item is a gap or of the first channel: frames of a moment come in order of channels."""
    return isinstance(item, AudioGap) or item.channel == 0


def _length(item: _Item) -> int:
    """Number of samples, counted once for all channels."""
    return len(item.samples) if isinstance(item, AudioFrame) and item.channel == 0 else 0


def _stop(item: _Item) -> int:
    return item.start + (item.length if isinstance(item, AudioGap) else len(item.samples))
