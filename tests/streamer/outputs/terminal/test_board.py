"""What keys and sessions make of the board."""

import numpy as np
import pytest

from streamer.audio.frame import AudioFrame
from streamer.outputs.terminal.board import Board, Wish
from tests.streamer.outputs.samples import Sample


def test_what_keys_ask_for() -> None:
    board = Board()
    asked = [board.press(key) for key in ("q", "Q", "m", " ", "p", "w", "redraw", "x", "é")]
    pause = Wish.PAUSE
    assert asked == [Wish.QUIT, Wish.QUIT, Wish.MARK, pause, pause, None, Wish.REPAINT, None, None]
    assert not board.words
    board.can_mark = False
    assert board.press("m") is None


def test_a_pause_stops_the_picture_and_not_the_session() -> None:
    board, sample = Board(), Sample()
    board.apply(sample.started())
    board.press(" ")
    for turn in (1, 2):
        board.apply(sample.final(turn))
    board.apply(sample.revised(1))
    assert (board.paused, board.missed, len(board.shown[0].turns)) == (True, 2, 0)
    board.press(" ")
    assert (board.paused, board.missed, len(board.shown[0].turns)) == (False, 0, 2)


def test_sessions_at_once_stand_side_by_side_and_those_that_have_ended_make_room() -> None:
    board, one, other, third = Board(), Sample("one"), Sample("other"), Sample("third")
    for event in (one.started(), other.started(), one.ended()):
        board.apply(event)
    assert [state.stream for state in board.shown] == ["one", "other"]
    board.apply(third.started())
    assert [state.stream for state in board.shown] == ["other", "third"]
    assert [state.stream for state in board.recap()] == ["one", "other", "third"]


def test_events_of_sessions_that_began_before_are_shown_too() -> None:
    board = Board()
    board.apply(Sample("one").final(7))
    assert [state.stream for state in board.shown] == ["one"]


def test_the_level_goes_to_its_stream() -> None:
    board, one, other = Board(), Sample("one"), Sample("other")
    loud = AudioFrame(np.full(320, 3_277, np.int16), 0)
    board.hear(loud, "one", 0.0)  # nobody has begun
    board.apply(one.started())
    board.apply(other.started())
    board.hear(loud, "one", 0.0)
    levels = [state.level_dbfs for state in board.shown]
    assert levels == [pytest.approx(-20, abs=0.1), None]


def test_a_snapshot_stays_as_it_is() -> None:
    board, sample = Board(), Sample()
    board.apply(sample.started())
    before = board.snapshot()
    board.apply(sample.final(1))
    board.press("w")
    assert (len(before.shown[0].turns), before.words) == (0, True)


def test_messages_are_shown_with_a_stream_and_without_one() -> None:
    board = Board()
    board.notify("listening")
    assert board.shown[0].notice == "listening"
    board.apply(Sample().started())
    assert board.shown[0].notice == "listening"


def test_tab_goes_through_the_streams_whatever_they_are_called() -> None:
    board = Board()
    for stream in ("call", "call", "other"):
        board.apply(Sample(stream).started())
    focused = []
    for _ in range(4):
        board.press("tab")
        focused.append(board.focus)
    assert focused == ["call", "other", None, "call"]
