"""Events files, which come from anywhere: played again, and exported to every format."""

import io
from asyncio import Runner
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

from fuzz.target import Run, Target
from streamer.outputs.plain_lines import Lines
from streamer.replay.clock import Clock
from streamer.replay.player import Player
from streamer.replay.recording import Recording
from streamer.replay.screenshot import board_at
from streamer.reports.reading import read_records
from streamer.reports.registry import OF_SEVERAL, Format, render
from tests.streamer.server.made_up import MadeUp

_WORDS = (
    '"type"', '"session.started"', '"session.ended"', '"turn.started"', '"turn.partial"', '"turn.final"',
    '"turn.revised"', '"audio.gap"', '"audio.device_lost"', '"audio.device_back"', '"health"', '"mark"',
    '"start_s":', '"end_s":', '"length_s":', '"probabilities":', '"valence":', '"arousal":', '"text":',
    '"speaker":', '"labels":', '"revision":', "1e308", "-1", "0", "9007199254740993", "NaN", "Infinity",
    "null", "[]", "{}", '""', "\\ud800", "\\u0000", "\n", "\r\n", "\xef\xbb\xbf", "\xff\xfe", "\xfe\xff",
    "2026-01-01T00:00:00.000Z", "0001-01-01T00:00:00Z",
)  # fmt: skip


def seeds() -> dict[str, bytes]:
    """A session, one that was killed, two at once, and encodings that are not ours."""

    def lines(*sessions: MadeUp, turns: int = 2, end: bool = True) -> bytes:
        told = [each.started() for each in sessions]
        events = [*told, *(event for each in sessions for _ in range(turns) for event in each.turn())]
        if end:
            events += [each.ended() for each in sessions]
        return "".join(f"{event.model_dump_json()}\n" for event in events).encode()

    whole = lines(MadeUp("kitchen"))
    return {
        "whole.jsonl": whole,
        "killed.jsonl": lines(MadeUp("kitchen"), turns=1, end=False)[:-40],
        "two.jsonl": lines(MadeUp("kitchen"), MadeUp("hall", 1), turns=1),
        "silent.jsonl": lines(MadeUp("kitchen", words=False), turns=1),
        "utf16.jsonl": lines(MadeUp("kitchen"), turns=0).decode().encode("utf-16"),
        "windows.jsonl": b"\xef\xbb\xbf" + lines(MadeUp("kitchen"), turns=0).replace(b"\n", b"\r\n"),
    }


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


REPLAY = Target("replay", "events", start_replay, seeds, share=8, words=_WORDS, longest=16_384)
EXPORT = Target("export", "events", start_export, seeds, share=8, words=_WORDS, longest=16_384)
