"""The turn detector on real recordings, against what is known about them."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks.conversations import SHARED_AUDIO, assemble
from benchmarks.segmentation import (
    boundaries,
    conversations,
    cut,
    detection_errors,
    find_turns,
    meetings,
    read,
)
from streamer.audio.frame import SAMPLE_RATE

pytestmark = pytest.mark.skipif(not SHARED_AUDIO.is_dir(), reason="needs ../shared/audio")
SENTENCES = sorted((SHARED_AUDIO / "speechbrain" / "ASR").glob("*.wav"))


@pytest.mark.slow
@pytest.mark.parametrize("condition", [{}, {"snr_db": 10}, {"room": "rir1"}, {"room": "rir3"}], ids=str)
def test_turns_are_found_where_they_are(condition: dict[str, float | str]) -> None:
    (result,) = conversations(range(4), {"it": condition}).values()
    assert result["extra"] == 0
    assert result["unfound"] <= ("room" in condition)  # an echo may fill a gap of 0.7 s
    assert result["start_within_150_ms"] >= 0.95
    assert result["end_within_250_ms"] >= 0.95


@pytest.mark.slow
def test_meetings_are_within_the_bound() -> None:
    result = meetings(SHARED_AUDIO / "meetings")
    assert result["missed_plus_false_alarm"] <= 0.15
    assert all(file["turns"] for file in result["files"].values())  # someone speaks in each


@pytest.mark.parametrize("name", ["noise/noise1.wav", "RIRs/rir1.wav", "RIRs/rir2.wav", "RIRs/rir3.wav"])
def test_what_holds_no_speech_gives_no_turn(name: str) -> None:
    assert find_turns(read(SHARED_AUDIO / "speechbrain" / name)) == []


@pytest.mark.parametrize(
    "path",
    [*SENTENCES, SHARED_AUDIO / "LDC93S1.wav", SHARED_AUDIO / "new-home-in-the-stars-16k.wav"],
    ids=lambda path: path.stem,
)
def test_a_sentence_becomes_one_turn_with_its_speech_inside(path: Path) -> None:
    frames = read(path)
    sound = np.concatenate([frame.samples for frame in frames]).astype(np.float64)
    turns = find_turns(frames)
    assert len(turns) == 1
    energy = np.cumsum((sound - sound.mean()) ** 2)
    inside = energy[turns[0].end - 1] - energy[turns[0].start]
    assert inside > 0.99 * energy[-1]


@pytest.mark.slow
def test_jfk_and_a_minute_of_speech() -> None:
    assert 1 <= len(find_turns(read(SHARED_AUDIO / "jfk.flac"))) <= 4
    assert len(find_turns(read(SHARED_AUDIO / "silero_test.wav"))) >= 5


def test_two_channels_keep_their_speakers() -> None:
    conversation = assemble(5, channel_per_speaker=True)
    assert conversation is not None
    for channel in (0, 1):
        truth = [turn for turn in conversation.turns if turn.channel == channel]
        assert {turn.speaker for turn in truth} == {f"spk{channel + 1}"}
        result = boundaries(find_turns(cut(conversation.audio[:, channel])), truth)
        assert (result["unfound"], result["extra"]) == (0, 0)


def test_assembling_is_deterministic_and_true_to_its_word() -> None:
    one, again, other = (assemble(seed, snr_db=10, turns=14) for seed in (3, 3, 4))
    assert one is not None
    assert again is not None
    assert other is not None
    assert np.array_equal(one.audio, again.audio)
    assert one.turns == again.turns != other.turns
    assert len(one.turns) == 14
    gaps = [(b.start - a.end) / SAMPLE_RATE for a, b in zip(one.turns, one.turns[1:], strict=False)]
    assert 0.7 <= min(gaps) <= max(gaps) <= 3.0
    speech = np.concatenate([one.audio[turn.start : turn.end, 0] for turn in one.turns]).astype(float)
    noise = np.concatenate(
        [one.audio[a.end + 1600 : b.start - 1600, 0] for a, b in zip(one.turns, one.turns[1:], strict=False)]
    ).astype(float)
    ratio = (speech.var() - noise.var()) / noise.var()
    assert 10 * np.log10(ratio) == pytest.approx(10, abs=1)


def test_errors_are_counted_inside_the_scored_regions_only() -> None:
    errors = detection_errors([(1, 3), (8, 9)], [(2, 5)], [(0, 4), (8.5, 10)])
    assert errors == {"speech_s": 2.0, "missed_s": 1.0, "false_alarm_s": 1.5}
