"""Talk is assembled as its truth says, and scored so that an oracle makes no error."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray
from spyder import DER

from benchmarks.speaker_scores import (
    Said,
    Scored,
    error_rates,
    found_changes,
    label_of,
    right_turns,
    split_turns,
)
from benchmarks.speaker_talk import Style, Talk, Voices, assemble_talk, cut, long_talk
from benchmarks.speakers import FIRST_SEED, Found, SpeakerRecording, assembled, for_hours, judge, of_talk
from streamer.audio.frame import SAMPLE_RATE

S = SAMPLE_RATE


def sentence(hertz: float, seconds: float = 3.0) -> NDArray[np.int16]:
    """Half a second of faint noise, so much of a tone with a dip after two seconds, and faint noise again."""
    rng = np.random.default_rng(int(hertz))
    time_s = np.arange(int((seconds + 1) * S)) / S
    loud = (time_s >= 0.5) & (time_s < seconds + 0.5) & ~((time_s >= 2.5) & (time_s < 2.6))
    return (6000 * np.sin(2 * np.pi * hertz * time_s) * loud + rng.normal(0, 3, len(time_s))).astype(np.int16)


@pytest.fixture(scope="module")
def voices() -> Voices:
    """Four tones, with three parts each."""
    return {str(hertz): [part for i in range(3) for part in cut(sentence(hertz + i))] for hertz in TONES}


TONES = (200, 400, 800, 1600)


def oracle(talk: Talk) -> list[Said]:
    """What really was said, by labels in another order than the names."""
    labels = {name: 9 - i for i, name in enumerate(sorted({turn.speaker for turn in talk.turns}))}
    return [replace(one, who=labels[str(one.who)]) for one in of_talk(talk).spoken]


def everybody_is_one(talk: Talk) -> list[Said]:
    return [replace(one, who=1) for one in of_talk(talk).spoken]


def test_a_sentence_is_cut_in_its_dip_and_freed_of_silence() -> None:
    [whole] = cut(sentence(440, 3.0))
    assert len(whole.sound) == pytest.approx(3 * S, abs=S // 20)
    assert len(whole.speech) == 1  # the dip is too short for a pause
    first, second = cut(sentence(440, 5.0))
    assert len(first.sound) == pytest.approx(2 * S, abs=S // 20)
    assert len(second.sound) == pytest.approx(2.9 * S, abs=S // 20)
    assert np.abs(first.sound[-S // 20 :].astype(int)).max() > 100


def test_a_pause_within_a_part_is_no_speech() -> None:
    tone = sentence(440, 2.0)[S // 2 : -S // 2]
    silence = np.zeros(S // 2, np.int16)
    [part] = cut(np.concatenate([silence, tone[: S // 2], silence, tone[S // 2 :], silence]))
    (_, first_end), (second_start, _) = part.speech
    assert second_start - first_end == pytest.approx(S // 2, abs=S // 20)


@pytest.mark.parametrize(
    "style",
    [Style(2), Style(3, at_once=0.6), Style(4, overlapped=0.6), Style(4, at_once=0.3, overlapped=0.3)],
    ids=str,
)
def test_talk_is_the_same_for_a_seed_and_what_its_truth_says(voices: Voices, style: Style) -> None:
    talk = assemble_talk(3, voices, style)
    assert np.array_equal(talk.audio, assemble_talk(3, voices, style).audio)
    assert not np.array_equal(talk.audio[: 5 * S], assemble_talk(4, voices, style).audio[: 5 * S])
    assert len({turn.speaker for turn in talk.turns}) == style.speakers
    assert talk.audio.dtype == np.int16
    for before, turn in pairwise(talk.turns):
        assert turn.speaker != before.speaker
        assert turn.start > before.start
        assert turn.end > before.end
        assert turn.follows_at_once == (turn.start == before.end)
    for before, turn in zip(talk.turns, talk.turns[2:], strict=False):
        assert turn.start >= before.end  # never three at a time
    if style.at_once:
        assert any(turn.follows_at_once for turn in talk.turns)
    if style.overlapped:
        assert any(turn.start < before.end for before, turn in pairwise(talk.turns))
    for turn in talk.turns:  # the tone of the speaker is there, where it alone speaks
        alone = [other for other in talk.turns if other.start < turn.end and other.end > turn.start]
        if len(alone) == 1:
            spectrum = np.abs(np.fft.rfft(talk.audio[turn.start : turn.start + S].astype(float)))
            assert int(np.argmax(spectrum)) == pytest.approx(int(turn.speaker), abs=2)


def test_nothing_is_said_twice_and_too_few_voices_are_an_error(voices: Voices) -> None:
    talk = assemble_talk(0, voices, Style(2))
    assert len(talk.turns) == 6  # three parts each
    assert len(assemble_talk(0, voices, Style(2), turns=4).turns) == 4
    with pytest.raises(ValueError, match="5 speakers are asked for, and there are 4 voices"):
        assemble_talk(0, voices, Style(5))


def test_long_talk_goes_on_in_pieces_that_fit_its_turns(voices: Voices) -> None:
    said = []
    length = 0
    for sound, turn in long_talk(1, voices, ["200", "800"]):
        length += len(sound)
        assert turn.end == length
        said.append(turn)
        if len(said) == 20:
            break
    assert {turn.speaker for turn in said} == {"200", "800"}
    assert all(after.start - before.end >= S // 2 for before, after in pairwise(said))


@pytest.mark.parametrize("style", [Style(2), Style(4, overlapped=0.5), Style(3, at_once=0.5)], ids=str)
def test_an_oracle_makes_no_error(voices: Voices, style: Style) -> None:
    talk = assemble_talk(5, voices, style)
    result = judge([of_talk(talk)], [Found(oracle(talk), oracle(talk), cpu_s=1.0)])
    assert result["first"] == result["revised"]
    assert result["revised"]["der"] == result["revised"]["der_collar"] == 0
    assert result["revised"]["turns_right"] == 1
    assert result["revised"]["turns_split"] == 0
    assert result["revised"]["changes_found"] == (1 if style.at_once else None)
    assert result["speakers_right"] == 1
    assert result["cpu_per_s"] == pytest.approx(S / len(talk.audio), abs=1e-4)


def test_one_label_for_all_is_wrong_for_all_but_one(voices: Voices) -> None:
    talk = assemble_talk(5, voices, Style(3, at_once=0.5))
    recording = of_talk(talk)
    result = judge([recording], [Found(None, everybody_is_one(talk), cpu_s=0.0)])
    assert "first" not in result
    seconds: dict[str | int, float] = {}
    for one in recording.spoken:
        seconds[one.who] = seconds.get(one.who, 0.0) + one.end_s - one.start_s
    most = max(seconds, key=lambda name: seconds[name])
    assert result["revised"]["der"] == pytest.approx(1 - seconds[most] / sum(seconds.values()), abs=1e-3)
    own = sum(turn.who == most for turn in recording.turns)
    assert result["revised"]["turns_right"] == pytest.approx(own / len(recording.turns), abs=1e-4)
    assert result["revised"]["changes_found"] == 0
    assert result["speakers_right"] == 0


def test_error_rates_are_those_of_another_scorer() -> None:
    rng = np.random.default_rng(0)

    def random(names: str) -> list[Said]:
        said = []
        for name in names:
            for at in np.arange(0, 28, 4) + rng.uniform(0, 2, 7):
                said.append(Said(float(at), float(at + rng.uniform(0.5, 3)), name))
        return said

    spoken, found = random("abc"), random("xyzw")
    rates = error_rates([Scored(spoken, found, [(0.0, 40.0)])])
    theirs = ({"one": [(str(o.who), o.start_s, o.end_s) for o in said]} for said in (spoken, found))
    expected = DER(*theirs)["Overall"]
    assert rates["der"] == pytest.approx(expected.der, abs=1e-3)
    assert rates["missed"] == pytest.approx(expected.miss, abs=1e-3)
    assert rates["false_alarm"] == pytest.approx(expected.falarm, abs=1e-3)
    assert rates["confusion"] == pytest.approx(expected.conf, abs=1e-3)
    assert rates["speech_s"] == pytest.approx(expected.duration, abs=0.1)


def test_only_regions_count_and_a_collar_forgives_edges() -> None:
    spoken = [Said(0, 10, "a"), Said(10, 20, "b")]
    late = [Said(0, 10.2, 1), Said(10.2, 20, 2), Said(30, 40, 3)]
    rates = error_rates([Scored(spoken, late, [(0.0, 20.0)])])
    assert rates["der"] == pytest.approx(0.2 / 20)
    assert rates["der_collar"] == 0
    later = [Said(0, 10.3, 1), Said(10.3, 20, 2)]
    assert error_rates([Scored(spoken, later, [(0.0, 20.0)])])["der_collar"] == pytest.approx(
        0.05 / 19, abs=1e-4
    )


TURNS = [Said(0, 2, "a"), Said(2, 4, "b"), Said(4, 6, "a")]
CHANGES = list(pairwise(TURNS))


@pytest.mark.parametrize(
    ("found", "right", "changes", "split"),
    [
        ([Said(0, 2.2, 1), Said(2.2, 4.1, 2), Said(4.1, 6, 1)], 3, 2, 0),
        ([Said(0, 2.4, 1), Said(2.4, 4.1, 2), Said(4.1, 6, 1)], 3, 1, 1),
        ([Said(0, 2, 1), Said(2, 4, 2), Said(4, 6, 3)], 2, 2, 0),
        ([Said(0, 6, 1)], 2, 0, 0),
        ([Said(0, 2, 1), Said(4, 6, 1)], 2, 0, 0),
        ([Said(0, 1, 1), Said(1, 2, 2), Said(2, 4, 2), Said(4, 6, 1)], 3, 2, 1),
        ([], 0, 0, 0),
    ],
)
def test_turns_and_changes_are_counted(found: list[Said], right: int, changes: int, split: int) -> None:
    assert right_turns(TURNS, found) == right
    assert found_changes(CHANGES, found) == changes
    assert split_turns(TURNS, found) == split


def test_the_label_of_a_turn_has_most_of_it() -> None:
    found = [Said(0, 1, 1), Said(0.5, 1.2, 2), Said(1.2, 1.9, 2)]
    assert label_of(TURNS[0], found) == 2
    assert label_of(Said(5, 6, "a"), found) is None


def test_conversations_take_the_sets_of_voices_in_turn(voices: Voices) -> None:
    others = {name: parts for name, parts in voices.items() if name in ("200", "400")}
    heard: list[NDArray[np.int16]] = []

    def method(audio: NDArray[np.int16]) -> Found:
        heard.append(audio)
        return Found(None, [], cpu_s=0.0)

    result = assembled(method, (voices, others), 2, ["two, clean"])["two, clean"]
    assert result["recordings"] == len(heard) == 2
    assert result["revised"]["der"] == result["revised"]["missed"] == 1


def test_an_hour_counts_labels_from_a_second_on_and_turns_by_the_hour(voices: Voices) -> None:
    truth: list[Said] = []
    for _, turn in long_talk(FIRST_SEED, voices, ["200", "800"]):
        truth.append(Said(turn.start / S, turn.end / S, int(turn.speaker)))
        if turn.end > 30 * S:
            break

    def method(audio: NDArray[np.int16]) -> Found:
        assert audio.shape == (30 * S,)
        assert np.abs(audio[-10 * S :].astype(int)).max() > 100
        return Found([Said(1, 3, 1), Said(3, 5, 2)], [*truth, Said(6, 6.9, 7)], cpu_s=3.0)

    result = for_hours(method, voices, ["200", "800"], 30)
    assert (result["labels"], result["labels_at_first"]) == (2, 2)
    assert result["turns_right"] == [1.0]
    assert result["turns"] in (len(truth) - 1, len(truth))
    assert result["cpu_per_s"] == 0.1
    settled, last = result["memory_mib"]
    assert 10 < settled <= 1.5 * last


def test_a_recording_knows_its_length() -> None:
    assert SpeakerRecording(np.zeros(S // 2, np.int16), [], []).seconds == 0.5
