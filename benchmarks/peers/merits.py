"""Runs `merits serve`, or joins the one at a port: `python -m benchmarks.peers.merits MODEL [PORT]`."""

import asyncio
import json
import os
import sys
from pathlib import Path

from benchmarks.peers.wire import connected, feed, free_port, say, start


async def main(model: str, given: str = "") -> None:
    """A stream, from its start to its end."""
    port, pid = given or str(free_port()), 0
    if not given:
        merits = str(Path(sys.executable).parent / "merits")
        pid = start(merits, "serve", "--port", port, "--asr", f"faster-whisper:{model}").pid
    websocket = await connected(f"ws://127.0.0.1:{port}/v1/streams/s{os.getpid()}")
    await websocket.send('{"type": "start"}')
    await (await websocket.ping())  # answered after what was sent before
    say(accepts=True, pid=pid, port=port)
    sending = asyncio.create_task(feed(websocket, '{"type": "end"}'))
    async for message in websocket:
        event = json.loads(message)
        match event["type"]:
            case "session.started":
                say(models=True)
            case "turn.partial":
                say(id=event["turn"], final="", tentative=event["text"])
            case "turn.final":
                ms = event["latency_ms"]["total"]
                say(id=event["turn"], final=event["text"], tentative="", decision_ms=ms)
            case "turn.revised":
                say(id=event["turn"], final=event["text"], tentative="")
    await sending


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
