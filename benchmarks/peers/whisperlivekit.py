"""Runs WhisperLiveKit: `python -m benchmarks.peers.whisperlivekit MODEL`.

Its faster-whisper backend with LocalAgreement, raw sound in, and no sentence fetched to warm up with.
"""

import asyncio
import json
import sys
from pathlib import Path

from benchmarks.peers.wire import connected, feed, free_port, say, start

OPTIONS = (
    "--backend", "faster-whisper", "--backend-policy", "localagreement", "--lan", "en", "--pcm-input",
    "--warmup-file", "",
)  # fmt: skip


async def main(model: str) -> None:
    """A stream, from its start to its end; it is one transcript, whose lines stay and grow."""
    port = str(free_port())
    program = str(Path(sys.executable).parent / "whisperlivekit-server")
    server = start(program, "--host", "127.0.0.1", "--port", port, "--model_dir", model, *OPTIONS)
    websocket = await connected(f"ws://127.0.0.1:{port}/asr")
    say(accepts=True, pid=server.pid, port="")
    say(models=True)
    sending = asyncio.create_task(feed(websocket, b""))
    async for message in websocket:
        told = json.loads(message)
        if told.get("type") == "ready_to_stop":
            break
        if "lines" in told:
            lines = " ".join(line["text"] for line in told["lines"] if line["text"])
            say(id=0, final=lines, tentative=told["buffer_transcription"])
    await sending


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
