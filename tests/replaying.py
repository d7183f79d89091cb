"""The program without any models: it publishes the events that a test tells it."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Self

from streamer.events import Event

MERITS = str(Path(sys.executable).parent / "merits")


class Replay:
    """`merits replay` of what it is told here, as it is told: the program's outputs, without any models.

    Args:
        url: of the broker.
        outbox: file.
        more: further arguments.
    """

    def __init__(self, url: str, outbox: Path, *more: str) -> None:
        self._process = subprocess.Popen(
            [MERITS, "replay", "-", "--pace", "fast", "--no-view", "--mqtt", url, *more],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            env=os.environ | {"MERITS_OUTBOX__PATH": str(outbox)},
        )

    def tell(self, *events: Event) -> None:
        """Have it publish events."""
        assert self._process.stdin is not None
        for event in events:
            self._process.stdin.write(event.model_dump_json().encode() + b"\n")
        self._process.stdin.flush()

    def end(self) -> int:
        """Let the session end, and return the exit code."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        return self._process.wait(60)

    def kill(self) -> None:
        """End it without any warning."""
        self._process.kill()
        self._process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        if self._process.stdin is not None:
            self._process.stdin.close()
