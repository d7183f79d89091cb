"""How long is waited, and that nothing else depends on it."""

from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from streamer.audio.frame import AudioFrame
from streamer.settings.turns import TurnSettings
from streamer.turns.detector import TurnDetector
from streamer.turns.sentence_end import sentence_finished
from streamer.turns.turn import Turn, TurnEnded, TurnEvent, TurnPaused
from streamer.turns.vad import CHUNK_SAMPLES
from tests.streamer.turns.test_detector import Q, S, Script, chunks, ended, probabilities

MS = 16
FINISHED, OPEN = "Kids are talking by the door.", "Kids are talking by the"

spoken = st.sampled_from(["", "yes", "to the", FINISHED, OPEN, "um", "Fine.", "Well,"])


def listen(
    script: Sequence[float], hints: dict[int, str], how: Mapping[str, object] | None = None
) -> list[TurnEvent]:
    """Feed a script; `hints` are given after so many chunks."""
    detector = TurnDetector(TurnSettings.model_validate(dict(how or {})), activity=Script(script))
    sound = np.random.default_rng(1).integers(-9000, 9000, len(script) * CHUNK_SAMPLES, dtype=np.int16)
    events: list[TurnEvent] = []
    for i in range(len(script)):
        events += detector.feed(AudioFrame(sound[i * 512 : (i + 1) * 512], i * 512))
        if i in hints:
            detector.hint(sentence_finished(hints[i]))
    return events + detector.flush()


def wait(turn: Turn) -> int:
    return (turn.declared - turn.end) // MS


ONE_TURN = [Q] * 5 + [S] * 10 + [Q] * 60


@pytest.mark.parametrize(
    ("words", "least", "most"),
    [("", 500, 532), ("to the", 544, 576), (FINISHED, 256, 288), (OPEN, 544, 576)],
)
def test_a_hint_changes_how_long_a_turn_is_waited_for(words: str, least: int, most: int) -> None:
    (turn,) = ended(listen(ONE_TURN, {22: words}))
    assert least <= wait(turn) <= most


def test_the_bounds_can_be_set() -> None:
    how = {"endpoint_min_ms": 250, "endpoint_ms": 250, "endpoint_max_ms": 300}
    for words in (FINISHED, OPEN, "", "um"):
        (turn,) = ended(listen(ONE_TURN, {22: words}, how))
        assert 250 <= wait(turn) <= 300 + 32


def test_the_fixed_rule_takes_no_hints() -> None:
    for words in (FINISHED, OPEN):
        (turn,) = ended(listen(ONE_TURN, {22: words}, {"endpointing": "fixed"}))
        assert turn.declared - turn.end == chunks(16)


def test_a_late_hint_ends_the_turn_with_the_next_frame() -> None:
    (early,) = ended(listen(ONE_TURN, {22: FINISHED}))
    (late,) = ended(listen(ONE_TURN, {28: FINISHED}))
    assert early.declared < late.declared == chunks(30)


def test_a_hint_while_nothing_pauses_changes_nothing() -> None:
    for at in (0, 8, 14, 40, 70):  # before, during and after the turn
        (turn,) = ended(listen(ONE_TURN, {at: OPEN}))
        assert turn.declared - turn.end == chunks(16)


def test_a_hint_is_for_one_pause_only() -> None:
    script = [S] * 10 + [Q] * 9 + [S] * 10 + [Q] * 60
    (turn,) = ended(listen(script, {17: OPEN}))
    assert wait(turn) <= 532  # the usual


@settings(deadline=None, max_examples=60)
@given(probabilities, st.dictionaries(st.integers(0, 400), spoken, max_size=40), st.data())
def test_the_wait_is_within_its_bounds_and_changes_no_turn(
    script: list[float], hints: dict[int, str], data: st.DataObject
) -> None:
    low = data.draw(st.integers(200, 600))
    high = data.draw(st.integers(low, 2000))
    how = {"endpoint_min_ms": low, "endpoint_ms": data.draw(st.integers(low, high)), "endpoint_max_ms": high}
    paused: Turn | None = None
    last_voiced = 0
    for event in listen(script, hints, how):
        if isinstance(event, TurnPaused):
            paused = event.turn
        elif isinstance(event, TurnEnded) and event.turn.reason == "silence":
            turn = event.turn
            assert paused is not None
            assert (paused.start, paused.end, paused.audio_start) == (turn.start, turn.end, turn.audio_start)
            assert np.array_equal(paused.audio, turn.audio)
            heard = [i for i, p in enumerate(script[: turn.declared // 512]) if p >= 0.15]
            last_voiced = (heard[-1] + 1) * 512
            assert low * MS <= turn.declared - last_voiced < high * MS + CHUNK_SAMPLES


@settings(deadline=None, max_examples=30)
@given(probabilities, st.dictionaries(st.integers(0, 200), spoken, max_size=10), spoken, st.integers(0, 400))
def test_what_was_over_before_a_hint_stays_as_it_was(
    script: list[float], hints: dict[int, str], words: str, at: int
) -> None:
    assume(at not in hints and at < len(script))

    def over_by_then(given: dict[int, str]) -> list[tuple[int, int, int]]:
        turns = ended(listen(script, given))
        return [(turn.start, turn.end, turn.declared) for turn in turns if turn.declared <= (at + 1) * 512]

    assert over_by_then(hints) == over_by_then({**hints, at: words})


@pytest.mark.parametrize(
    "wrong",
    [
        {"endpoint_min_ms": 100},
        {"endpoint_min_ms": 600},
        {"endpoint_max_ms": 400},
        {"endpoint_max_ms": 20_000},
        {"endpointing": "clever"},
    ],
)
def test_bounds_that_make_no_sense_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        TurnSettings.model_validate(wrong)


@pytest.mark.parametrize("ms", [200, 300, 500, 1500, 5000])
def test_bounds_that_are_not_given_make_room_for_the_usual_silence(ms: int) -> None:
    it = TurnSettings(endpoint_ms=ms)
    assert it.pause_ms <= it.endpoint_min_ms <= ms <= it.endpoint_max_ms
