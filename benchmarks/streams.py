"""How many live streams can be held at once: `python -m benchmarks.streams --json OUT`.

Streams of assembled talk at real-time pace share one analyzer. A number of them is held when 95 of 100 turns
are told within 300 ms of being declared over, no turn is lost, nothing is shed but partials, and no source
is held back by more than a second. It is doubled until it fails, and then narrowed down: with the embedded
recogniser, and with the words supplied; and the same with every utterance recognised and embedded by itself.
"""

import argparse
import asyncio
import json
import sys
from collections import Counter
from collections.abc import Sequence
from time import perf_counter
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table
from websockets.asyncio.client import connect

from benchmarks.command import need, parser, report
from benchmarks.conversations import SHARED_AUDIO, Clip, KnownWords, sentences
from benchmarks.serving import serving, speak
from benchmarks.talking import Listener, Stalls, TalkSource, cpu_s, one_by_one
from streamer.session.pipeline import Pipeline
from streamer.session.wiring import load_analyzer
from streamer.settings.settings import Settings
from streamer.turn_embedding.analyzer import Analyzer

LIMIT_MS = 300.0
HELD_BACK_S = 1.0


async def hold(count: int, analyzer: Analyzer, clips: Sequence[Clip], seconds: float) -> dict[str, Any]:
    """Run so many streams for so long; says how that went."""
    sources = [TalkSource(seed, clips, seconds, pace=1) for seed in range(count)]
    listeners = [Listener(source.roll) for source in sources]
    stalls = Stalls()
    watch = asyncio.create_task(stalls.watch())
    before, began = cpu_s(), perf_counter()
    await asyncio.gather(
        *(
            Pipeline(source, analyzer, [listener], Settings(), stream=f"s{number}", live=True).run()
            for number, (source, listener) in enumerate(zip(sources, listeners, strict=True))
        )
    )
    took_s = perf_counter() - began
    watch.cancel()
    total_ms = [ms for listener in listeners for ms in listener.total_ms]
    for source in sources:
        source.roll.close()
    shed = sum((listener.shed for listener in listeners), Counter())
    result: dict[str, Any] = {
        "streams": count,
        "turns": len(total_ms),
        "turns_spoken": sum(source.roll.spoken for source in sources),
        "turns_lost": sum(source.roll.unfound for source in sources),
        "turns_joined": sum(source.roll.joined for source in sources),
        "gaps": sum(listener.gaps for listener in listeners),
        "shed": dict(shed),
        "held_back_s": round(max(source.late_s for source in sources), 3),
        "p50_ms": round(float(np.percentile(total_ms, 50)), 1),
        "p95_ms": round(float(np.percentile(total_ms, 95)), 1),
        "loop_stall_p99_ms": stalls.percentile_ms(99),
        "cores_busy": {stage: round(spent / took_s, 3) for stage, spent in _busiest_first(before, cpu_s())},
    }
    result["held"] = (
        result["p95_ms"] < LIMIT_MS
        and not result["turns_lost"]
        and not result["gaps"]
        and shed.keys() <= {"partials"}
        and result["held_back_s"] < HELD_BACK_S
    )
    return result


def _busiest_first(before: dict[str, float], after: dict[str, float]) -> list[tuple[str, float]]:
    spent = {stage: seconds - before.get(stage, 0.0) for stage, seconds in after.items()}
    return sorted(spent.items(), key=lambda item: -item[1])


def ramp(first: int, analyzer: Analyzer, clips: Sequence[Clip], seconds: float, most: int) -> dict[str, Any]:
    """Find the largest number that is held, to within an eighth."""
    steps: list[dict[str, Any]] = []

    def held(count: int) -> bool:
        steps.append(asyncio.run(hold(count, analyzer, clips, seconds)))
        print(f"{count} streams: {json.dumps(steps[-1])}", file=sys.stderr)
        return bool(steps[-1]["held"])

    low, high = 0, first
    while high <= most and held(high):
        low, high = high, 2 * high
    while high - low > max(1, low // 8) and low < most:
        middle = min((low + high) // 2, most)
        low, high = (middle, high) if held(middle) else (low, middle)
    busiest = next((step for step in steps if step["streams"] > low), steps[-1])
    return {
        "held": low,
        "limit": next(iter(busiest["cores_busy"])) if low < most else None,
        "steps": sorted(steps, key=lambda step: int(step["streams"])),
    }


def over_websockets(count: int, clips: Sequence[Clip], seconds: float) -> dict[str, Any]:
    """So many clients of a real `merits serve`, in a process of its own, without a recogniser."""
    with serving() as (url, *_):
        events = asyncio.run(_clients(url, count, clips, seconds))
    total_ms = [event["latency_ms"]["total"] for event in events if event["type"] == "turn.final"]
    return {
        "streams": count,
        "turns": len(total_ms),
        "gaps": sum(event["type"] == "audio.gap" for event in events),
        "p50_ms": round(float(np.percentile(total_ms, 50)), 1),
        "p95_ms": round(float(np.percentile(total_ms, 95)), 1),
    }


async def _clients(url: str, count: int, clips: Sequence[Clip], seconds: float) -> list[dict[str, Any]]:
    """All that they are told."""
    told: list[dict[str, Any]] = []

    async def run(number: int) -> None:
        source = TalkSource(number, clips, seconds, pace=1)
        async with connect(f"{url}s{number}") as websocket, asyncio.TaskGroup() as tasks:
            tasks.create_task(speak(websocket, source))
            told.extend([json.loads(message) async for message in websocket])

    await asyncio.gather(*(run(number) for number in range(count)))
    return told


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """All figures."""
    clips = [clip for clip in sentences() if clip.words]
    results: dict[str, Any] = {}
    starts = {"embedded recogniser": arguments.first_recognised, "words supplied": arguments.first_supplied}
    for name, first in starts.items():
        if first == 0:
            continue
        known = None if name == "embedded recogniser" else KnownWords(clips)
        analyzer = load_analyzer(Settings(asr="auto"), known)
        for way in ("batched", "one by one"):
            if way == "one by one":
                one_by_one(analyzer)
            print(f"{name}, {way}", file=sys.stderr)
            results.setdefault(name, {})[way] = ramp(
                first, analyzer, clips, arguments.seconds, arguments.most
            )
    if arguments.websockets:
        results["websockets, no recogniser"] = over_websockets(arguments.websockets, clips, arguments.seconds)
    return results


def show(result: dict[str, Any], console: Console) -> None:
    """Print what was held."""
    table = Table("words", "turns", "streams held", "p95 ms", "limited by")
    for name in ("embedded recogniser", "words supplied"):
        for way, found in result.get(name, {}).items():
            at = next((step for step in found["steps"] if step["streams"] == found["held"]), None)
            p95 = "-" if at is None else f"{at['p95_ms']:.0f}"
            table.add_row(name, way, str(found["held"]), p95, str(found["limit"]))
    console.print(table)
    if (found := result.get("websockets, no recogniser")) is not None:
        console.print(f"over websockets: {found}")


def main() -> None:
    """Command line."""
    options = parser(__doc__)
    options.add_argument("--seconds", type=float, default=40, help="talk of each stream (default 40)")
    options.add_argument("--most", type=int, default=400, help="streams to try at most (default 400)")
    options.add_argument(
        "--first-recognised", type=int, default=4, help="streams to begin with; 0 leaves it out (default 4)"
    )
    options.add_argument("--first-supplied", type=int, default=50, help="likewise (default 50)")
    options.add_argument("--websockets", type=int, default=20, help="clients of a real server (default 20)")
    arguments = options.parse_args()
    need(SHARED_AUDIO / "speechbrain")
    report("streams", measure(arguments), arguments.json, show)


if __name__ == "__main__":
    main()
