"""The path of faster-whisper on tiny models that say known words: load, decode, guards, cancellation."""

import asyncio
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.tiny_whisper import make_tiny_whisper
from streamer.audio.frame import SAMPLE_RATE
from streamer.transcribers.whisper import Whisper
from streamer.turn_embedding.batcher import Batcher
from streamer.turn_embedding.fair_queue import Priority, Urgency

SAID = "hello there, my friend."
CASES: dict[str, tuple[dict[str, Any], str]] = {
    "says words": ({"words": SAID}, SAID),
    "loops": ({"words": "thank you " * 40}, ""),
    "doubts itself": ({"words": "so what", "certainty": 0.5}, ""),
    "hears nobody speak": ({"words": "so what", "certainty": 1.0, "nobody_speaks": True}, ""),
}
"""What the model does, how it is made, and what must come out: nothing that is doubtful."""


def exercise(audio: NDArray[np.int16]) -> dict[str, Any]:
    """Send a turn down the path, once for each case.

    Args:
        audio: int16 [n] at 16 kHz.

    Returns:
        By case, and for "is cancelled": `as_expected`, and what it took (`make_and_load_s`,
        `real_time_factor`; `freed_ms`).
    """
    seconds = len(audio) / SAMPLE_RATE
    results: dict[str, Any] = {}
    for case, (options, expected) in CASES.items():
        with TemporaryDirectory() as folder:
            started = time.perf_counter()
            recogniser = Whisper(str(make_tiny_whisper(Path(folder) / "tiny", **options)))
            loaded = time.perf_counter()
            heard = recogniser.transcribe(audio).text
            results[case] = {
                "as_expected": heard == expected,
                "make_and_load_s": round(loaded - started, 3),
                "real_time_factor": round((time.perf_counter() - loaded) / seconds, 3),
            }
        if expected:
            results["is cancelled"] = asyncio.run(cancel(recogniser, audio, expected))
    return results


async def cancel(recogniser: Whisper, audio: NDArray[np.int16], expected: str) -> dict[str, Any]:
    """Cancel two turns, one being decoded and one waiting, and ask for a third.

    As expected is that both waits end at once, that the second is never decoded, and that the third comes
    out with its words.
    """
    loop = asyncio.get_running_loop()
    begun, cancelled = asyncio.Event(), threading.Event()
    decoded = 0

    def decode(turns: Sequence[NDArray[np.int16]]) -> list[str]:
        nonlocal decoded
        decoded += len(turns)
        loop.call_soon_threadsafe(begun.set)
        cancelled.wait()  # not to be done before it is cancelled, however late that comes
        return [recogniser.transcribe(turn).text for turn in turns]

    batcher = Batcher(decode, "recogniser")
    final = Priority(Urgency.FINAL)
    turns = [asyncio.create_task(batcher.do("stream", audio, final)) for _ in range(2)]
    await begun.wait()
    began = time.perf_counter()
    for turn in turns:
        turn.cancel()
    cancelled.set()
    ended = await asyncio.gather(*turns, return_exceptions=True)
    freed_ms = 1e3 * (time.perf_counter() - began)
    heard = await batcher.do("stream", audio, final)
    batcher.close()
    return {
        "as_expected": all(isinstance(one, asyncio.CancelledError) for one in ended)
        and decoded == 2
        and heard == expected,
        "freed_ms": round(freed_ms, 2),
    }
