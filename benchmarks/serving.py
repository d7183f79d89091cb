"""A real `merits serve` in a process of its own, and clients that talk to it."""

import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import sleep

from websockets.asyncio.client import ClientConnection

from benchmarks.talking import TalkSource


@contextmanager
def serving(port: int = 0) -> Iterator[tuple[str, int, Path]]:
    """Run a server without a recogniser.

    Args:
        port: to listen on; 0 takes a free one.

    Yields:
        URL of its streams (without a name), its process id, and the file with its standard error.
    """
    program = "from streamer.cli.app import main; main()"
    command = [sys.executable, "-c", program, "serve", "--port", str(port), "--asr", "none"]
    with (
        tempfile.NamedTemporaryFile(suffix=".log") as log,
        subprocess.Popen(command, stderr=log) as server,
    ):
        said = Path(log.name)
        try:
            while not (url := re.search(r"(ws://\S+)NAME", said.read_text(encoding="utf-8"))):
                assert server.poll() is None, "the server does not start"
                sleep(0.1)
            yield url[1], server.pid, said
        finally:
            server.terminate()
            server.wait()


async def speak(websocket: ClientConnection, source: TalkSource) -> None:
    """Send a stream, from its start to its end."""
    await websocket.send('{"type": "start"}')
    async for frame in source:
        await websocket.send(frame.samples.tobytes())
    await websocket.send('{"type": "end"}')
