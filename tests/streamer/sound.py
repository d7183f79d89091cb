"""Sound for tests: the sample conversation, and a source that plays arrays."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import av
import numpy as np
from numpy.typing import NDArray

from streamer.audio.frame import FRAME_SAMPLES, AudioFrame, AudioItem

SAMPLES = Path(__file__).parents[2] / "samples"
CONVERSATION = SAMPLES / "conversation.flac"


@cache
def conversation() -> NDArray[np.int16]:
    """The sample conversation, int16 [n] at 16 kHz."""
    with av.open(str(CONVERSATION)) as container:
        frames = [frame.to_ndarray().reshape(-1) for frame in container.decode(audio=0)]
    return np.concatenate(frames).astype(np.int16)


@cache
def truth() -> list[dict[str, Any]]:
    """Who says what when in the sample conversation."""
    turns: list[dict[str, Any]] = json.loads((SAMPLES / "conversation.json").read_text())["turns"]
    return turns


def frames(sound: NDArray[np.int16], start: int = 0, channel: int = 0) -> list[AudioItem]:
    """Cut int16 samples [n] into frames."""
    return [
        AudioFrame(sound[i : i + FRAME_SAMPLES], start + i, channel)
        for i in range(0, len(sound), FRAME_SAMPLES)
    ]


class ArraySource:
    """Plays items; an exception among them is raised, and `forever` waits for more after the last one."""

    def __init__(
        self, items: Sequence[AudioItem | Exception], channels: int = 1, *, forever: bool = False
    ) -> None:
        self.name = "array"
        self.channels = channels
        self._items = items
        self._forever = forever

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    async def __aiter__(self) -> AsyncIterator[AudioItem]:
        for item in self._items:
            if isinstance(item, Exception):
                raise item
            yield item
        if self._forever:
            await asyncio.Event().wait()
