"""A source of one's own: raw sound (16 kHz, 16-bit, mono) from another program's standard output.

python own_source.py arecord -q -t raw -f S16_LE -r 16000
python own_source.py ffmpeg -v error -i rtsp://camera/stream -f s16le -ac 1 -ar 16000 -
"""

import asyncio
import sys
from collections.abc import AsyncIterator, Sequence
from types import TracebackType
from typing import Self

import numpy as np

import streamer


class Program:
    """What a program writes, as an `AudioSource`."""

    channels = 1

    def __init__(self, command: Sequence[str]) -> None:
        self.name = command[0]
        self._command = command

    async def __aenter__(self) -> Self:
        """Start the program."""
        try:
            self._process = await asyncio.create_subprocess_exec(
                *self._command, stdout=asyncio.subprocess.PIPE
            )
        except OSError as error:
            raise streamer.InputError(f"{self.name} does not start: {error.strerror}") from error
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop it, if it has not ended."""
        if self._process.returncode is None:
            self._process.kill()
        await self._process.communicate()

    async def __aiter__(self) -> AsyncIterator[streamer.AudioItem]:
        """Yield frames, each with the index of its first sample."""
        assert self._process.stdout is not None
        at, size = 0, 2 * streamer.FRAME_SAMPLES
        while len(sound := await _read(self._process.stdout, size)) == size:
            yield streamer.AudioFrame(np.frombuffer(sound, "<i2"), at)
            at += streamer.FRAME_SAMPLES


async def _read(pipe: asyncio.StreamReader, size: int) -> bytes:
    try:
        return await pipe.readexactly(size)
    except asyncio.IncompleteReadError as end:
        return end.partial


async def main(command: Sequence[str]) -> None:
    """Print the turns of what the program writes."""
    async for event in streamer.analyze(Program(command)):
        if isinstance(event, streamer.TurnFinal):
            print(f"{event.start_s:7.1f}  {event.emotion:<10} {event.text}", flush=True)


if __name__ == "__main__":
    try:
        asyncio.run(main(sys.argv[1:]))
    except (streamer.InputError, streamer.RunError) as error:
        sys.exit(str(error))
