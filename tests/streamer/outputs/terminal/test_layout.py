"""The view as drawn: what a reader finds on it, at any size."""

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from streamer.audio.frame import AudioFrame
from streamer.outputs.terminal.layout import draw
from streamer.outputs.terminal.state import ViewState
from tests.streamer.outputs.samples import Sample


def drawn(state: ViewState, width: int = 80, height: int = 24) -> list[str]:
    console = Console(file=io.StringIO(), width=width, height=height)
    lines = draw(state, console, width, height)
    assert len(lines) == height
    assert max(line.cell_len for line in lines) <= width
    return [line.plain.rstrip() for line in lines]


def conversation() -> ViewState:
    state, sample = ViewState(), Sample()
    state.apply(sample.started(source="USB microphone"))
    state.hear(AudioFrame(np.full(320, 3_277, np.int16), 16_000 * 754))
    state.apply(sample.final(1, "neutral", 0.5, speaker="A", text="So?", valence=0))
    state.apply(sample.final(2, "anger", 0.8, speaker="B", text="word " * 30, valence=-0.9))
    state.apply(sample.final(3, "joy", 0.9, speaker="A", text="So happy for you!", valence=0.9))
    state.apply(sample.revised(1, "fear", 0.6, speaker="A", text="So?", valence=-0.5))
    state.apply(sample.turn_started(4, "B", start_s=9))
    return state


def test_at_80x24() -> None:
    screen = drawn(conversation())
    assert screen[0].startswith("kitchen  USB microphone")
    assert screen[0].endswith("12:34  listening")
    assert screen[1].endswith("-20 dB")
    assert "now 0:06  A  ▲ joy" in screen[3]
    assert screen[3].endswith("+0.90")
    assert [line.split()[1] for line in screen[4:11]] == Sample().labels
    assert any(line.startswith("▲ joy      ███████████") and " 90%" in line for line in screen)
    text = "\n".join(screen)
    assert " 0:02 A  ≈ fear      60%  So?  was ○ neutral" in text
    assert " 0:04 B  ◆ anger     80%  word word" in text
    assert text.count("word") == 30
    assert " 0:09 B  … speaking" in text
    assert screen[-1].endswith("pocketsphinx · meld-small@1 · lag 154 ms · 1 revised")


def test_at_200x50_emotions_stand_beside_the_turns() -> None:
    screen = drawn(conversation(), 200, 50)
    assert any("So happy for you!" in line and "│" in line for line in screen)
    assert any("valence, turn by turn" in line for line in screen)
    assert max(len(line) for line in screen) > 190


def test_what_matters_is_not_dim() -> None:
    console = Console(file=io.StringIO(), width=80, height=24)
    for line in draw(conversation(), console, 80, 24):
        for shown in ("▲ joy", "So happy for you!", "90%", "█"):
            at = line.plain.find(shown)
            if at >= 0:
                assert not line.get_style_at_offset(console, at).dim, line.plain


def test_valence_goes_up_and_down() -> None:
    screen = drawn(conversation())
    chart = [line.split("│")[1].ljust(40) for line in screen[4:10]]
    assert [row[:5] for row in chart] == ["  +1 ", "     ", "   0 ", "     ", "     ", "  -1 "]
    columns = ["".join(row[5 + turn] for row in chart) for turn in range(3)]
    assert [column.strip(" ▁") for column in columns] == ["█▀", "██▀", "▄██"]
    assert columns[2].index("▄") == 0


def test_the_newest_turns_stay_when_not_all_fit() -> None:
    state, sample = ViewState(), Sample()
    state.apply(sample.started())
    for turn in range(1, 101):
        state.apply(sample.final(turn, text=f"number {turn}"))
    screen = drawn(state)
    assert screen[-3].endswith("number 100")
    assert not any(line.endswith("number 1") for line in screen)


def test_before_anything_happened() -> None:
    assert drawn(ViewState())[0] == "MERITS Live"
    state = ViewState()
    state.apply(Sample().started())
    screen = "\n".join(drawn(state))
    assert "nobody has spoken yet" in screen
    assert "no sound" in screen


def test_trouble_takes_the_place_of_everything_else_in_the_footer() -> None:
    state = conversation()
    state.apply(Sample().device_lost())
    assert drawn(state)[-1].startswith("! USB microphone does not answer (unplugged): trying again")


def test_what_each_modality_says_shows_where_it_differs() -> None:
    state, sample = ViewState(), Sample()
    state.apply(sample.final(1, "anger", modalities={"text": {"joy": 1.0}, "speech": {"anger": 1.0}}))
    screen = "\n".join(drawn(state))
    assert "words: joy" in screen
    assert "voice:" not in screen


def test_many_emotions_on_few_lines_keep_the_likeliest() -> None:
    labels = [f"emotion{i}" for i in range(28)]
    state, sample = ViewState(), Sample(labels=labels)
    state.apply(sample.started())
    state.apply(sample.final(1, "emotion20"))
    assert any(line.split()[1:2] == ["emotion20"] and "80%" in line for line in drawn(state))


@pytest.mark.parametrize(
    "labels", [["negative", "positive"], ["悲しい", "a name far longer than its column"]]
)
def test_two_emotions_of_any_name_are_drawn_in_full(labels: list[str]) -> None:
    state, sample = ViewState(), Sample(labels=labels)
    state.apply(sample.started())
    state.apply(sample.final(1, labels[1]))
    screen = drawn(state)
    panel = [line.partition("│")[0] for line in screen]
    assert any(labels[0] in line and line.rstrip().endswith("20%") for line in panel)
    assert any(labels[1][:14] in line and line.rstrip().endswith("80%") for line in panel)
    assert all(any(f"│ {axis}" in line for line in screen) for axis in (" +1", "  0", " -1"))


@settings(max_examples=40, deadline=None)
@given(width=st.integers(1, 250), height=st.integers(1, 60))
def test_it_fits_any_terminal(width: int, height: int) -> None:
    drawn(conversation(), width, height)


def test_wide_characters_do_not_break_the_frame() -> None:
    state = conversation()
    state.apply(Sample().final(5, text="信じられない!" * 30, speaker="花子"))
    drawn(state)
    drawn(state, 130, 30)
