"""When the events of a file are played."""

from collections.abc import Iterable
from datetime import timedelta

import pytest

from streamer.events import Event
from streamer.replay.timeline import Timeline
from tests.streamer.outputs.samples import Sample


def places(events: Iterable[Event], look_ahead: int = 0) -> list[float]:
    timeline = Timeline(look_ahead)
    placed = [each for event in events for each in timeline.add(event)]
    return [place_s for place_s, _ in [*placed, *timeline.rest()]]


def later(event: Event, seconds: float) -> Event:
    return event.model_copy(update={"at": event.at + timedelta(seconds=seconds)})


def test_turns_are_placed_in_the_sound_however_fast_they_were_analyzed() -> None:
    sample = Sample()
    events: list[Event] = [
        sample.started(),
        sample.turn_started(1, start_s=2),
        sample.final(1, start_s=2, end_s=3.5),  # with 500 ms of silence after it
        sample.revised(1),
        sample.mark(5),
        sample.gap(),  # 3.2 to 3.6 s: time never goes back
        sample.ended(),  # after 62.5 s
    ]
    assert places(events) == pytest.approx([0, 2, 4, 4, 5, 5, 62.5])


def test_what_says_nothing_of_the_sound_follows_by_the_wall_clock() -> None:
    sample = Sample()
    events = [
        sample.started(),
        later(sample.turn_started(1, start_s=1), 1.1),
        later(sample.partial(1), 1.9),
        later(sample.device_lost(), 2.4),
        later(sample.device_back(), 9_999),  # the computer slept
    ]
    assert places(events) == pytest.approx([0, 1, 1.8, 2.3, 62.3])


def test_sessions_one_after_the_other_and_at_once() -> None:
    one, other, third = Sample(), Sample(), Sample()
    events = [
        one.started(),
        later(other.started(), 4),
        later(other.turn_started(1, start_s=1), 5),
        later(one.ended(), 62.5),
        later(other.ended(), 66.5),
        later(third.started(), 9_000),
        later(third.turn_started(1, start_s=1), 9_001),
    ]
    assert places(events) == pytest.approx([0, 4, 5, 62.5, 66.5, 66.5, 67.5])


def test_the_beginnings_of_turns_that_were_heard_ahead_do_not_hold_up_what_is_told() -> None:
    sample = Sample()
    events: list[Event] = [
        sample.started(),
        sample.turn_started(1, start_s=2),
        sample.turn_started(2, start_s=6),
        sample.turn_started(3, start_s=12),
        sample.final(1, start_s=2, end_s=3.5),
        sample.final(2, start_s=6, end_s=8.5),
        sample.revised(1),
    ]
    assert places(events, look_ahead=100) == pytest.approx([0, 2, 4, 4, 4, 9, 9])
    assert places(events) == pytest.approx([0, 2, 6, 12, 12, 12, 12])


@pytest.mark.parametrize("look_ahead", [0, 1, 100])
def test_sessions_that_follow_one_another_are_placed_alike_however_far_one_looks(look_ahead: int) -> None:
    one, other = Sample(), Sample()
    events: list[Event] = [one.started(), one.ended(), other.started(), other.turn_started(1, start_s=2)]
    assert places(events, look_ahead) == pytest.approx([0, 62.5, 62.5, 64.5])


def test_how_far_the_sessions_have_come() -> None:
    one, other, timeline = Sample(), Sample(), Timeline()
    for event in (one.started(), one.ended(), other.started()):
        list(timeline.add(event))
    assert dict(timeline.positions(70)) == {one.session.id: 70, other.session.id: 7.5}
    assert dict(timeline.positions(10)) == {one.session.id: 10}


def test_a_file_whose_beginning_is_missing_begins_at_once() -> None:
    sample = Sample()
    events = [sample.turn_started(7, start_s=3_000), sample.turn_started(8, start_s=3_004)]
    assert places(events) == [0, 4]
