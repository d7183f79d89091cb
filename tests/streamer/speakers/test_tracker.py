import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamer.speakers.clustering import ClusteringSettings
from streamer.speakers.tracker import PrintRequest, Span, SpeakerTracker, TrackerSettings
from tests.streamer.speakers.scenes import HOP, SETTINGS, SIZE, WINDOW, Scene, run


@st.composite
def scenes(draw: st.DrawFn) -> Scene:
    """Two speakers in turn, with silence or some overlap between the turns."""
    turns, at = [], 0
    for place in range(draw(st.integers(1, 8))):
        start = max(0, at + draw(st.integers(-25, 200)))
        at = start + draw(st.integers(120, 400))
        turns.append((start, at, place % 2))
    return Scene(turns, at + 30)


def covered(spans: list[Span], frames: int) -> np.ndarray:
    """Frames in which any span says somebody speaks."""
    frames_told = np.zeros(frames, dtype=np.bool_)
    for span in spans:
        frames_told[span.start : span.end] = True
    return frames_told


@settings(deadline=None, max_examples=12)
@given(scenes(), st.integers(0, 9))
def test_what_is_told_is_what_was_spoken(scene: Scene, seed: int) -> None:
    answers = list(run(SpeakerTracker(SETTINGS), scene, seed))
    spoken = scene.active().any(1)
    first = [span for answer in answers for span in answer.first]
    settled = [span for answer in answers for span in answer.settled]
    assert (covered(settled, scene.frames) == spoken).all()
    missed = spoken & ~covered(first, scene.frames)
    assert not (covered(first, scene.frames) & ~spoken).any()
    assert missed.sum() <= 12 * len(
        scene.turns
    )  # starts too short to be a local speaker of the newest window
    for spans in (first, settled):
        by_track: dict[int, int] = {}
        for span in spans:  # in the order of time, each frame of a track once
            assert span.start >= by_track.get(span.track, 0)
            by_track[span.track] = span.end


@settings(deadline=None, max_examples=12)
@given(scenes(), st.integers(0, 9))
def test_each_speaker_keeps_one_label_whatever_the_order_within_windows(scene: Scene, seed: int) -> None:
    answers = list(run(SpeakerTracker(SETTINGS), scene, seed))
    labels: dict[int, int | None] = {}
    for answer in answers:
        labels |= answer.relabelled
    told: dict[int, set[int | None]] = {}
    for span in (span for answer in answers for span in answer.settled):
        speaking = np.flatnonzero(scene.active()[span.start : span.end].any(0))
        for speaker in speaking if len(speaking) == 1 else ():
            told.setdefault(int(speaker), set()).add(labels.get(span.track, span.speaker))
    spoken = {speaker for *_, speaker in scene.turns}
    alone = [t for t in told.values() if len(t) == 1]
    assert len(alone) == len(spoken)
    assert len({next(iter(t)) for t in alone}) == len(spoken)


@settings(deadline=None, max_examples=15)
@given(st.integers(0, 2**32 - 1), st.integers(1, 4))
def test_no_two_local_speakers_of_a_window_are_certainly_one_and_speakers_are_bounded(
    seed: int, speakers: int
) -> None:
    """Scores and voice prints are noise."""
    noise = np.random.default_rng(seed)
    tracker = SpeakerTracker(
        TrackerSettings(
            window_frames=WINDOW,
            print_size=SIZE,
            clustering=ClusteringSettings(speakers=speakers, remembered=8),
        )
    )
    for window in range(12):
        knots = noise.random((7, 3)) * (noise.random(3) < 0.8)
        scores = np.repeat(knots, WINDOW // 7 + 1, axis=0)[:WINDOW]
        requests = tracker.hear(window * HOP, scores)
        assert all(
            window * HOP <= start < end <= window * HOP + WINDOW
            for request in requests
            for start, end in request.runs
        )
        prints = noise.normal(size=(len(requests), SIZE))
        prints /= np.linalg.norm(prints, axis=1, keepdims=True)
        tracker.decide(list(zip(requests, prints, strict=True)))
        labels = [each for each in tracker.local_speakers if each is not None]
        assert len(set(labels)) == len(labels)
        assert len(tracker.speakers) <= speakers


def test_silence_yields_nothing() -> None:
    answers = list(run(SpeakerTracker(SETTINGS), Scene([], 2000)))
    assert not any(answer.first or answer.settled or answer.relabelled for answer in answers)


def test_memory_is_bounded_and_labels_are_stable_over_many_turns() -> None:
    clustering = ClusteringSettings(remembered=10)
    tracker = SpeakerTracker(TrackerSettings(WINDOW, SIZE, clustering=clustering))
    turns = [(400 * place, 400 * place + 250, place % 3) for place in range(60)]
    labels: dict[int, set[int | None]] = {0: set(), 1: set(), 2: set()}
    for answer in run(tracker, Scene(turns, 400 * 60)):
        for span in answer.first:
            if span.certain:
                labels[span.start // 400 % 3].add(span.speaker)
        assert tracker.size < 10 + 12
    assert [len(each) for each in labels.values()] == [1, 1, 1]
    assert len(set.union(*labels.values())) == 3


def test_a_voice_that_turns_out_to_be_another_is_cut_off() -> None:
    """The segmentation takes two speakers for one; their voice prints tell them apart."""
    tracker = SpeakerTracker(SETTINGS)
    merged = Scene([(0, 200, 0), (260, 460, 0)], 520)
    truth = Scene([(0, 200, 0), (260, 460, 1)], 520)
    order = np.random.default_rng(0)
    settled = []
    for end in range(HOP, 520 + HOP, HOP):
        requests = tracker.hear(end - WINDOW, merged.window(end - WINDOW, order))
        settled += tracker.decide([(each, truth.voice_print(each)) for each in requests]).settled
    settled += tracker.finish().settled
    assert [(span.start, span.end, span.speaker) for span in settled] == [(0, 200, 0), (260, 460, 1)]


def test_speech_is_told_late_rather_than_not_at_all_when_windows_jump() -> None:
    tracker = SpeakerTracker(SETTINGS)
    scores = np.zeros((WINDOW, 3))
    scores[-20:, 0] = 1  # within what is not told yet
    tracker.hear(0, scores)
    assert tracker.decide([]).first == []
    tracker.hear(5 * WINDOW, np.zeros((WINDOW, 3)))
    (span,) = tracker.decide([]).first
    assert (span.start, span.end) == (WINDOW - 20, WINDOW)


def test_windows_of_another_length_or_out_of_order_are_refused() -> None:
    tracker = SpeakerTracker(SETTINGS)
    with pytest.raises(ValueError, match="has 3 frames"):
        tracker.hear(0, np.zeros((3, 3)))
    tracker.hear(100, np.zeros((WINDOW, 3)))
    with pytest.raises(ValueError, match="came after"):
        tracker.hear(99, np.zeros((WINDOW, 3)))


def test_a_request_knows_how_much_speech_it_is_for() -> None:
    assert PrintRequest(0, ((3, 5), (10, 20))).frames == 12
