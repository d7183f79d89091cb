"""When the events of a file are played."""

from datetime import timedelta

import pytest

from streamer.events import Event
from streamer.replay.timeline import Timeline
from tests.streamer.outputs.samples import Sample


def later(event: Event, seconds: float) -> Event:
    return event.model_copy(update={"at": event.at + timedelta(seconds=seconds)})


def test_turns_are_placed_in_the_sound_however_fast_they_were_analyzed() -> None:
    timeline, sample = Timeline(), Sample()
    events: list[Event] = [
        sample.started(),
        sample.turn_started(1, start_s=2),
        sample.final(1, start_s=2, end_s=3.5),  # with 500 ms of silence and 154 ms of work after it
        sample.revised(1),
        sample.mark(5),
        sample.gap(),  # 3.2 to 3.6 s: time never goes back
        sample.ended(),  # after 62.5 s
    ]
    assert [timeline.place(event) for event in events] == pytest.approx([0, 2, 4.154, 4.154, 5, 5, 62.5])


def test_what_says_nothing_of_the_sound_follows_by_the_wall_clock() -> None:
    timeline, sample = Timeline(), Sample()
    events = [
        sample.started(),
        later(sample.turn_started(1, start_s=1), 1.1),
        later(sample.partial(1), 1.9),
        later(sample.device_lost(), 2.4),
        later(sample.device_back(), 9_999),  # the computer slept
    ]
    assert [timeline.place(event) for event in events] == pytest.approx([0, 1, 1.8, 2.3, 62.3])


def test_sessions_one_after_the_other_and_at_once() -> None:
    timeline, one, other, third = Timeline(), Sample(), Sample(), Sample()
    events = [
        one.started(),
        later(other.started(), 4),
        later(other.turn_started(1, start_s=1), 5),
        later(one.ended(), 62.5),
        later(other.ended(), 66.5),
        later(third.started(), 9_000),
        later(third.turn_started(1, start_s=1), 9_001),
    ]
    assert [timeline.place(event) for event in events] == pytest.approx([0, 4, 5, 62.5, 66.5, 66.5, 67.5])


def test_a_file_whose_beginning_is_missing_begins_at_once() -> None:
    timeline, sample = Timeline(), Sample()
    events = [sample.turn_started(7, start_s=3_000), sample.turn_started(8, start_s=3_004)]
    assert [timeline.place(event) for event in events] == [0, 4]
