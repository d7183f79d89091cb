"""Recordings as a source."""

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Iterator
from itertools import islice
from pathlib import Path
from time import monotonic
from types import TracebackType
from typing import Literal, Self

from streamer.audio.decode import Decoder
from streamer.audio.frame import FRAME_SAMPLES, SAMPLE_RATE, AudioFrame, AudioGap, AudioItem

_BATCH_FRAMES = SAMPLE_RATE // FRAME_SAMPLES
"""Frames decoded at a time, a second of one channel: at most two such batches are in memory."""

_log = logging.getLogger("merits")


class FileSource:
    """A recording: any container, rate and number of channels, in constant memory.

    Decoding runs in worker threads, one batch ahead. What was not as it should be in a recording that
    could be read is logged when it is left.

    Args:
        path: any file that FFmpeg can decode, a video's sound too.
        split_channels: yield each channel by itself, interleaved in time, instead of all mixed into one.
        pace: "fast" as it goes, or "realtime": no frame comes before its last sample would have been spoken.

    Attributes:
        path: the file.
        duration_s: length in seconds, as far as the file tells: a hint.

    Raises:
        InputError: there is no such file, or it holds no sound that can be decoded.
    """

    def __init__(
        self, path: str | Path, *, split_channels: bool = False, pace: Literal["fast", "realtime"] = "fast"
    ) -> None:
        self.path = Path(path)
        self._split = split_channels
        self._pace = pace
        with Decoder(self.path, split_channels) as decoder:
            self._channels = decoder.channels
            self.duration_s = decoder.duration_s
        self._stop = threading.Event()
        self._decoder: Decoder | None = None
        self._batch: asyncio.Task[list[AudioFrame | AudioGap]] | None = None

    @property
    def name(self) -> str:
        """The file's name, without its folder."""
        return self.path.name

    @property
    def channels(self) -> int:
        """How many channels it yields: 1 unless channels are split."""
        return self._channels

    async def __aenter__(self) -> Self:
        self._stop = threading.Event()
        opening = asyncio.create_task(asyncio.to_thread(Decoder, self.path, self._split, self._stop))
        try:
            self._decoder = await asyncio.shield(opening)
        except asyncio.CancelledError:
            self._stop.set()
            await asyncio.wait([opening])
            if not opening.exception():
                opening.result().__exit__(None, None, None)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        if self._batch is not None:
            await asyncio.wait([self._batch])  # the thread still uses the decoder
            if not self._batch.cancelled():
                self._batch.exception()
            self._batch = None
        if self._decoder is not None:
            self._decoder.__exit__(kind, error, trace)
            for complaint in self._decoder.complaints:
                _log.warning("%s", complaint)
            self._decoder = None

    async def __aiter__(self) -> AsyncIterator[AudioItem]:
        if self._decoder is None:
            raise RuntimeError("a FileSource is iterated inside its `async with`")
        items = _Batches(self._decoder.items())
        started = monotonic()
        self._batch = asyncio.create_task(asyncio.to_thread(items.next))
        while True:
            batch = await asyncio.shield(self._batch)
            if batch:
                self._batch = asyncio.create_task(asyncio.to_thread(items.next))
            await asyncio.sleep(0)  # let others run even when the batch was ready
            for item in batch:
                if self._pace == "realtime":
                    end = item.start + (item.length if isinstance(item, AudioGap) else len(item.samples))
                    await asyncio.sleep(max(0.0, started + end / SAMPLE_RATE - monotonic()))
                yield item
            if not batch:
                if items.error is not None:
                    raise items.error
                return


class _Batches:
    """Takes items in batches; an error is kept until all that came before it has been taken."""

    def __init__(self, items: Iterator[AudioFrame | AudioGap]) -> None:
        self._items = items
        self.error: Exception | None = None

    def next(self) -> list[AudioFrame | AudioGap]:
        """The next batch; empty at the end."""
        batch: list[AudioFrame | AudioGap] = []
        try:
            for item in islice(self._items, _BATCH_FRAMES):
                batch.append(item)
        except Exception as error:  # noqa: BLE001
            self.error = error
        return batch
