"""Playing: in time, held, side by side."""

import asyncio
import math
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest

from streamer.errors import RunError
from streamer.events import Event
from streamer.replay.clock import Clock
from streamer.replay.player import Player
from streamer.replay.recording import Recording
from tests.streamer.outputs.samples import Sample


class Collect:
    """An output that notes what comes, and when."""

    def __init__(self, breaks: bool = False) -> None:
        self.events: list[Event] = []
        self.times: list[float] = []
        self.breaks = breaks

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    async def send(self, event: Event) -> None:
        if self.breaks:
            raise RunError("the disk is full")
        self.events.append(event)
        self.times.append(time.monotonic())


def recording(folder: Path, stream: str, starts_s: Sequence[float]) -> Recording:
    sample = Sample(stream)
    turns = [sample.turn_started(turn, start_s=start_s) for turn, start_s in enumerate(starts_s, start=1)]
    file = folder / f"{stream}.jsonl"
    file.write_text("".join(f"{event.model_dump_json()}\n" for event in [sample.started(), *turns]))
    return Recording(str(file))


async def test_files_are_played_side_by_side_in_their_own_time(tmp_path: Path) -> None:
    output = Collect()
    files = [recording(tmp_path, "one", [0.2, 0.8]), recording(tmp_path, "other", [0.5])]
    began = time.monotonic()
    await Player(files, [output], Clock(2.0)).run()
    assert [event.stream for event in output.events[2:]] == ["one", "other", "one"]
    assert 0.4 <= time.monotonic() - began < 10
    assert output.times[-1] - output.times[0] == pytest.approx(0.4, abs=0.3)


async def test_fast_waits_for_nothing_and_from_shows_what_came_before_at_once(tmp_path: Path) -> None:
    for clock in (Clock(math.inf), Clock(1.0, start_s=5_000)):
        output = Collect()
        began = time.monotonic()
        await Player([recording(tmp_path, "one", [100, 4_999])], [output], clock).run()
        assert len(output.events) == 3
        assert time.monotonic() - began < 30


async def test_it_can_be_held(tmp_path: Path) -> None:
    output, clock = Collect(), Clock(math.inf)
    starts = [float(start) for start in range(2_000)]
    playing = asyncio.create_task(Player([recording(tmp_path, "one", starts)], [output], clock).run())
    while not output.events:
        await asyncio.sleep(0)
    clock.hold(True)
    await asyncio.sleep(0.05)
    held = len(output.events)
    await asyncio.sleep(0.2)
    assert len(output.events) == held < 2_001
    clock.hold(False)
    await playing
    assert len(output.events) == 2_001


async def test_what_an_output_says_ends_the_playing(tmp_path: Path) -> None:
    files = [recording(tmp_path, "one", [0.1]), recording(tmp_path, "other", [1_000])]
    with pytest.raises(RunError, match="the disk is full"):
        await Player(files, [Collect(breaks=True)], Clock()).run()


async def test_words_can_be_kept_back(tmp_path: Path) -> None:
    file, output = tmp_path / "events.jsonl", Collect()
    sample = Sample()
    file.write_text("".join(f"{event.model_dump_json()}\n" for event in (sample.final(), sample.partial())))
    await Player([Recording(str(file))], [output], Clock(math.inf), words=False).run()
    assert all(event.text is None for event in output.events)  # type: ignore[union-attr]
    assert output.events[1].committed is None  # type: ignore[union-attr]
