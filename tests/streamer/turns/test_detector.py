from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from pydantic import ValidationError

from streamer.audio.frame import AudioFrame, AudioGap
from streamer.settings.turns import TurnSettings
from streamer.turns.detector import TurnDetector
from streamer.turns.sentence_end import sentence_finished
from streamer.turns.turn import (
    Turn,
    TurnEnded,
    TurnEvent,
    TurnPaused,
    TurnReopened,
    TurnResumed,
    TurnStarted,
)
from streamer.turns.vad import CHUNK_SAMPLES
from tests.streamer.sound import conversation, truth

S, M, Q = 0.95, 0.3, 0.0
"""Probabilities: clear speech, a murmur, quiet."""


class Script:
    """Judges chunks as it was told; its answers come late while nothing goes on, as the real one's do."""

    def __init__(self, probabilities: Sequence[float], late: int = 0) -> None:
        self._probabilities = iter(probabilities)
        self._late = late
        self._waiting: list[float] = []

    def judge(self, chunks: NDArray[np.int16], keep_open: bool) -> list[float]:
        assert chunks.shape[1:] == (CHUNK_SAMPLES,)
        return [probability for _ in chunks for probability in self._next(keep_open)]

    def _next(self, keep_open: bool) -> list[float]:
        self._waiting.append(next(self._probabilities, 0.0))
        if keep_open or max(self._waiting) > 0:
            answers, self._waiting = self._waiting, []
            return answers
        return [self._waiting.pop(0)] if len(self._waiting) > self._late else []

    def reset(self) -> None:
        self._waiting = []


def play(
    probabilities: Sequence[float],
    sound: NDArray[np.int16] | None = None,
    late: int = 0,
    chop: int = 320,
    **how: float | str,
) -> tuple[list[TurnEvent], list[TurnEvent]]:
    """Feed a script; returns what happened before the end of the stream, and at it."""
    if sound is None:
        sound = np.ones(len(probabilities) * CHUNK_SAMPLES, np.int16)
    detector = TurnDetector(TurnSettings.model_validate(how), activity=Script(probabilities, late))
    events: list[TurnEvent] = []
    for start in range(0, len(sound), chop):
        events += detector.feed(AudioFrame(sound[start : start + chop], start))
    return events, detector.flush()


def ended(events: Sequence[TurnEvent]) -> list[Turn]:
    return [event.turn for event in events if isinstance(event, TurnEnded)]


def chunks(n: float) -> int:
    return int(n * CHUNK_SAMPLES)


def test_a_turn_begins_pauses_goes_on_and_ends() -> None:
    script = [Q] * 20 + [S] * 10 + [Q] * 8 + [S] * 10 + [Q] * 30
    events, rest = play(script, endpointing="fixed")
    assert rest == []
    started, paused, resumed, again, end = events
    assert started == TurnStarted(0, chunks(20))
    assert isinstance(paused, TurnPaused)
    assert (paused.turn.start, paused.turn.end) == (chunks(20), chunks(30))
    assert resumed == TurnResumed(0, chunks(20))
    assert isinstance(again, TurnPaused)
    assert isinstance(end, TurnEnded)
    turn = end.turn
    assert (turn.start, turn.end, turn.reason) == (chunks(20), chunks(48), "silence")
    assert turn.audio_start == turn.start - 4800
    assert len(turn.audio) == 4800 + chunks(28) + 3200
    assert turn.declared - turn.end == chunks(16)  # the first chunk's end from 500 ms on


def heard_as(words: Sequence[str], script: Sequence[float], **how: float | str) -> list[TurnEvent]:
    """Feed a script; at each pause, the next words are hinted, as the speculation does."""
    hints = iter(words)
    detector = TurnDetector(TurnSettings.model_validate(how), activity=Script(script))
    events: list[TurnEvent] = []
    for start in range(0, len(script) * CHUNK_SAMPLES, 320):
        new = detector.feed(AudioFrame(np.full(320, 7, np.int16), start))
        events += new
        if any(isinstance(event, TurnPaused) for event in new):
            detector.hint(sentence_finished(next(hints)))
    return events


def kinds(events: Sequence[TurnEvent]) -> list[str]:
    return [type(event).__name__ for event in events]


CUT_IN_TWO = [Q] * 20 + [S] * 10 + [Q] * 40 + [S] * 10 + [Q] * 60


def test_a_turn_whose_sentence_was_not_finished_is_opened_again() -> None:
    events = heard_as(["I went to", "I went to the market."], CUT_IN_TWO)
    assert kinds(events) == [
        "TurnStarted", "TurnPaused", "TurnEnded", "TurnReopened", "TurnPaused", "TurnEnded",
    ]  # fmt: skip
    assert events[3] == TurnReopened(0, chunks(20))
    first, whole = ended(events)
    assert (whole.start, whole.end) == (first.start, chunks(80))
    assert whole.audio_start == first.audio_start
    assert len(whole.audio) == 4800 + chunks(60) + 3200


@pytest.mark.parametrize(("silence", "reopened"), [(14, True), (17, False)])
def test_a_turn_ended_early_is_opened_again_within_the_usual_silence(silence: int, *, reopened: bool) -> None:
    script = [Q] * 20 + [S] * 10 + [Q] * silence + [S] * 10 + [Q] * 60
    events = heard_as(["That is all.", "Or is it?"], script)
    again = "TurnReopened" if reopened else "TurnStarted"
    assert kinds(events) == ["TurnStarted", "TurnPaused", "TurnEnded", again, "TurnPaused", "TurnEnded"]
    first, second = ended(events)
    assert first.declared - first.end == chunks(8)
    assert (second.start == first.start) == reopened


@pytest.mark.parametrize(
    ("words", "script", "how"),
    [
        (["That is all."], CUT_IN_TWO, {}),
        ([""], CUT_IN_TWO, {}),
        (["I went to"], CUT_IN_TWO, {"reopen_ms": 0}),
        (["That is all."], [S] * 10 + [Q] * 8 + [S] * 10 + [Q] * 60, {"reopen_ms": 0}),
        (["I went to"], [S] * 30 + [Q] * 40 + [S] * 10 + [Q] * 60, {"max_turn_s": 2.0}),
        (["I went to"], [S] * 10 + [Q] * 80 + [S] * 10 + [Q] * 60, {}),
    ],
    ids=["a finished sentence", "no words", "switched off", "switched off, at once", "no room", "too late"],
)
def test_other_turns_stay_ended(words: list[str], script: list[float], how: dict[str, float]) -> None:
    events = heard_as([*words, "Yes."], script, **how)
    assert kinds(events).count("TurnStarted") == 2
    assert "TurnReopened" not in kinds(events)


def test_a_reopened_turn_is_still_split_where_it_is_quiet() -> None:
    script = [S] * 40 + [Q] * 40 + [S] * 60
    events = heard_as(["I went to"] * 3, script, max_turn_s=4.0)
    assert kinds(events)[:4] == ["TurnStarted", "TurnPaused", "TurnEnded", "TurnReopened"]
    split = ended(events)[1]
    assert (split.reason, split.start) == ("split", 0)
    assert chunks(60) < split.end < chunks(125)


def test_work_done_at_the_pause_holds_if_nothing_more_is_said() -> None:
    events, _ = play([Q] * 5 + [S] * 10 + [Q] * 30, np.arange(45 * 512).astype(np.int16))
    paused = next(event.turn for event in events if isinstance(event, TurnPaused))
    (turn,) = ended(events)
    assert (paused.start, paused.end, paused.audio_start) == (turn.start, turn.end, turn.audio_start)
    assert np.array_equal(paused.audio, turn.audio)
    assert paused.declared < turn.declared


@pytest.mark.parametrize("click", [[S], [S, S], [S, Q, S], [M] * 200, [S, S] + [Q] * 9 + [S, S]])
def test_less_than_the_shortest_speech_is_no_turn(click: list[float]) -> None:
    assert play([Q] * 10 + click + [Q] * 40) == ([], [])


def test_a_faint_beginning_belongs_to_the_turn_but_a_long_murmur_does_not() -> None:
    (short,) = ended(play([Q] * 20 + [M] * 4 + [S] * 10 + [Q] * 30)[0])
    assert short.start == chunks(20)
    (long,) = ended(play([Q] * 20 + [M] * 300 + [S] * 10 + [Q] * 30)[0])
    assert chunks(320 - 9) <= long.start <= chunks(320)


def test_the_end_is_the_last_clear_speech() -> None:
    (turn,) = ended(play([S] * 10 + [M] * 6 + [Q] * 30)[0])
    assert turn.end == chunks(10)
    assert turn.declared == chunks(16 + 16)


def test_the_first_samples_of_a_stream_have_less_before_them() -> None:
    (turn,) = ended(play([Q] * 2 + [S] * 10 + [Q] * 30)[0])
    assert turn.audio_start == 0


def test_sound_before_a_turn_is_not_taken_twice() -> None:
    first, second = ended(play([S] * 10 + [Q] * 16 + [S] * 10 + [Q] * 30)[0])
    assert second.audio_start >= first.audio_start + len(first.audio)


@pytest.mark.parametrize("rest", [0, 100, 511])
def test_the_end_of_the_stream_ends_the_turn(rest: int) -> None:
    events, at_end = play([Q] * 5 + [S] * 11, np.ones(15 * 512 + rest, np.int16))
    assert ended(events) == []
    (turn,) = ended(at_end)
    assert turn.end == 15 * 512 + rest
    assert turn.reason == "end of stream"
    assert turn.declared == 15 * 512 + rest


def test_a_long_turn_is_split_at_its_quietest_point() -> None:
    n = 800
    loudness = np.full(n * 512, 1000, np.int16)
    loudness[chunks(450) : chunks(455)] = 10
    loudness[chunks(100) : chunks(110)] = 0  # quieter, but in the first half
    first, second = ended(play([S] * n + [Q] * 30, np.pad(loudness, (0, 30 * 512)))[0])
    assert first.reason == "split"
    assert chunks(450) <= first.end <= chunks(455)
    assert first.declared == chunks(625)
    assert second.start == second.audio_start == first.end == first.audio_start + len(first.audio)
    assert second.end == chunks(n)


def test_a_short_gap_is_silence_and_a_long_one_ends_the_turn() -> None:
    def with_gap(length: int) -> list[Turn]:
        detector = TurnDetector(activity=Script([S] * 10 + [Q] * (length // 512) + [S] * 10))
        events = detector.feed(AudioFrame(np.ones(chunks(10), np.int16), 0))
        events += detector.gap(AudioGap(chunks(10), length, "overflow"))
        events += detector.feed(AudioFrame(np.ones(chunks(10), np.int16), chunks(10) + length))
        return ended(events + detector.flush())

    (one,) = with_gap(chunks(6))
    assert (one.start, one.end) == (0, chunks(26))
    first, second = with_gap(chunks(7))
    assert (first.reason, first.end) == ("gap", chunks(10))
    assert len(first.audio) == chunks(10)
    assert second.audio_start == chunks(17)


def test_missing_frames_are_a_gap_and_wrong_ones_refused() -> None:
    detector = TurnDetector(channel=1, activity=Script([S] * 100))
    frame = AudioFrame(np.ones(chunks(10), np.int16), 0, 1)
    detector.feed(frame)
    (end,) = detector.feed(AudioFrame(np.ones(320, np.int16), 50_000, 1))
    assert isinstance(end, TurnEnded)
    assert end.turn.reason == "gap"
    assert end.turn.channel == 1
    with pytest.raises(ValueError, match="before the last one ended"):
        detector.feed(frame)
    with pytest.raises(ValueError, match="channel 0"):
        detector.feed(AudioFrame(np.ones(320, np.int16), 60_000, 0))


@pytest.mark.parametrize(
    "wrong",
    [
        {"stop_threshold": 0.6},
        {"postroll_ms": 300},
        {"pause_ms": 600},
        {"max_turn_s": 0.5},
        {"endpoint_ms": 0},
        {"unknown": 1},
    ],
)
def test_settings_that_make_no_sense_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        TurnSettings.model_validate(wrong)


probabilities = st.lists(
    st.tuples(st.sampled_from([S, S, M, Q, Q]), st.integers(1, 60)), min_size=1, max_size=25
).map(lambda runs: [p for p, n in runs for _ in range(n)])


@settings(deadline=None, max_examples=60)
@given(probabilities, st.integers(0, 16), st.integers(0, 511), st.data())
def test_turns_never_overlap_and_carry_their_sound(
    script: list[float], late: int, rest: int, data: st.DataObject
) -> None:
    rng = np.random.default_rng(len(script))
    sound = rng.integers(-9000, 9000, len(script) * 512 + rest, dtype=np.int16)
    how = {"max_turn_s": 3, "preroll_ms": data.draw(st.integers(0, 500))}
    before, at_end = play(script, sound, late, **how)
    events = before + at_end
    turns = ended(events)
    for turn in turns:
        assert 0 <= turn.audio_start <= turn.start < turn.end <= turn.audio_start + len(turn.audio)
        assert turn.end <= turn.declared <= len(sound)
        assert np.array_equal(turn.audio, sound[turn.audio_start : turn.audio_start + len(turn.audio)])
        assert turn.end - turn.start <= 3 * 16_000
    for one, next_ in pairwise(turns):
        assert one.end <= next_.start
        assert one.audio_start + len(one.audio) <= next_.audio_start
        assert (one.reason == "split") == (one.end == next_.start)
    kinds = [type(event) for event in events if isinstance(event, TurnStarted | TurnEnded)]
    assert kinds == [TurnStarted, TurnEnded] * len(turns)
    clear = {i for i, p in enumerate(script) if p == S}
    for i in clear & {
        j for j in clear if {j + 1, j + 2} <= clear
    }:  # a run of three clear chunks is never lost
        if (i + 3) * 512 <= len(sound):
            assert any(turn.start <= i * 512 and (i + 1) * 512 <= turn.end + 512 for turn in turns)


@settings(deadline=None, max_examples=30)
@given(probabilities, st.integers(1, 5000))
def test_it_does_not_matter_how_the_sound_is_cut_into_frames(script: list[float], chop: int) -> None:
    sound = np.random.default_rng(1).integers(-9000, 9000, len(script) * 512, dtype=np.int16)

    def facts(chop: int) -> list[tuple[int, int, int, int, str]]:
        before, at_end = play(script, sound, chop=chop)
        return [(t.start, t.end, t.audio_start, t.declared, t.reason) for t in ended(before + at_end)]

    assert facts(chop) == facts(512)


@pytest.mark.slow
def test_the_sample_conversation_gives_its_turns_however_it_is_cut() -> None:
    sound = conversation()

    def turns(chop: int) -> list[tuple[int, int]]:
        detector = TurnDetector()
        events: list[TurnEvent] = []
        for start in range(0, len(sound), chop):
            events += detector.feed(AudioFrame(sound[start : start + chop], start))
        return [(turn.start, turn.end) for turn in ended(events + detector.flush())]

    found = turns(320)
    for spoken in truth():
        middle = (spoken["start_s"] + spoken["end_s"]) / 2 * 16_000
        assert any(start <= middle < end for start, end in found)
    assert turns(12_345) == found


def test_memory_stays_the_same_for_hours() -> None:
    detector = TurnDetector(TurnSettings(max_turn_s=2), activity=Script([S, S, S, M] * 2000))
    frame = np.ones(512, np.int16)
    sizes = set()
    for i in range(8000):
        detector.feed(AudioFrame(frame, i * 512))
        if i >= 200:
            sizes.add(detector._ring._buffer.nbytes)
            assert len(detector._levels) <= 63  # chunks in 2 s
    assert len(sizes) == 1
