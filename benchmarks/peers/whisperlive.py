"""Runs WhisperLive: `python -m benchmarks.peers.whisperlive MODEL`.

`TranscriptionServer.run` with one model for all, and what its client asks for by itself.
"""

import asyncio
import json
import sys

from benchmarks.peers.wire import connected, feed, free_port, say, start

SERVER = """
import sys
from whisper_live.server import TranscriptionServer
TranscriptionServer().run(
    "127.0.0.1", int(sys.argv[2]), backend="faster_whisper",
    faster_whisper_custom_model_path=sys.argv[1], single_model=True, max_connection_time=3600,
)
"""
OPTIONS = {
    "uid": "benchmark",
    "language": "en",
    "task": "transcribe",
    "model": "tiny.en",
    "use_vad": True,
    "send_last_n_segments": 10,
    "no_speech_thresh": 0.45,
    "clip_audio": False,
    "same_output_threshold": 10,
    "enable_translation": False,
    "target_language": "fr",
    "word_timestamps": False,
}


async def main(model: str) -> None:
    """A stream, from its start to its end; it is one transcript, whose completed segments stay.

    With the end of the stream, its client takes the last segment as it is.
    """
    port = free_port()
    server = start(sys.executable, "-c", SERVER, model, str(port))
    websocket = await connected(f"ws://127.0.0.1:{port}")
    await websocket.send(json.dumps(OPTIONS))
    completed: list[str] = []
    end_s, tentative = 0.0, ""
    async for message in websocket:
        told = json.loads(message)
        if told.get("message") == "SERVER_READY":
            say(accepts=True, pid=server.pid, port="")
            say(models=True)
            sending = asyncio.create_task(feed(websocket, b"END_OF_AUDIO", as_float=True))
        for segment in told.get("segments", []):
            if segment["completed"] and float(segment["start"]) >= end_s:
                completed.append(segment["text"])
                end_s = float(segment["end"])
        if told.get("segments"):
            last = told["segments"][-1]
            tentative = "" if last["completed"] else last["text"]
            say(id=0, final=" ".join(completed), tentative=tentative)
    await sending
    if completed or tentative:
        say(id=0, final=" ".join([*completed, tentative]), tentative="")


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
