"""What the events of a session come to, in whatever order they stand."""

from streamer.outputs.session_state import SessionState
from tests.streamer.outputs.samples import Sample


def test_the_first_and_the_highest_revision_of_a_turn_are_told_apart() -> None:
    state, sample = SessionState(), Sample()
    first, last = sample.final(1, "joy"), sample.revised(1, "sadness", revision=2)
    state.apply(last)
    state.apply(first)
    state.apply(sample.revised(1, "anger"))
    assert (state.turns[1].first, state.turns[1].said) == (first, last)
    assert +state.emotions == {"sadness": 1}
    assert state.revisions == 2


def test_what_a_turn_was_is_its_emotion_before_the_last_change() -> None:
    state, sample = SessionState(), Sample()
    state.apply(sample.final(1, "joy"))
    assert not state.turns[1].was
    for revision, emotion in enumerate(["anger", "joy", "joy"], start=1):
        state.apply(sample.revised(1, emotion, revision=revision))
    assert (state.turns[1].first.emotion, state.turns[1].was) == ("joy", "anger")


def test_turns_are_in_order_however_late_one_comes_and_a_beginning_may_be_missing() -> None:
    state, sample = SessionState(), Sample()
    for event in (sample.final(4), sample.revised(2), sample.final(3), sample.final(5)):
        state.apply(event)
    assert list(state.turns) == [2, 3, 4, 5]
    assert state.newest is state.turns[5]
    assert state.started is None


def test_a_turn_that_was_forgotten_stays_so() -> None:
    state, sample = SessionState(kept=2), Sample()
    for turn in (1, 3, 2):
        state.apply(sample.final(turn))
    assert list(state.turns) == [2, 3]
    state.apply(sample.revised(1))
    state.apply(sample.mark(1.0))
    state.apply(sample.mark(2.0))
    state.apply(sample.mark(3.0))
    assert list(state.turns) == [2, 3]
    assert state.marks == [2.0, 3.0]
