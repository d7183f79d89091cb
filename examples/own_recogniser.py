"""A recogniser of one's own: any program that takes a WAV file and prints its words.

python own_recogniser.py talk.wav whisper-cli -m ggml-base.en.bin -nt -np -f
"""

import asyncio
import subprocess
import sys
import tempfile
import wave
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import streamer


class CommandLine:
    """A `Transcriber` that asks a program about each turn; the WAV file's name is its last argument."""

    def __init__(self, command: Sequence[str], timeout_s: float = 30) -> None:
        self.name = command[0]
        self._command = command
        self._timeout_s = timeout_s

    def transcribe(self, audio: NDArray[np.int16]) -> streamer.Transcript:
        """Recognise one turn, int16 [n] at 16 kHz; called in a thread of its own, so it may take its time."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "turn.wav"
            with wave.open(str(path), "wb") as file:
                file.setparams((1, 2, streamer.SAMPLE_RATE, 0, "NONE", ""))
                file.writeframes(audio.tobytes())
            try:
                done = subprocess.run(
                    [*self._command, path],
                    capture_output=True,
                    text=True,
                    check=True,
                    timeout=self._timeout_s,
                )
            except (OSError, subprocess.SubprocessError) as error:
                raise streamer.RunError(f"{self.name} failed: {error}") from error
        return streamer.Transcript(done.stdout.strip())


async def main(path: str, command: Sequence[str]) -> None:
    """Print the turns of a recording."""
    async for event in streamer.analyze(path, recogniser=CommandLine(command)):
        if isinstance(event, streamer.TurnFinal):
            print(f"{event.start_s:7.1f}  {event.emotion:<10} {event.text}", flush=True)


if __name__ == "__main__":
    try:
        asyncio.run(main(sys.argv[1], sys.argv[2:]))
    except (streamer.InputError, streamer.RunError) as error:
        sys.exit(str(error))
