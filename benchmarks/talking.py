"""Endless talk as a source, and what is to be known about a session that hears it."""

import asyncio
import re
import threading
from collections import Counter, defaultdict, deque
from collections.abc import AsyncIterator, Iterator, Sequence
from itertools import takewhile
from time import monotonic
from typing import Self

import numpy as np
import psutil
from numpy.typing import NDArray

from benchmarks.conversations import Clip, SpokenTurn, talk
from streamer.audio.cutter import FrameCutter
from streamer.audio.frame import LONGEST_FRAME, SAMPLE_RATE, AudioFrame
from streamer.events import AudioGap, Event, Health, TurnFinal, TurnPartial
from streamer.turn_embedding.analyzer import Analyzer

CHUNK_S = 0.1
"""A paced source gives so much at a time, as clients do."""

_TAIL = np.zeros(2 * SAMPLE_RATE, np.int16)


class TalkSource:
    """Utterances with silences between, whose truth is known.

    Args:
        seed: tells one stream's talk from another's.
        clips: what is said.
        seconds: how much; the utterance begun by then is finished.
        pace: how many times as fast as real time; None for as fast as it is taken.

    Attributes:
        roll: of the turns that were spoken.
        late_s: how far the reader held a paced source back, at most, in seconds.
        seconds: how much is to be said.
        spoken_s: sound given so far, in seconds.
    """

    name = "talk"
    channels = 1

    def __init__(self, seed: int, clips: Sequence[Clip], seconds: float, *, pace: float | None) -> None:
        self._seed = seed
        self._talk = talk(seed, clips)
        self.seconds = seconds
        self._pace = pace
        self.roll = Roll()
        self.late_s = 0.0
        self.spoken_s = 0.0

    def finish(self) -> None:
        """End with the utterance that is being said."""
        self.seconds = 0.0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        pass

    async def __aiter__(self) -> AsyncIterator[AudioFrame]:
        if self._pace is not None:  # not all streams' chunks at the same moment
            await asyncio.sleep(self._seed * 0.618 % 1 * CHUNK_S)
        began = monotonic()
        chunk = int(CHUNK_S * SAMPLE_RATE)
        cutter = FrameCutter(longest=LONGEST_FRAME)
        for sound in self._pieces():
            for at in range(0, len(sound), chunk):
                cutter.append(sound[at : at + chunk])
                for frame in cutter.cut():
                    yield frame
                self.spoken_s = cutter.at / SAMPLE_RATE
                if self._pace is not None:
                    ahead_s = began + self.spoken_s / self._pace - monotonic()
                    self.late_s = max(self.late_s, -ahead_s)
                    await asyncio.sleep(max(ahead_s, 0))

    def _pieces(self) -> Iterator[NDArray[np.int16]]:
        seconds = 0.0
        for sound, turn in self._talk:
            self.roll.speak(turn)
            yield sound
            seconds += len(sound) / SAMPLE_RATE
            if seconds >= self.seconds:
                break
        yield _TAIL


class Roll:
    """Calls the roll of the turns that were spoken, as they are told, in constant memory.

    Attributes:
        spoken: how many there were.
        unfound: how many of those were never told.
        joined: how many were told, but as the end of the turn before: the silence between was too short.
        extra: how many were told, though nobody spoke.
    """

    def __init__(self) -> None:
        self._waiting: deque[SpokenTurn] = deque()
        self._told = 0  # of those that wait
        self.spoken = 0
        self.unfound = 0
        self.joined = 0
        self.extra = 0

    def speak(self, turn: SpokenTurn) -> None:
        """Someone says this."""
        self._waiting.append(turn)
        self.spoken += 1

    def tell(self, start_s: float, end_s: float) -> None:
        """A turn was told: of one stream, in order."""
        start, end = start_s * SAMPLE_RATE, end_s * SAMPLE_RATE
        while self._waiting and self._waiting[0].end <= start:
            self._pass()
        here = sum(1 for _ in takewhile(lambda turn: turn.start < end, self._waiting))
        self.extra += here == 0
        self.joined += max(here - max(self._told, 1), 0)
        self._told = max(here, self._told)

    def close(self) -> None:
        """Nothing more is told."""
        while self._waiting:
            self._pass()

    def _pass(self) -> None:
        self._waiting.popleft()
        self.unfound += self._told == 0
        self._told = max(self._told - 1, 0)


class Listener:
    """An output that notes what a benchmark asks for.

    Args:
        roll: of the turns that are spoken.

    Attributes:
        total_ms: turn declared over -> event, of every turn.
        turns: told.
        partials: told of turns that went on.
        gaps: sound that was lost, how often.
        shed: what `health` said was left out, by queue.
    """

    def __init__(self, roll: Roll, *, keep: bool = True) -> None:
        self._roll = roll
        self._keep = keep
        self.total_ms: list[float] = []
        self.turns = 0
        self.partials = 0
        self.gaps = 0
        self.shed: Counter[str] = Counter()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        pass

    async def send(self, event: Event) -> None:
        """Take note."""
        match event:
            case TurnFinal():
                self.turns += 1
                self._roll.tell(event.start_s, event.end_s)
                if self._keep:
                    self.total_ms.append(event.latency_ms.total)
            case TurnPartial():
                self.partials += 1
            case AudioGap():
                self.gaps += 1
            case Health():
                self.shed |= Counter({name: queue.shed for name, queue in event.queues.items()})


class Stalls:
    """Watches the event loop: how much later than asked for it comes back."""

    _EVERY_S = 0.005

    def __init__(self) -> None:
        self._edges_ms = np.geomspace(0.1, 10_000, 200)
        self._counts = np.zeros(len(self._edges_ms) + 1, np.int64)
        self._told = self._counts.copy()

    async def watch(self) -> None:
        """Run beside what is watched, until cancelled."""
        while True:
            began = monotonic()
            await asyncio.sleep(self._EVERY_S)
            late_ms = 1e3 * (monotonic() - began - self._EVERY_S)
            self._counts[np.searchsorted(self._edges_ms, late_ms)] += 1

    def percentile_ms(self, q: float) -> float:
        """The stall, in milliseconds, that q percent of the moments stay below (to within 6 %)."""
        return self._percentile_ms(self._counts, q)

    def newly_ms(self, q: float) -> float:
        """The same of the moments since this was last asked."""
        fresh = self._counts - self._told
        self._told = self._counts.copy()
        return self._percentile_ms(fresh, q)

    def _percentile_ms(self, counts: NDArray[np.int64], q: float) -> float:
        reached = np.searchsorted(np.cumsum(counts), counts.sum() * q / 100)
        return round(float(self._edges_ms[min(int(reached), len(self._edges_ms) - 1)]), 2)


def cpu_s() -> dict[str, float]:
    """Processor time so far, by stage: the threads' names without their numbers; libraries' own as one."""
    process = psutil.Process()
    names = {thread.native_id: thread.name for thread in threading.enumerate()}
    spent: dict[str, float] = defaultdict(float)
    for thread in process.threads():
        name = names.get(thread.id, "CTranslate2, torch and onnxruntime")
        stage = "event loop" if name == "MainThread" else re.sub(r"_\d+$", "", name)
        spent[stage] += thread.user_time + thread.system_time
    return spent


def one_by_one(analyzer: Analyzer) -> None:
    """Have it recognise and embed every utterance by itself, as if there were no batching."""
    for batcher in analyzer._workers.prioritised:
        batcher._limit = 1
        batcher._gather_s = 0.0
