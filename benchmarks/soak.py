"""What a long run costs: `python -m benchmarks.soak --json OUT [--hours 24] [--asr auto] [--streams N]`.

Talk without an end goes through one session as fast as it is taken, with the words supplied unless a
recogniser is named; with --streams, through several at once, which share the hours. With --pace X it comes as
live sound, X times as fast as real time: turns are understood ahead, and told of while they go on.

Watched are: resident memory, which at the end must be within 2 % of that after the first hour of sound (after
the first sixth, of shorter runs); turns, none of which may be lost; queues, which must keep to their bounds;
and the event loop, whose stalls must stay below 20 ms (p99).

With --budget-s the run pauses after so many seconds, and goes on where it was when started again with the
same --state: each part is a process, and memory is judged within the parts.
"""

import asyncio
import json
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress

from benchmarks.command import need, parser, report
from benchmarks.conversations import SHARED_AUDIO, KnownWords, sentences
from benchmarks.machine import resident_mib
from benchmarks.talking import Listener, Stalls, TalkSource
from models.atomic_write import write_whole
from streamer.session.pipeline import Pipeline
from streamer.session.wiring import load_analyzer
from streamer.settings.settings import Settings
from streamer.transcribers.choose import load_transcriber
from streamer.turn_embedding.analyzer import Analyzer

GROWTH = 0.02
STALL_MS = 20.0
LOOK_EVERY_S = 0.05
SAMPLES = 720
"""Of memory and stalls, over the hours asked for."""


@dataclass
class Part:
    """What one process saw.

    Attributes:
        seed: of its talk.
        hours: of sound.
        took_s: elapsed time.
        turns_spoken: in truth.
        turns_told: in events.
        turns_lost: spoken, but not told.
        turns_joined: told as the end of the turn before, since the silence between was too short.
        partials: told of turns that went on.
        shed: what had been left out for want of time, how often, when `health` last said so: it does so when
            that begins and ends.
        most_waiting: turns that waited in the pipeline's queue, at most.
        limit_waiting: that may.
        stall_p99_ms: of the event loop.
        memory: pairs of hours of sound, and MiB held by then.
        stalls: pairs of hours of sound, and the 99th percentile since the pair before, in ms.
    """

    seed: int
    hours: float = 0.0
    took_s: float = 0.0
    turns_spoken: int = 0
    turns_told: int = 0
    turns_lost: int = 0
    turns_joined: int = 0
    partials: int = 0
    shed: dict[str, int] = field(default_factory=dict)
    most_waiting: int = 0
    limit_waiting: int = 0
    stall_p99_ms: float = 0.0
    memory: list[tuple[float, float]] = field(default_factory=list)
    stalls: list[tuple[float, float]] = field(default_factory=list)

    @property
    def growth(self) -> float | None:
        """Memory at the end over that after the first hour, or sixth, less 1; None of parts too short."""
        settled_h = min(1.0, self.hours / 6)
        settled = next((mib for hours, mib in self.memory if hours >= settled_h), None)
        if settled is None or len(self.memory) < 2:
            return None
        return self.memory[-1][1] / settled - 1


async def listen(
    analyzer: Analyzer,
    sources: Sequence[TalkSource],
    part: Part,
    budget_s: float,
    progress: Progress,
    *,
    live: bool,
) -> None:
    """Hear all of it, or as much as the budget allows, and fill in what was seen."""
    settings = Settings()
    listeners = [Listener(source.roll, keep=False) for source in sources]
    pipelines = [
        Pipeline(source, analyzer, [listener], settings, stream=f"soak {number}", live=live)
        for number, (source, listener) in enumerate(zip(sources, listeners, strict=True))
    ]
    asked_h = sum(source.seconds for source in sources) / 3600
    stalls = Stalls()
    part.limit_waiting = settings.pending_turns
    began = time.monotonic()
    bar = progress.add_task("hours of sound", total=asked_h)
    watch = asyncio.create_task(stalls.watch())
    running = asyncio.gather(*(pipeline.run() for pipeline in pipelines))
    while not running.done():
        await asyncio.wait([running], timeout=LOOK_EVERY_S)
        part.most_waiting = max(part.most_waiting, *(pipeline.waiting for pipeline in pipelines))
        part.hours = _spoken_h(sources)
        if not part.memory or part.hours - part.memory[-1][0] >= asked_h / SAMPLES:
            part.memory.append((round(part.hours, 3), round(resident_mib(), 1)))
            part.stalls.append((round(part.hours, 3), stalls.newly_ms(99)))
        progress.update(bar, completed=part.hours)
        if time.monotonic() - began > budget_s:
            for source in sources:
                source.finish()
    await running
    watch.cancel()
    for source in sources:
        source.roll.close()
    part.hours = _spoken_h(sources)
    part.memory.append((round(part.hours, 3), round(resident_mib(), 1)))
    part.took_s = round(time.monotonic() - began, 1)
    part.turns_spoken = sum(source.roll.spoken for source in sources)
    part.turns_lost = sum(source.roll.unfound for source in sources)
    part.turns_joined = sum(source.roll.joined for source in sources)
    part.turns_told = sum(listener.turns for listener in listeners)
    part.partials = sum(listener.partials for listener in listeners)
    part.shed = dict(sum((+listener.shed for listener in listeners), Counter()))
    part.stall_p99_ms = stalls.percentile_ms(99)


def _spoken_h(sources: Sequence[TalkSource]) -> float:
    return sum(source.spoken_s for source in sources) / 3600


def judge(parts: Sequence[Part]) -> dict[str, Any]:
    """All parts together, against what must hold."""
    growths = [part.growth for part in parts if part.growth is not None]
    result: dict[str, Any] = {
        "hours": round(sum(part.hours for part in parts), 3),
        "times_real_time": round(3600 * sum(p.hours for p in parts) / sum(p.took_s for p in parts), 1),
        "turns_spoken": sum(part.turns_spoken for part in parts),
        "turns_told": sum(part.turns_told for part in parts),
        "turns_lost": sum(part.turns_lost for part in parts),
        "partials": sum(part.partials for part in parts),
        "memory_growth": round(max(growths), 4) if growths else None,
        "most_waiting": max(part.most_waiting for part in parts),
        "limit_waiting": max(part.limit_waiting for part in parts),
        "loop_stall_p99_ms": max(part.stall_p99_ms for part in parts),
    }
    result["holds"] = {
        "memory": bool(growths) and max(growths) <= GROWTH,
        "turns": result["turns_lost"] == 0,
        "queues": result["most_waiting"] <= result["limit_waiting"],
        "event loop": result["loop_stall_p99_ms"] <= STALL_MS,
    }
    return result


def main() -> None:
    """Command line. Exit code 3: paused, start it again."""
    options = parser(__doc__)
    options.add_argument("--hours", type=float, default=24.0, help="of sound (default 24)")
    options.add_argument("--asr", help="recogniser; the words are supplied where none is named")
    options.add_argument("--streams", type=int, default=1, help="that share the hours (default 1)")
    options.add_argument("--pace", type=float, help="live sound, so many times as fast as real time")
    options.add_argument("--budget-s", type=float, default=float("inf"), help="pause after so many seconds")
    options.add_argument("--state", type=Path, help="where to go on; needed with --budget-s")
    arguments = options.parse_args()
    if arguments.pace is not None and arguments.pace <= 0:
        options.error("--pace must be above 0")
    if arguments.streams < 1:
        options.error("--streams must be at least 1")
    need(SHARED_AUDIO / "speechbrain")
    clips = [clip for clip in sentences() if clip.words]
    parts = _read(arguments.state)
    left = arguments.hours - sum(part.hours for part in parts)
    if left > 0.001:
        settings = Settings(asr=arguments.asr) if arguments.asr else Settings()
        known = None if arguments.asr else KnownWords(clips)
        analyzer = load_analyzer(settings, known)
        parts.append(Part(seed=1 + len(parts)))
        each_s = 3600 * left / arguments.streams
        seeds = range(parts[-1].seed, 1000 * arguments.streams, 1000)
        sources = [TalkSource(seed, clips, each_s, pace=arguments.pace) for seed in seeds]
        live = arguments.pace is not None
        with Progress(console=Console(stderr=True), disable=not sys.stderr.isatty()) as progress:
            asyncio.run(listen(analyzer, sources, parts[-1], arguments.budget_s, progress, live=live))
        _write(arguments.state, parts)
    judged = judge(parts)
    if judged["hours"] < arguments.hours - 0.001:
        print(f"{judged['hours']} of {arguments.hours} hours; run it again to go on", file=sys.stderr)
        sys.exit(3)
    recogniser = load_transcriber(arguments.asr).name if arguments.asr else KnownWords.name
    report(
        "soak",
        {
            "recogniser": recogniser,
            "streams": arguments.streams,
            **judged,
            "parts": [asdict(part) for part in parts],
        },
        arguments.json, lambda _, console: console.print_json(json.dumps(judged)),
    )  # fmt: skip


def _read(state: Path | None) -> list[Part]:
    if state is None or not state.exists():
        return []
    return [Part(**part) for part in json.loads(state.read_text(encoding="utf-8"))]


def _write(state: Path | None, parts: Sequence[Part]) -> None:
    if state is not None:
        write_whole(state, json.dumps([asdict(part) for part in parts]))


if __name__ == "__main__":
    main()
