"""Plain lines: one a turn, readable in a pipe."""

import io

from rich.console import Console

from streamer.events import Event
from streamer.outputs.plain_lines import Lines
from tests.streamer.outputs.samples import Sample


async def lines_of(*events: Event, **console: object) -> list[str]:
    file = io.StringIO()
    async with Lines(Console(file=file, **{"width": 80, **console})) as output:  # type: ignore[arg-type]
        for event in events:
            await output.send(event)
    return file.getvalue().splitlines()


async def test_a_session_in_lines() -> None:
    sample = Sample()
    assert await lines_of(
        sample.started(),
        sample.turn_started(),
        sample.partial(),
        sample.final(1, speaker="A"),
        sample.final(2, "joy", 0.55, text=""),
        sample.revised(1, "sadness", 0.6, speaker="A"),
        sample.revised(1, "sadness", 0.7, speaker="A", revision=2, text=None),
        sample.gap(),
        sample.device_lost(),
        sample.device_back(),
        sample.mark(8.5),
        sample.ended("interrupted", turns=2),
    ) == [
        "kitchen.wav: faster-whisper:tiny.en, meld-small@1",
        "   0:02.0  A  ◆ anger    80%  I can't believe you did that!",
        "   0:04.0  ▲ joy      55%  (no words)",
        "   0:02.0  A  ▼ sadness  60%  (was anger)  I can't believe you did that!",
        "   0:02.0  A  ▼ sadness  70%  (revised)  (words withheld)",
        "   0:03.2  0.4 s of sound lost: overflow",
        "USB microphone does not answer (unplugged): trying again",
        "USB microphone is back after 2.5 s",
        "   0:08.5  marked",
        "2 turns in 1:02.5; interrupted",
    ]


async def test_a_long_turn_stays_one_line() -> None:
    (line,) = await lines_of(Sample().final(text="never mind " * 100))
    assert line.count("never mind") == 100


async def test_words_are_neither_markup_nor_control() -> None:
    (line,) = await lines_of(Sample().final(text="[bold]x[/bold]\x1b[2J\n:smile:", speaker="\x1b]0;A"))
    assert "\x1b" not in line
    assert line.endswith("[bold]x[/bold] [2J :smile:")
    (line,) = await lines_of(Sample().started(source="a\x1b]0;title\x07.wav"))
    assert line.startswith("a ]0;title.wav")


async def test_streams_that_come_at_once_are_told_apart() -> None:
    file, one, other = io.StringIO(), Sample("one"), Sample("other")
    async with Lines(Console(file=file, width=80), name_streams=True) as output:
        for event in (one.final(1, "joy"), other.final(1, "anger"), one.revised(1, "fear"), other.ended()):
            await output.send(event)
    assert [line[:35].rstrip() for line in file.getvalue().splitlines()] == [
        "one     0:02.0  ▲ joy      80%  I c",
        "other     0:02.0  ◆ anger    80%  I",
        "one     0:02.0  ≈ fear     60%  (wa",
        "other  1 turn in 1:02.5",
    ]


async def test_colour_only_where_it_is_wanted() -> None:
    (coloured,) = await lines_of(Sample().final(), force_terminal=True, color_system="truecolor")
    (plain,) = await lines_of(Sample().final(), force_terminal=True, color_system="truecolor", no_color=True)
    assert "38;2;226;106;80" in coloured
    assert "38;2" not in plain
