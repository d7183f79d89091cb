"""What honest clients notice of attackers: `python -m benchmarks.attack --json OUT`.

Eight clients talk to a real `merits serve` at real-time pace, while attackers in a process of their own do
each thing that a stranger or a client might do (benchmarks/attackers.py), ten times over, then all of it.
"""

import argparse
import asyncio
import json
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from time import monotonic
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import psutil
from rich.console import Console
from rich.table import Table
from websockets.asyncio.client import connect

from benchmarks.attackers import KINDS, idle
from benchmarks.command import need, parser, report
from benchmarks.conversations import SHARED_AUDIO, Clip, sentences
from benchmarks.serving import serving, speak
from benchmarks.talking import TalkSource
from streamer.server.transport.open_file_limit import raise_limit

ALONE, MIXED = "nobody", "all at once"


class Honest:
    """One client that talks, and what it was told."""

    def __init__(self, number: int, clips: Sequence[Clip], seconds: float) -> None:
        self.source = TalkSource(number, clips, seconds, pace=1)
        self.name = f"honest{number}"
        self.late_ms: list[float] = []
        self.seqs: list[int] = []
        self.shed = 0
        self.gaps = 0

    async def run(self, url: str) -> None:
        """Talk until all is said, and hear to the end."""
        async with connect(f"{url}{self.name}") as websocket, asyncio.TaskGroup() as tasks:
            tasks.create_task(speak(websocket, self.source))
            async for message in websocket:
                self._hear(json.loads(message))
        self.source.roll.close()

    def _hear(self, event: dict[str, Any]) -> None:
        if event["type"] == "events.shed":
            self.shed += event["count"]
            return
        self.seqs.append(event["seq"])
        self.gaps += event["type"] == "audio.gap"
        if event["type"] == "turn.final":
            self.source.roll.tell(event["start_s"], event["end_s"])
            on_its_way = datetime.now(UTC) - datetime.fromisoformat(event["at"])
            self.late_ms.append(event["latency_ms"]["total"] + 1e3 * max(0.0, on_its_way.total_seconds()))

    @property
    def lost(self) -> int:
        """Events that were told to nobody: of those between the first and the last."""
        return self.shed + max(self.seqs, default=0) - len(self.seqs)


async def _memory(server: psutil.Process, seen_mib: list[float]) -> None:
    while True:
        seen_mib.append(server.memory_info().rss / 2**20)
        await asyncio.sleep(0.2)


async def _beside(module: str, *arguments: str) -> asyncio.subprocess.Process:
    """A process of its own, that ends with its standard input or by itself."""
    pipe = asyncio.subprocess.PIPE
    command = [sys.executable, "-m", module, *arguments]
    return await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe)


async def _printed(process: asyncio.subprocess.Process) -> Any:
    """What it prints at its end, which it is told to come to."""
    printed, _ = await process.communicate(b"")  # the end of its standard input
    if process.returncode:
        raise RuntimeError(f"a process of the benchmark failed: exit code {process.returncode}")
    return json.loads(printed)


async def beside(
    kinds: Sequence[str], url: str, pid: int, clips: Sequence[Clip], *, clients: int, seconds: float
) -> dict[str, Any]:
    """Honest clients beside attackers of those kinds; says how they fared, and the server."""
    place = (urlsplit(url).hostname or "", urlsplit(url).port or 0)
    honest = [Honest(number, clips, seconds) for number in range(clients)]
    memory_mib: list[float] = []
    server = psutil.Process(pid)
    where = f"{place[0]}:{place[1]}"
    prober = await _beside("benchmarks.prober", where)
    watching = asyncio.create_task(_memory(server, memory_mib))
    before, began = server.cpu_times(), monotonic()
    talking = [asyncio.create_task(each.run(url)) for each in honest]
    await asyncio.sleep(1)  # they are let in before the attackers come
    attackers = (
        await _beside("benchmarks.attackers", ",".join(kinds), where, f"{seconds:g}") if kinds else None
    )
    try:
        await asyncio.gather(*talking)
        after, took_s = server.cpu_times(), monotonic() - began
        livez_ms = await _printed(prober)
        done = {} if attackers is None else await _printed(attackers)
    finally:
        watching.cancel()
        for process in (prober, attackers):
            if process is not None and process.returncode is None:
                process.kill()
                await process.wait()
    if none_of := idle(done):
        raise RuntimeError(f"these attackers did nothing: {', '.join(none_of)}: {done}")
    late_ms = [ms for each in honest for ms in each.late_ms]
    return {
        "turns_spoken": sum(each.source.roll.spoken for each in honest),
        "turns": len(late_ms),
        "turns_lost": sum(each.source.roll.unfound for each in honest),
        "events_lost": sum(each.lost for each in honest),
        "gaps": sum(each.gaps for each in honest),
        "p50_ms": round(float(np.percentile(late_ms, 50)), 1),
        "p95_ms": round(float(np.percentile(late_ms, 95)), 1),
        "livez_p99_ms": round(float(np.percentile(livez_ms, 99)), 1),
        "livez_max_ms": round(max(livez_ms), 1),
        "memory_mib": round(max(memory_mib), 1),
        "cores_busy": round((after.user + after.system - before.user - before.system) / took_s, 2),
        "attackers": done,
    }


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """All figures."""
    raise_limit()
    clips = sentences()
    cases = {
        ALONE: [],
        **{kind: [kind] for kind in KINDS if not arguments.only or kind in arguments.only},
        MIXED: list(KINDS),
    }
    found: dict[str, Any] = {}
    with serving(arguments.port) as (url, pid, log):
        for case, kinds in cases.items():
            run = beside(kinds, url, pid, clips, clients=arguments.clients, seconds=arguments.seconds)
            found[case] = asyncio.run(run)
            print(f"{case}: {json.dumps(found[case])}", file=sys.stderr)
        lines = len(log.read_text(encoding="utf-8").splitlines())
    for result in found.values():
        result["memory_growth_mib"] = round(result["memory_mib"] - found[ALONE]["memory_mib"], 1)
    return {"clients": arguments.clients, "seconds": arguments.seconds, "log_lines": lines, "cases": found}


def show(result: dict[str, Any], console: Console) -> None:
    """Print how the honest ones fared."""
    table = Table("attackers", "lost", "p95 ms", "livez at most, ms", "memory, MiB", "cores busy")
    for name, case in result["cases"].items():
        lost = f"{case['turns_lost']} turns, {case['events_lost']} events"
        livez, grown = f"{case['livez_max_ms']:.0f}", f"{case['memory_growth_mib']:+.0f}"
        table.add_row(name, lost, f"{case['p95_ms']:.0f}", livez, grown, str(case["cores_busy"]))
    console.print(table)


def main() -> None:
    """Command line."""
    options = parser(__doc__)
    options.add_argument("--clients", type=int, default=8, help="honest ones (default 8)")
    options.add_argument("--seconds", type=float, default=30, help="beside each attack (default 30)")
    options.add_argument("--port", type=int, default=0, help="of the server; by default a free one")
    options.add_argument("--only", nargs="*", choices=KINDS, help="kinds of attackers, each by itself")
    arguments = options.parse_args()
    need(SHARED_AUDIO / "speechbrain")
    report("attack", measure(arguments), arguments.json, show)


if __name__ == "__main__":
    main()
