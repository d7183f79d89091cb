"""Recordings as sources."""

import asyncio
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from time import monotonic
from typing import Literal, Self

from streamer.audio.decoding.decode import Decoder
from streamer.audio.decoding.in_thread import Decoding
from streamer.audio.follow import FollowedBytes
from streamer.audio.frame import SAMPLE_RATE, AudioGap, AudioItem
from streamer.audio.live_bytes import LiveBytes
from streamer.audio.pipe import file_behind, open_pipe, short_name
from streamer.errors import InputError

_log = logging.getLogger("merits")


class FileSource:
    """A recording: any container, rate and number of channels, in constant memory.

    A thread decodes, a batch or two ahead. Damage in a readable recording is logged when the context is left.

    Inputs that can be opened only once (pipes, standard input) and followed files are opened by the
    constructor; their sound is yielded as it comes. The constructor (if channels are split) or entering the
    context (otherwise) waits for enough data to know the number of channels.

    Args:
        path: any audio or video file that FFmpeg can decode; a pipe; "-" for standard input.
        split_channels: yield each channel separately, interleaved in time, instead of their mix.
        pace: "fast": without waiting; "realtime": no frame comes before its last sample would be spoken.
        follow_s: keep reading a growing file until it has not grown for this many seconds; None for a
            complete file. Ignored for pipes.

    Raises:
        InputError: there is no such file, or it contains no decodable sound.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        split_channels: bool = False,
        pace: Literal["fast", "realtime"] = "fast",
        follow_s: float | None = None,
    ) -> None:
        self.path = Path(path)
        self._split = split_channels
        self._pace = pace
        self._channels = 1
        self._decoding: Decoding | None = None
        if (live := self._live(follow_s)) is not None:
            self._decoding = Decoding(live, split_channels)
            if split_channels:
                self._channels = self._decoding.opened.result()
        else:
            with Decoder(file_behind(self.path), split_channels) as decoder:
                self._channels = decoder.channels
        self._reads_once = live is not None
        self._entered = False

    def _live(self, follow_s: float | None) -> LiveBytes | None:
        if (pipe := open_pipe(self.path)) is not None or follow_s is None:
            return pipe
        try:
            return FollowedBytes(file_behind(self.path), follow_s)
        except OSError:
            return None  # the decoder reports why

    @property
    def name(self) -> str:
        """The file's name, without its folder; "stdin"."""
        return short_name(self.path)

    @property
    def stem(self) -> str:
        """The name without its ending: the default name of the stream."""
        return Path(self.name).stem

    @property
    def channels(self) -> int:
        """Number of channels of the frames: 1 unless channels are split."""
        return self._channels

    async def __aenter__(self) -> Self:
        if self._entered and self._reads_once:
            raise InputError(f"{self.name} can be read but once")
        self._entered = True
        if not self._reads_once:
            self._decoding = Decoding(file_behind(self.path), self._split)
        assert self._decoding is not None
        try:
            await asyncio.shield(asyncio.wrap_future(self._decoding.opened))
        except BaseException:
            await self._decoding.stop()
            raise
        self._decoding.begin()
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._decoding is not None
        await self._decoding.stop()
        for note in self._decoding.damage_notes:
            _log.warning("%s", note)

    async def __aiter__(self) -> AsyncIterator[AudioItem]:
        if self._decoding is None:
            raise RuntimeError("a FileSource is iterated inside its `async with`")
        started = monotonic()
        while (batch := await self._decoding.next()) is not None:
            await asyncio.sleep(0)  # let other tasks run even if the batch was ready
            for item in batch:
                if self._pace == "realtime":
                    end = item.start + (item.length if isinstance(item, AudioGap) else len(item.samples))
                    await asyncio.sleep(max(0.0, started + end / SAMPLE_RATE - monotonic()))
                yield item
