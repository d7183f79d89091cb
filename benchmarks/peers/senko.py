"""Runs senko's offline pipeline: `python -m benchmarks.peers.senko`.

A line in is the path of a 16 kHz mono WAV file; a line out is who speaks in it, and the processor time.
"""

import contextlib
import json
import sys
import time

import senko

QUIET = contextlib.redirect_stdout(sys.stderr)
"""Standard output is for the lines alone."""


def main() -> None:
    """Until standard input ends."""
    with QUIET:
        diarizer = senko.Diarizer(device="cpu")
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        began = time.process_time()
        with QUIET:
            result = diarizer.diarize(line.strip(), generate_colors=False) or {"merged_segments": []}
        found = [[one["start"], one["end"], one["speaker"]] for one in result["merged_segments"]]
        print(json.dumps({"found": found, "cpu_s": time.process_time() - began}), flush=True)


if __name__ == "__main__":
    main()
