"""How long after a turn its event leaves, at real-time pace: `python -m benchmarks.latency --json OUT`.

Assembled conversations, whose turns are known, are played in their own time through the whole pipeline, once
with speculation and once without. Reported are the steps as in `latency_ms` of the events, from the moment
the turn is declared over, and the time from the true end of the speech to the event.
"""

import asyncio
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any, Self

import numpy as np
from rich.console import Console

from benchmarks.command import parser, report
from benchmarks.conversations import AssembledConversation, acted, assemble, talk
from benchmarks.progress import progress
from streamer.audio.file import FileSource
from streamer.audio.frame import SAMPLE_RATE, AudioFrame
from streamer.events import Event, TurnFinal, TurnPartial, TurnRevised
from streamer.session.pipeline import Pipeline
from streamer.session.wiring import load_analyzer
from streamer.settings.settings import Settings
from streamer.turn_embedding.analyzer import Analyzer

SAMPLES = Path(__file__).parents[1] / "samples"
STEPS = ("endpoint", "transcribe", "embed", "context", "total")
TAIL_S = 1.5


@dataclass(frozen=True)
class Scene:
    """A recording, and where speech is in it: (first, last) sample of every turn."""

    name: str
    recording: Path
    spoken: Sequence[tuple[int, int]]


def scenes(folder: Path, seeds: Sequence[int], turns: int) -> Iterator[Scene]:
    """Conversations to play, written to a folder; the sample conversation where the recordings are absent."""
    for seed in seeds:
        for name, snr_db in {"clean": None, "noise at 10 dB": 10.0}.items():
            conversation = assemble(seed, turns=turns, snr_db=snr_db)
            if conversation is not None:
                yield _scene(folder, f"sentences {seed}, {name}", conversation)
    if clips := acted():
        pieces = list(islice(talk(seeds[0], clips), turns))
        sound = np.concatenate(
            [*(piece for piece, _ in pieces), np.zeros(round(TAIL_S * SAMPLE_RATE), np.int16)]
        )
        conversation = AssembledConversation(sound[:, None], tuple(turn for _, turn in pieces))
        yield _scene(folder, f"acted {seeds[0]}", conversation)
    elif assemble(0) is None:
        truth = json.loads((SAMPLES / "conversation.json").read_text(encoding="utf-8"))["turns"]
        spans = [(round(t["start_s"] * SAMPLE_RATE), round(t["end_s"] * SAMPLE_RATE)) for t in truth]
        yield Scene("sample", SAMPLES / "conversation.flac", spans)


def _scene(folder: Path, name: str, conversation: AssembledConversation) -> Scene:
    spans = [(turn.start, turn.end) for turn in conversation.turns]
    return Scene(name, conversation.write(folder / f"{name}.wav"), spans)


class Clock:
    """An output that notes when it is handed turns, and a meter that notes when their sound had come."""

    def __init__(self, spoken: Sequence[tuple[int, int]]) -> None:
        self.finals: list[tuple[TurnFinal, float]] = []
        self.counts = {"partials": 0, "revisions": 0}
        self._spoken = spoken
        self._came: list[float] = []  # when the last sample of each spoken turn came

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        pass

    async def send(self, event: Event) -> None:
        """Note the time."""
        if isinstance(event, TurnFinal):
            self.finals.append((event, perf_counter()))
        self.counts["partials"] += isinstance(event, TurnPartial)
        self.counts["revisions"] += isinstance(event, TurnRevised)

    def hear(self, frame: AudioFrame) -> None:
        """Note the time, where a turn ends in this frame."""
        now = len(self._came)
        if now < len(self._spoken) and frame.start + len(frame.samples) >= self._spoken[now][1]:
            self._came.append(perf_counter())

    def after_speech_ms(self) -> list[float]:
        """From the end of each spoken turn to the event of the turn found there, where that is one."""
        waits = []
        for (start, end), came in zip(self._spoken, self._came, strict=False):
            here = [
                at
                for final, at in self.finals
                if final.start_s * SAMPLE_RATE < end and start < final.end_s * SAMPLE_RATE
            ]
            if len(here) == 1:
                waits.append(1e3 * (here[0] - came))
        return waits


async def play(scene: Scene, analyzer: Analyzer, settings: Settings) -> tuple[Clock, float]:
    """Play a scene in its own time.

    Returns:
        What was noted, and the longest stall of the event loop in milliseconds.
    """
    clock = Clock(scene.spoken)
    source = FileSource(scene.recording, pace="realtime")
    pipeline = Pipeline(source, analyzer, [clock], settings, stream=scene.name, live=True, meter=clock.hear)
    worst = 0.0

    async def watch() -> None:
        nonlocal worst
        while True:
            asked = perf_counter()
            await asyncio.sleep(0.005)
            worst = max(worst, perf_counter() - asked - 0.005)

    watching = asyncio.create_task(watch())
    await pipeline.run()
    watching.cancel()
    return clock, 1e3 * worst


def measure(played: Sequence[Scene], analyzer: Analyzer, settings: Settings, label: str) -> dict[str, Any]:
    """Play all scenes, one after the other."""
    clocks, stalls = [], []
    for scene in progress(played, label):
        clock, stall_ms = asyncio.run(play(scene, analyzer, settings))
        clocks.append(clock)
        stalls.append(stall_ms)
    finals = [final for clock in clocks for final, _ in clock.finals]
    waits = [wait for clock in clocks for wait in clock.after_speech_ms()]
    return {
        "turns": len(finals),
        "spoken": sum(len(scene.spoken) for scene in played),
        "partials": sum(clock.counts["partials"] for clock in clocks),
        "latency_ms": {
            step: percentiles([getattr(final.latency_ms, step) for final in finals]) for step in STEPS
        },
        "after_speech_ms": percentiles(waits),
        "longest_stall_ms": round(max(stalls), 1),
    }


def percentiles(values: Sequence[float]) -> dict[str, float]:
    """Median, 95th percentile and largest, to a tenth."""
    return {f"p{q}": round(float(np.percentile(values, q)), 1) for q in (50, 95, 100)}


def show(result: dict[str, Any], console: Console) -> None:
    """Print the figures, a line a way."""
    for name, run in (("with", result), ("without", result["without_speculation"])):
        total, waited = run["latency_ms"]["total"], run["after_speech_ms"]
        console.print(
            f"{name:8} speculation: declared -> event p50 {total['p50']} ms, p95 {total['p95']} ms; "
            f"end of speech -> event p50 {waited['p50']} ms, p95 {waited['p95']} ms",
            highlight=False,
            soft_wrap=True,
        )


def main() -> None:
    """Command line."""
    options = parser(__doc__)
    options.add_argument("--asr", default="auto", help="recogniser (default auto)")
    options.add_argument("--bundle", help="bundle (default: the one that comes with the program)")
    options.add_argument("--seeds", type=int, default=2, help="conversations a condition (default 2)")
    options.add_argument("--turns", type=int, default=12, help="turns a conversation (default 12)")
    given = options.parse_args()
    bundle = {"bundle": given.bundle} if given.bundle else {}
    ahead, after = (Settings(asr=given.asr, **bundle, speculate=speculate) for speculate in (True, False))
    analyzer = load_analyzer(ahead)
    with TemporaryDirectory() as folder:
        played = list(scenes(Path(folder), range(100, 100 + given.seeds), given.turns))
        result = {
            "recogniser": analyzer.transcriber.name,
            "bundle": analyzer.bundle.name,
            "scenes": [scene.name for scene in played],
            **measure(played, analyzer, ahead, "with speculation"),
            "without_speculation": measure(played, analyzer, after, "without"),
        }
    report("latency", result, given.json, show)


if __name__ == "__main__":
    main()
