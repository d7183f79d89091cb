"""Streams a WAV file, or raw sound from standard input, to `merits serve` and prints the turns as they come.

    python client.py talk.wav [ws://127.0.0.1:8765] [NAME]
    arecord -t raw -f S16_LE -r 16000 | python client.py -        (any program that writes 16 kHz mono samples)

Needs `pip install websockets`. A token that the server asks for goes into MERITS_TOKEN.
"""

import asyncio
import json
import os
import sys
import time
import wave

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

CHUNK_S = 0.1


async def send(websocket: ClientConnection, path: str) -> None:
    """Say what comes, send it at the pace at which it is spoken, and say that it ends."""
    sound = None if path == "-" else wave.open(path, "rb")
    rate, channels = (16_000, 1) if sound is None else (sound.getframerate(), sound.getnchannels())
    start = {"type": "start", "format": "pcm_s16le", "rate": rate, "channels": channels, "source": path}
    await websocket.send(json.dumps(start))
    began, sent_s, count = time.monotonic(), 0.0, int(rate * CHUNK_S)
    while True:
        if sound is None:  # has a pace of its own
            data = await asyncio.to_thread(sys.stdin.buffer.read, 2 * count)
        else:
            data = sound.readframes(count)
            await asyncio.sleep(began + sent_s - time.monotonic())
        if not data:
            break
        await websocket.send(data)
        sent_s += CHUNK_S
    await websocket.send(json.dumps({"type": "end"}))


async def main(path: str, server: str = "ws://127.0.0.1:8765", name: str = "example") -> None:
    """Send and receive at the same time, until the server has told everything."""
    token = os.environ.get("MERITS_TOKEN")
    headers = {"Authorization": f"Bearer {token}"} if token else None
    async with connect(f"{server}/v1/streams/{name}", additional_headers=headers) as websocket:
        sending = asyncio.create_task(send(websocket, path))
        async for message in websocket:
            event = json.loads(message)
            if event["type"] in ("turn.final", "turn.revised"):
                print(f"{event['start_s']:8.1f}  {event['emotion']:<10} {event['text'] or ''}", flush=True)
            elif event["type"] == "error":
                sys.exit(f"{event['code']}: {event['message']}")
        await sending


if __name__ == "__main__":
    try:
        asyncio.run(main(*sys.argv[1:]))
    except (OSError, InvalidStatus, ConnectionClosed, wave.Error) as error:
        sys.exit(str(error))
