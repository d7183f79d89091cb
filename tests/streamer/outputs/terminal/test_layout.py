"""The view as drawn: what a reader finds on it, at any size."""

import io
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from streamer.audio.frame import AudioFrame
from streamer.events import Event, Health, QueueHealth
from streamer.outputs.base import OutputStatus
from streamer.outputs.terminal.board import Board
from streamer.outputs.terminal.layout import draw
from streamer.outputs.terminal_colours import on_any
from tests.streamer.outputs.samples import Sample


def drawn(board: Board, width: int = 80, height: int = 24) -> list[str]:
    console = Console(file=io.StringIO(), width=width, height=height)
    lines = draw(board, console, on_any, width, height)
    assert len(lines) == height
    assert max(line.cell_len for line in lines) <= width
    assert all(character.isprintable() for line in lines for character in line.plain)
    return [line.plain.rstrip() for line in lines]


def board_of(*events: Event) -> Board:
    board = Board()
    for event in events:
        board.apply(event)
    return board


def conversation(stream: str = "kitchen") -> Board:
    sample = Sample(stream)
    board = board_of(sample.started(source="USB microphone"))
    board.hear(AudioFrame(np.full(320, 3_277, np.int16), 16_000 * 754), stream, 0.0)
    board.apply(sample.final(1, "neutral", 0.5, speaker="A", text="So?", valence=0))
    board.apply(sample.final(2, "anger", 0.8, speaker="B", text="word " * 30, valence=-0.9))
    board.apply(sample.final(3, "joy", 0.9, speaker="A", text="So happy for you!", valence=0.9, arousal=0.7))
    board.apply(sample.revised(1, "fear", 0.6, speaker="A", text="So?", valence=-0.5))
    board.apply(sample.turn_started(4, "B", start_s=9))
    return board


def test_at_80x24() -> None:
    screen = drawn(conversation())
    assert screen[0].startswith("kitchen  USB microphone")
    assert screen[0].endswith("▏  -20 dB  12:34  listening")
    assert "now 0:06  A  ▲ joy" in screen[2]
    assert re.search(r"valence by turn +↗ excited  \+0.90$", screen[2])
    assert [line.split()[1] for line in screen[3:10]] == Sample().labels
    assert any(line.startswith("▲ joy      ███████████") and " 90%" in line for line in screen)
    text = "\n".join(screen)
    assert " 0:02 A ≈ fear      60%  So?  was ○ neutral" in text
    assert " 0:04 B ◆ anger     80%  word word" in text
    assert len(re.findall(r"\bword\b", text)) == 30
    assert " 0:09 B … speaking" in text
    assert screen[-2] == "faster-whisper:tiny.en · meld-small@1 · lag 154 ms · 1 revised"
    assert screen[-1] == "q quit  space pause  m mark  w hide words"


def test_at_200x50_emotions_stand_beside_the_turns() -> None:
    screen = drawn(conversation(), 200, 50)
    assert any("So happy for you!" in line and "│" in line for line in screen)
    assert any("valence by turn" in line for line in screen)
    assert max(len(line) for line in screen) > 190


def test_a_wide_view_shows_the_way_over_the_circumplex() -> None:
    screen = drawn(conversation(), 200, 50)
    first = next(number for number, line in enumerate(screen) if "latest turns: right is pleasant" in line)
    plot = [line[148:] for line in screen[first + 1 : first + 12]]
    assert plot[0].startswith("tense")
    assert plot[0].endswith("excited")
    assert (plot[-1][:3], plot[-1].rstrip()[-4:]) == ("low", "calm")
    assert set(plot[5]) == {"─", "┼"}
    places = {
        seen: (row, line.index(seen)) for row, line in enumerate(plot) for seen in "≈◆▲" if seen in line
    }
    assert places["▲"][0] < places["◆"][0] == places["≈"][0] < 5, "aroused is up"
    assert places["◆"][1] < places["≈"][1] < 15 < places["▲"][1], "pleasant is right"


def test_the_newest_turn_is_the_strongest_of_the_way() -> None:
    console = Console(file=io.StringIO(), width=200, height=50)
    lines = draw(conversation(), console, on_any, 200, 50)
    first = next(number for number, line in enumerate(lines) if "latest turns: right" in line.plain)
    strength = {}
    for line in lines[first + 1 : first + 12]:
        for seen in "≈◆▲":
            if (at := line.plain.find(seen, 148)) >= 0:
                style = line.get_style_at_offset(console, at)
                strength[seen] = (bool(style.bold), bool(style.dim))
    assert strength == {"≈": (False, True), "◆": (False, True), "▲": (True, False)}


def test_turns_without_arousal_have_no_mood() -> None:
    sample = Sample()
    board = board_of(sample.started(), sample.final(1, arousal=None))
    for size in ((80, 24), (200, 50)):
        text = "\n".join(drawn(board, *size))
        assert "valence by turn" in text
        assert not re.search("tense|excited|latest turns|↖", text)


def test_what_matters_is_not_dim() -> None:
    console = Console(file=io.StringIO(), width=80, height=24)
    for line in draw(conversation(), console, on_any, 80, 24):
        for shown in ("▲ joy", "So happy for you!", "90%", "█"):
            at = line.plain.find(shown)
            if at >= 0:
                assert not line.get_style_at_offset(console, at).dim, line.plain


def test_valence_goes_up_and_down() -> None:
    screen = drawn(conversation())
    chart = [line.split("│")[1].ljust(40) for line in screen[3:9]]
    assert [row[:5] for row in chart] == ["  +1 ", "     ", "   0 ", "     ", "     ", "  -1 "]
    columns = ["".join(row[5 + turn] for row in chart) for turn in range(3)]
    assert [column.strip(" ▁") for column in columns] == ["█▀", "██▀", "▄██"]
    assert columns[2].index("▄") == 0


def test_the_newest_turns_stay_when_not_all_fit() -> None:
    sample = Sample()
    finals = [sample.final(turn, text=f"number {turn}") for turn in range(1, 101)]
    screen = drawn(board_of(sample.started(), *finals))
    assert screen[-4].endswith("number 100")
    assert not any(line.endswith("number 1") for line in screen)


def test_before_anything_happened() -> None:
    assert drawn(Board())[0] == "MERITS Live"
    board = board_of(Sample().started())
    assert "nobody has spoken yet" in "\n".join(drawn(board))
    assert "dB" not in drawn(board)[0]
    board.hear(AudioFrame(np.zeros(320, np.int16), 0), None, 0.0)
    assert "no sound" in drawn(board)[0]


def test_trouble_matters_more_than_what_is_in_use() -> None:
    sample = Sample()
    board = board_of(sample.started(), sample.final(1), sample.device_lost())
    assert drawn(board)[-2].startswith("! USB microphone does not answer (unplugged): trying again")
    assert drawn(board)[-1].startswith("q quit")


def test_what_each_modality_says_shows_where_it_differs() -> None:
    modalities = {"text": {"joy": 1.0}, "speech": {"anger": 1.0}}
    screen = "\n".join(drawn(board_of(Sample().final(1, "anger", modalities=modalities))))
    assert "words: joy" in screen
    assert "voice:" not in screen


def test_many_emotions_on_few_lines_keep_the_likeliest() -> None:
    sample = Sample(labels=[f"emotion{i}" for i in range(28)])
    board = board_of(sample.started(), sample.final(1, "emotion20"))
    assert any(line.split()[1:2] == ["emotion20"] and "80%" in line for line in drawn(board))


@pytest.mark.parametrize(
    "labels", [["negative", "positive"], ["悲しい", "a name far longer than its column"]]
)
def test_two_emotions_of_any_name_are_drawn_in_full(labels: list[str]) -> None:
    sample = Sample(labels=labels)
    screen = drawn(board_of(sample.started(), sample.final(1, labels[1])))
    panel = [line.partition("│")[0] for line in screen]
    assert any(labels[0] in line and line.rstrip().endswith("20%") for line in panel)
    assert any(labels[1][:14] in line and line.rstrip().endswith("80%") for line in panel)
    assert all(any(f"│ {axis}" in line for line in screen) for axis in (" +1", "  0", " -1"))


STRANGE = [
    "信じられない!" * 30,
    "supercalifragilistic" * 20,
    "שלום עולם " * 12,
    "a\x1b[2J\x1b]0;title\x07b\u202ec\u200fd\r\n\te",
    "e" + "\u0301" * 300,
    "👨‍👩‍👧🇩🇪" * 20,
    "",
]


@settings(max_examples=60, deadline=None)
@given(
    width=st.integers(1, 250),
    height=st.integers(1, 60),
    streams=st.integers(1, 9),
    text=st.sampled_from(STRANGE),
)
def test_it_fits_any_terminal_whatever_is_said(width: int, height: int, streams: int, text: str) -> None:
    board = Board()
    for number in range(streams):
        sample = Sample(f"stream {number} {text}", labels=["neutral", text or "x"])
        for event in (
            sample.started(source=text),
            sample.final(1, text or "x", speaker=text or None, text=text),
            sample.mark(),
            sample.partial(2, text),
        ):
            board.apply(event)
    board.words = bool(height % 2)
    drawn(board, width, height)


def test_a_turn_too_long_for_the_screen_still_says_whose_it_is() -> None:
    screen = drawn(board_of(Sample().final(1, text=" ".join(map(str, range(2_000))))))
    assert any("◆ anger" in line and " 0 1 2" in line for line in screen)
    assert any("1998 1999" in line for line in screen)


def test_words_that_may_still_change_are_dim() -> None:
    board = board_of(Sample().partial(text="I can't believe", committed="I can't"))
    console = Console(file=io.StringIO(), width=80, height=24)
    line = next(line for line in draw(board, console, on_any, 80, 24) if "believe" in line.plain)
    at = line.plain.index("I can't believe")
    committed, tentative = (line.get_style_at_offset(console, at + n) for n in (2, len("I can't b")))
    assert (committed.dim, committed.italic) == (None, None)
    assert (tentative.dim, tentative.italic) == (True, True)


def test_marks_stand_between_the_turns() -> None:
    sample = Sample()
    board = board_of(
        sample.final(1, text="one"), sample.mark(3.2), sample.final(2, text="two"), sample.mark(9.0)
    )
    text = "\n".join(line for line in drawn(board)[11:-3] if line)
    assert [line.split()[0] for line in text.splitlines()] == ["0:02", "0:03", "0:04", "0:09"]


def test_words_can_be_hidden() -> None:
    board = conversation()
    board.press("w")
    text = "\n".join(drawn(board))
    assert "So happy" not in text
    assert "▲ joy" in text
    assert "·····" in text
    assert drawn(board)[-1].endswith("w show words")


def test_a_pause_says_what_is_missed() -> None:
    board, sample = Board(), Sample()
    board.apply(sample.started())
    board.press(" ")
    assert drawn(board)[-1].endswith("paused")
    board.apply(sample.final(1, text="meanwhile"))
    screen = drawn(board)
    assert screen[-1].endswith("paused, 1 new turn")
    assert not any("meanwhile" in line for line in screen)
    board.press(" ")
    assert any("meanwhile" in line for line in drawn(board))


def test_how_the_broker_and_the_queues_fare() -> None:
    board = conversation()
    assert "mqtt" not in "\n".join(drawn(board, 120))
    board.outputs = (OutputStatus("mqtt", connecting=True),)
    assert drawn(board, 120)[-2].endswith("mqtt connecting")
    board.outputs = (OutputStatus("mqtt", connecting=True), OutputStatus("mqtt"))
    assert drawn(board, 120)[-2].endswith("mqtt connected")
    queue = QueueHealth(depth=12, limit=100, shed=3)
    board.outputs = (OutputStatus("mqtt", "no connection", queue),)
    assert drawn(board, 120)[-2].endswith("mqtt: no connection, 12 queued, 3 shed")
    board.outputs = (OutputStatus("mqtt", None, queue), OutputStatus("mqtt", "no connection", queue))
    assert drawn(board, 120)[-2].endswith("mqtt: no connection, 24 queued, 6 shed")
    queues = {"partials": QueueHealth(depth=0, limit=1, shed=7)}
    sample = Sample()
    health = Health(**sample.session.stamp(), status="ok", message="all is well again", queues=queues)
    assert "shed 7 partials" in drawn(board_of(sample.final(1), health), 120)[-2]


@pytest.mark.parametrize(("width", "height"), [(80, 24), (200, 50)])
def test_streams_stand_side_by_side(width: int, height: int) -> None:
    board = Board()
    for stream in ("kitchen", "hall"):
        for state in conversation(stream).sessions:
            assert state.started is not None
            board.apply(state.started)
            for turn in state.turns.values():
                board.apply(turn.said)
    screen = drawn(board, width, height)
    assert screen[0].startswith("kitchen")
    assert "│ hall" in screen[0]
    both = [line for line in screen if line.count("▲ joy") == 2]
    assert both
    assert screen[-1].endswith("tab one stream")
    board.press("tab")
    assert "hall" not in "\n".join(drawn(board, width, height))
    board.press("tab")
    assert drawn(board, width, height)[0].startswith("hall")
    board.press("tab")
    assert "│ hall" in drawn(board, width, height)[0]


def test_streams_that_do_not_fit_are_named_those_that_go_on_are_shown() -> None:
    board = Board()
    for number in range(12):
        sample = Sample(f"room-{number}")
        board.apply(sample.started())
    board.sessions[0].apply(Sample("room-0").ended())
    screen = drawn(board)
    assert "and 6 more:" in "\n".join(screen) or any(
        line.startswith("and ") and "room-0" in line for line in screen
    )
    assert "room-1" in screen[0]


def test_a_message_names_its_stream_unless_it_is_for_all() -> None:
    board, one, other = Board(), Sample("one"), Sample("other")
    for event in (one.started(), other.started()):
        board.apply(event)
    board.notify("finishing 2 streams")
    assert drawn(board)[-2].startswith("finishing 2 streams")
    board.apply(one.device_lost())
    assert drawn(board)[-2].startswith("! one: USB microphone does not answer")
