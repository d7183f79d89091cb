"""Plays files of events back, side by side, into outputs."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, nullcontext

from streamer.events import Event, TurnFinal, TurnPartial, TurnRevised
from streamer.outputs.base import Output
from streamer.replay.clock import Clock
from streamer.replay.recording import Recording
from streamer.replay.timeline import Timeline

Publish = Callable[[str], AbstractAsyncContextManager[Sequence[Output]]]
"""Makes the outputs of one stream, by its name."""


class Player:
    """Hands the events of all files to the outputs, each when its time has come.

    Args:
        recordings: played at once, each from its start.
        outputs: take all events; entered by the caller.
        clock: says when; started here.
        publish: makes further outputs for each stream, kept until all is played.
        words: whether words are handed on.

    Attributes:
        published: those further outputs.
    """

    def __init__(
        self,
        recordings: Sequence[Recording],
        outputs: Sequence[Output],
        clock: Clock,
        *,
        publish: Publish = lambda _: nullcontext(()),
        words: bool = True,
    ) -> None:
        self._recordings = recordings
        self._outputs = outputs
        self._clock = clock
        self._publish = publish
        self._words = words
        self._stack = AsyncExitStack()
        self._streams: dict[str, Sequence[Output]] = {}
        self._handing = asyncio.Lock()

    @property
    def published(self) -> list[Output]:
        """The outputs that were made for streams."""
        return [output for outputs in self._streams.values() for output in outputs]

    async def run(self) -> None:
        """Play to the end.

        Raises:
            InputError: a file holds no events, or breaks off.
            RunError, BrokenPipeError: an output takes no more.
        """
        async with self._stack:
            readers = [aiter(recording) for recording in self._recordings]
            firsts = [await anext(reader) for reader in readers]  # so that all start at once
            self._clock.hold(False)
            playing = [
                asyncio.create_task(self._play(first, reader))
                for first, reader in zip(firsts, readers, strict=True)
            ]
            try:
                await asyncio.gather(*playing)
            finally:
                for task in playing:
                    task.cancel()
                await asyncio.gather(*playing, return_exceptions=True)

    async def _play(self, first: Event, rest: AsyncIterator[Event]) -> None:
        timeline = Timeline()
        await self._hand(first, timeline)
        async for event in rest:
            await self._hand(event, timeline)

    async def _hand(self, event: Event, timeline: Timeline) -> None:
        await self._clock.until(timeline.place(event))
        if not self._words and isinstance(event, TurnFinal | TurnRevised | TurnPartial):
            event = event.model_copy(update={"text": None})
        async with self._handing:
            if event.stream not in self._streams:
                made = await self._stack.enter_async_context(self._publish(event.stream))
                self._streams[event.stream] = made
            for output in (*self._streams[event.stream], *self._outputs):
                await output.send(event)
        await asyncio.sleep(0)
