"""What the view knows after events and sound."""

import numpy as np
import pytest

from streamer.audio.frame import AudioFrame
from streamer.events import Health, QueueHealth
from streamer.outputs.terminal.state import FLOOR_DBFS, ViewState
from tests.streamer.outputs.samples import Sample


def frame(amplitude: float, at_s: float, channel: int = 0) -> AudioFrame:
    """20 ms of a square wave, whose RMS is its amplitude."""
    samples = np.full(320, amplitude * 32_767, np.int16)
    samples[::2] *= -1
    return AudioFrame(samples, round(at_s * 16_000), channel)


def test_the_level_rises_at_once_and_falls_slowly() -> None:
    state = ViewState()
    assert state.level_dbfs is None
    state.hear(frame(0.1, 0.0))
    assert state.level_dbfs == pytest.approx(-20, abs=0.01)
    state.hear(frame(0, 0.02))
    assert state.level_dbfs == pytest.approx(-20 - 30 * 0.02, abs=0.01)
    state.hear(frame(0.5, 0.04))
    assert state.level_dbfs == pytest.approx(-6.02, abs=0.01)
    for i in range(3, 200):
        state.hear(frame(0, i * 0.02))
    assert state.level_dbfs == FLOOR_DBFS
    assert state.heard_s == pytest.approx(4)


def test_of_two_channels_the_loudest_counts() -> None:
    state = ViewState()
    for i in range(50):
        state.hear(frame(0.1, i * 0.02, channel=0))
        state.hear(frame(0, i * 0.02, channel=1))
    assert state.level_dbfs == pytest.approx(-20, abs=0.01)


def test_clipping_shows_for_a_second() -> None:
    state = ViewState()
    state.hear(frame(1, 0))
    assert state.clipped
    state.hear(frame(0.1, 0.98))
    assert state.clipped
    state.hear(frame(0.1, 1.02))
    assert not state.clipped


def test_an_empty_frame_is_nothing_to_hear() -> None:
    state = ViewState()
    state.hear(AudioFrame(np.zeros(0, np.int16), 0))
    assert state.level_dbfs == FLOOR_DBFS


def test_a_turn_is_spoken_then_said_then_revised() -> None:
    state, sample = ViewState(), Sample()
    state.apply(sample.started())
    state.apply(sample.turn_started(1))
    assert set(state.speaking) == {None}
    state.apply(sample.final(1, "anger"))
    assert not state.speaking
    assert state.newest is not None
    said = []
    for revision, emotion in enumerate(["anger", "sadness", "sadness"], start=1):
        state.apply(sample.revised(1, emotion, revision=revision))
        said.append((state.newest.said.emotion, state.newest.was, state.revisions))
    assert said == [("anger", None, 1), ("sadness", "anger", 2), ("sadness", "anger", 3)]
    assert +state.emotions == {"sadness": 1}


def test_speakers_overlap() -> None:
    state, sample = ViewState(), Sample()
    state.apply(sample.turn_started(1, "A"))
    state.apply(sample.turn_started(2, "B"))
    state.apply(sample.final(2, speaker="B"))
    assert set(state.speaking) == {"A"}
    state.apply(sample.final(1, speaker="A"))
    assert not state.speaking
    assert list(state.turns) == [1, 2]
    assert state.newest is state.turns[2]


def test_the_next_turn_of_a_speaker_outlives_the_end_of_the_one_before() -> None:
    state, sample = ViewState(), Sample()
    state.apply(sample.turn_started(1))
    state.apply(sample.turn_started(2))
    state.apply(sample.final(1))
    assert state.speaking[None].turn == 2


def test_only_the_latest_turns_are_kept() -> None:
    state, sample = ViewState(), Sample()
    for turn in range(1, 2_501):
        state.apply(sample.final(turn))
    assert (len(state.turns), min(state.turns), max(state.turns)) == (2_000, 501, 2_500)
    state.apply(sample.revised(3))
    assert min(state.turns) == 501
    assert state.emotions == {"anger": 2_500}


def test_trouble_stays_until_it_is_over_and_notices_for_a_while() -> None:
    state, sample = ViewState(), Sample()
    state.apply(sample.device_lost())
    assert state.trouble is not None
    state.apply(sample.device_back())
    assert state.trouble is None
    assert state.notice == "USB microphone is back after 2.5 s"
    state.hear(frame(0, 40))
    assert state.notice is None
    queues = {"turns": QueueHealth(depth=8, limit=8, shed=0)}
    stamp = sample.session.stamp
    state.apply(Health(**stamp(), status="degraded", message="partials are shed", queues=queues))
    assert state.trouble == "partials are shed"
    state.apply(Health(**stamp(), status="ok", message="all is well again", queues=queues))
    assert state.trouble is None


def test_a_device_that_is_back_ends_no_other_trouble() -> None:
    state, sample = ViewState(), Sample()
    stamp = sample.session.stamp
    state.apply(Health(**stamp(), status="degraded", message="partials are shed", queues={}))
    state.apply(sample.device_lost())
    state.apply(Health(**stamp(), status="ok", message="all is well again", queues={}))
    assert state.trouble is not None
    assert "does not answer" in state.trouble
    state.apply(Health(**stamp(), status="degraded", message="partials are shed", queues={}))
    state.apply(sample.device_back())
    assert state.trouble == "partials are shed"


def test_lag_is_how_late_sound_comes_and_how_long_its_turn_takes() -> None:
    state, sample = ViewState(), Sample()
    for i in range(100):
        state.hear(frame(0.1, i * 0.02), now_s=50 + i * 0.02)
    assert not state.lag_s
    state.apply(sample.final(1))
    assert state.lag_s == pytest.approx(0.154, abs=1e-3)
    state.hear(frame(0.1, 2.0), now_s=53.5)
    assert state.lag_s == pytest.approx(1.654, abs=1e-2)
    state.hear(frame(0.1, 3.5), now_s=53.52)
    assert state.lag_s == pytest.approx(0.174, abs=1e-2)


def test_a_recording_read_faster_than_it_plays_is_never_late() -> None:
    state = ViewState()
    for i in range(1_000):
        state.hear(frame(0.1, i * 0.02), now_s=i * 0.001)
    assert not state.lag_s


def test_a_slow_clock_of_a_sound_card_is_no_lag() -> None:
    state = ViewState()
    for i in range(36_000):
        state.hear(frame(0.1, float(i)), now_s=i * 1.00005)
    assert (state.lag_s or 0) < 0.05


def test_marks_are_kept_and_noticed() -> None:
    state, sample = ViewState(), Sample()
    state.apply(sample.mark(3.25))
    assert state.marks == [3.25]
    assert state.notice == "marked 0:03.2"


def test_a_clock_of_its_own_tells_how_far_it_is_and_who_does_not_speak_yet() -> None:
    state, sample = ViewState(), Sample()
    state.apply(sample.turn_started(1, start_s=4))
    assert (state.heard_s, len(state.speaking_now)) == (4, 1)
    state.reach(5)
    state.apply(sample.turn_started(2, start_s=9))
    assert (state.heard_s, state.speaking_now) == (5, [])
    state.reach(9.5)
    assert [live.turn for live in state.speaking_now] == [2]
