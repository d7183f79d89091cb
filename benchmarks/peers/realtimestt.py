"""Runs RealtimeSTT: `python -m benchmarks.peers.realtimestt MODEL`.

Its defaults; `text()` in a loop. Silero's voice activity detector comes from the package silero-vad.
"""

import os
import sys
import time
from threading import Thread

from benchmarks.peers.wire import say, sound


def main(model: str) -> None:
    """Feed the sound, and tell each text as it comes."""
    say(starting=True)
    from RealtimeSTT import AudioToTextRecorder

    stopped: list[float] = []
    recorder = AudioToTextRecorder(
        model=model,
        language="en",
        device="cpu",
        compute_type="int8",
        use_microphone=False,
        spinner=False,
        no_log_file=True,
        on_recording_stop=lambda: stopped.append(time.monotonic()),
    )
    say(accepts=True, pid=os.getpid(), port="")
    say(models=True)

    def listen() -> None:
        number = 0
        while True:
            text = recorder.text()
            number += 1
            say(id=number, final=text, tentative="", decision_ms=1e3 * (time.monotonic() - stopped[-1]))

    Thread(target=listen, daemon=True).start()
    for chunk in sound():
        recorder.feed_audio(chunk)
    os._exit(0)  # its threads would wait for more; the benchmark ends its processes


if __name__ == "__main__":
    main(*sys.argv[1:])
