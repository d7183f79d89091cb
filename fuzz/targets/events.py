"""Events files, which come from anywhere: played again, and exported to every format."""

import io
from asyncio import Runner
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

from fuzz.target import Run, Target
from streamer.outputs.lines import Lines
from streamer.replay.clock import Clock
from streamer.replay.player import Player
from streamer.replay.recording import Recording
from streamer.replay.screenshot import board_at
from streamer.reports.formats.format import OF_SEVERAL, Format
from streamer.reports.reading import read_records
from streamer.reports.rendering import render


@contextmanager
def start_replay(folder: Path) -> Iterator[Run]:
    """Play a file as fast as it goes, into lines and into the live view's board."""
    path = folder / "events.jsonl"
    with Runner() as runner:

        def run(data: bytes) -> None:
            path.write_bytes(data)
            lines = Lines(Console(file=io.StringIO(), width=80), name_streams=True)
            runner.run(Player([Recording(str(path))], [lines], Clock(float("inf"))).run())
            board_at([Recording(str(path))], None)

        yield run


@contextmanager
def start_export(folder: Path) -> Iterator[Run]:
    """Read a file, and write its first session in every format."""
    path = folder / "events.jsonl"

    def run(data: bytes) -> None:
        path.write_bytes(data)
        records = read_records(path)
        for format_ in Format:
            some = records if format_ in OF_SEVERAL else records[:1]
            render(format_, some, None, link=False)

    yield run


REPLAY = Target("replay", "events", start_replay, share=8, words="events", longest=16_384)
EXPORT = Target("export", "events", start_export, share=8, words="events", longest=16_384)
