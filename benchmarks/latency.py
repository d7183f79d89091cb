"""Latency: end of turn declared -> event handed to the outputs, at real-time pace, with the embedded models.

python -m benchmarks.latency --json OUT [--file RECORDING]
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.machine import describe_machine, write_result

SAMPLE = Path(__file__).parents[1] / "samples/conversation.flac"


def measure(recording: Path, asr: str) -> dict[str, Any]:
    """Play a recording through `merits analyze --pace realtime` and read the latencies off its events."""
    command = [Path(sys.executable).parent / "merits", "analyze", recording, "--pace", "realtime"]
    done = subprocess.run(
        [*map(str, command), "--asr", asr, "--events", "-"], check=True, capture_output=True, text=True
    )
    events = [json.loads(line) for line in done.stdout.splitlines()]
    finals = [event for event in events if event["type"] == "turn.final"]
    steps = {
        step: {
            f"p{q}": round(float(np.percentile([final["latency_ms"][step] for final in finals], q)), 1)
            for q in (50, 95, 100)
        }
        for step in finals[0]["latency_ms"]
    }
    speech_s = sum(final["end_s"] - final["start_s"] for final in finals)
    busy_s = (
        sum(final["latency_ms"][step] for final in finals for step in ("transcribe", "embed", "context"))
        / 1e3
    )
    return {
        "recording": recording.name,
        "turns": len(finals),
        "recogniser": finals[0]["recogniser"],
        "latency_ms": steps,
        "busy_per_second_of_speech": round(busy_s / speech_s, 3),
    }


def main() -> None:
    """Parse the command line, measure, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--json", required=True, metavar="OUT", help='path, or "-" for standard output')
    parser.add_argument("--file", type=Path, default=SAMPLE, help="recording to play")
    parser.add_argument("--asr", default="pocketsphinx", help="recogniser")
    arguments = parser.parse_args()
    result = {
        "benchmark": "latency",
        "command": "python -m benchmarks.latency",
        "machine": describe_machine(),
        **measure(arguments.file, arguments.asr),
    }
    write_result(result, arguments.json)


if __name__ == "__main__":
    main()
