"""Streams a WAV file, or raw sound from standard input, to `merits serve` and prints the turns as they come.

    python client.py talk.wav [ws://127.0.0.1:8765] [NAME]
    arecord -t raw -f S16_LE -r 16000 | python client.py -       (anything that writes 16 kHz mono samples)

Needs `pip install websockets`. A token that the server asks for goes into MERITS_TOKEN.
"""

import asyncio
import json
import os
import sys
import time
import wave

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

CHUNK_S = 0.1


async def send(websocket: ClientConnection, path: str) -> None:
    """Say what comes, send it at the pace at which it is spoken, and say that it ends."""
    with wave.open(path) if path != "-" else (stdin := sys.stdin.buffer) as sound:
        wav = sound if isinstance(sound, wave.Wave_read) else None
        rate, channels = (wav.getframerate(), wav.getnchannels()) if wav else (16_000, 1)
        if wav and wav.getsampwidth() != 2:
            raise wave.Error(f"{path} is not 16-bit")
        start = {"type": "start", "rate": rate, "channels": channels, "source": path}
        await websocket.send(json.dumps(start))
        due, count = time.monotonic(), int(rate * CHUNK_S)
        while data := wav.readframes(count) if wav else await asyncio.to_thread(stdin.read, 2 * count):
            await websocket.send(data)
            due += CHUNK_S
            if wav:  # standard input has a pace of its own
                await asyncio.sleep(due - time.monotonic())
    await websocket.send('{"type": "end"}')


async def main(path: str, server: str = "ws://127.0.0.1:8765", name: str = "example") -> None:
    """Send and receive at the same time, until the server has told everything."""
    headers = {"Authorization": f"Bearer {token}"} if (token := os.environ.get("MERITS_TOKEN")) else None
    url = f"{server}/v1/streams/{name}"
    connecting = connect(url, additional_headers=headers, ping_timeout=180)  # bad lines take minutes
    async with connecting as websocket, asyncio.TaskGroup() as tasks:
        tasks.create_task(send(websocket, path))
        async for message in websocket:
            event = json.loads(message)
            if event["type"] in ("turn.final", "turn.revised"):
                print(f"{event['start_s']:8.1f}  {event['emotion']:<10} {event['text'] or ''}", flush=True)
            elif event["type"] == "error":
                sys.exit(f"{event['code']}: {event['message']}")


if __name__ == "__main__":
    try:
        asyncio.run(main(*sys.argv[1:]))
    except* (OSError, WebSocketException, wave.Error) as errors:
        sys.exit(str(errors.exceptions[0]))
