"""What a terminal is sent: what changed, and no more."""

import io

from rich.console import Console

from streamer.outputs.terminal.board import Board
from streamer.outputs.terminal.frames import Frames
from streamer.outputs.terminal_colours import on_any
from tests.streamer.outputs.samples import Sample


def frames() -> Frames:
    console = Console(file=io.StringIO(), force_terminal=True, color_system="truecolor", width=80, height=24)
    return Frames(console, on_any)


def test_only_what_changed_is_sent() -> None:
    sent, board, sample = frames(), Board(), Sample()
    board.apply(sample.started())
    board.apply(sample.final(1, text="one"))
    first = sent.next(board, 80, 24)
    assert all(f"\x1b[{row};1H" in first for row in range(1, 25))
    assert sent.next(board, 80, 24) == ""
    board.apply(sample.turn_started(2, start_s=4))
    second = sent.next(board, 80, 24)
    assert "speaking" in second
    assert "one" not in second
    assert 0 < len(second) < 200


def test_everything_is_sent_again_to_another_size_and_where_the_screen_was_lost() -> None:
    sent, board = frames(), Board()
    first = sent.next(board, 80, 24)
    assert sent.next(board, 60, 24) != ""
    assert sent.next(board, 80, 24) == first
    sent.forget()
    assert sent.next(board, 80, 24) == first


def test_a_line_as_wide_as_the_terminal_is_not_erased_after_it_was_written() -> None:
    written = frames().next(Board(), 80, 24)
    assert "─" * 80 in written
    assert "─" * 80 + "\x1b[0m\x1b[K" not in written
