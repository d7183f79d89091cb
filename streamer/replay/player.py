"""Plays events files back, side by side, to outputs."""

import asyncio
import math
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, nullcontext

from streamer.events import Event, TurnFinal, TurnPartial, TurnRevised
from streamer.outputs.base import Output
from streamer.outputs.fan_out import fan_out
from streamer.replay.clock import Clock
from streamer.replay.recording import Recording
from streamer.replay.timeline import Timeline

Publish = Callable[[str], AbstractAsyncContextManager[Sequence[Output]]]
"""Creates the outputs of one stream, by its name."""


_TICK_S = 0.25


class Player:
    """Sends the events of all files to the outputs, each at its time.

    Args:
        recordings: files to play at the same time, each from its start.
        outputs: receive all events; the caller enters their contexts.
        clock: the playback clock; `run` starts it.
        publish: creates further outputs for each stream, which are kept until the end.
        reach: called several times a second with the position of each session, also of ended ones, in
            seconds of its stream.
        words: whether to pass on words.
    """

    def __init__(
        self,
        recordings: Sequence[Recording],
        outputs: Sequence[Output],
        clock: Clock,
        *,
        publish: Publish = lambda _: nullcontext(()),
        reach: Callable[[str, float], None] | None = None,
        words: bool = True,
    ) -> None:
        self._recordings = recordings
        self._outputs = outputs
        self._clock = clock
        self._publish = publish
        self._reach = reach
        self._words = words
        self._stack = AsyncExitStack()
        self._streams: dict[str, Sequence[Output]] = {}
        self._gone: set[Output] = set()
        self._handing = asyncio.Lock()

    async def run(self) -> None:
        """Play to the end.

        Raises:
            InputError: a file contains no events, or cannot be read to its end.
            RunError, BrokenPipeError: an output failed.
        """
        async with self._stack:
            timelines = [Timeline(recording.look_ahead) for recording in self._recordings]
            plays = [
                _placed(recording, timeline)
                for recording, timeline in zip(self._recordings, timelines, strict=True)
            ]
            firsts = [await anext(play) for play in plays]  # so that all start at the same time, in order
            self._clock.hold(False)
            for (place_s, event), timeline in zip(firsts, timelines, strict=True):
                await self._hand(event, place_s, timeline)
            playing = [
                asyncio.create_task(self._play(play, timeline))
                for play, timeline in zip(plays, timelines, strict=True)
            ]
            ticking = asyncio.create_task(self._tick(timelines))
            try:
                await asyncio.gather(*playing)
            finally:
                for task in (ticking, *playing):
                    task.cancel()
                await asyncio.gather(ticking, *playing, return_exceptions=True)

    async def _tick(self, timelines: Sequence[Timeline]) -> None:
        """Report positions between events, too."""
        while self._reach is not None and math.isfinite(self._clock.position_s):
            for timeline in timelines:
                for session, position_s in list(timeline.positions(self._clock.position_s)):
                    self._reach(session, position_s)
            await asyncio.sleep(_TICK_S)

    async def _play(self, placed: "_Placed", timeline: Timeline) -> None:
        async for place_s, event in placed:
            await self._hand(event, place_s, timeline)

    async def _hand(self, event: Event, place_s: float, timeline: Timeline) -> None:
        await self._clock.until(place_s)
        if not self._words and isinstance(event, TurnFinal | TurnRevised | TurnPartial):
            withheld = {"text", "committed"} & type(event).model_fields.keys()
            event = event.model_copy(update=dict.fromkeys(withheld))
        async with self._handing:
            if event.stream not in self._streams:
                made = await self._stack.enter_async_context(self._publish(event.stream))
                self._streams[event.stream] = made
            await fan_out(event, (*self._streams[event.stream], *self._outputs), self._gone)
        if self._reach is not None:
            self._reach(event.session, timeline.position(event.session, place_s))
        await asyncio.sleep(0)


_Placed = AsyncIterator[tuple[float, Event]]


async def _placed(recording: Recording, timeline: Timeline) -> _Placed:
    """The events of a file with their times."""
    async for event in recording:
        for each in timeline.add(event):
            yield each
    for each in timeline.rest():
        yield each
