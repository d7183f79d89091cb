"""What the benchmarks of long runs and many streams go by."""

import asyncio
import time
from itertools import islice, pairwise

import numpy as np
import pytest

from benchmarks.conversations import Clip, KnownWords, SpokenTurn, sentences, talk
from benchmarks.talking import Roll, Stalls, TalkSource
from streamer.audio.frame import SAMPLE_RATE


def clip(name: str, seed: int) -> Clip:
    noise = np.random.default_rng(seed).integers(-9_000, 9_000, SAMPLE_RATE).astype(np.int16)
    return Clip(name, "spk1", name.upper(), noise, 100, SAMPLE_RATE - 100)


CLIPS = (clip("one", 1), clip("two", 2))


def spoken(start_s: float, end_s: float) -> SpokenTurn:
    return SpokenTurn(int(start_s * SAMPLE_RATE), int(end_s * SAMPLE_RATE), "", "spk1", "x", 0)


@pytest.mark.parametrize(
    ("told", "unfound", "joined", "extra"),
    [
        ([(1.1, 2.1), (3.9, 5)], 0, 0, 0),
        ([(1.1, 2.1)], 1, 0, 0),
        ([(3.9, 5)], 1, 0, 0),
        ([], 2, 0, 0),
        ([(0.1, 0.5), (1, 2), (2.5, 3), (4, 5)], 0, 0, 2),
        ([(1, 1.4), (1.6, 2), (4, 5)], 0, 0, 0),
        ([(1, 2), (4, 5), (6, 7)], 0, 0, 1),
        ([(1, 5)], 0, 1, 0),
        ([(1, 1.4), (1.6, 4.5), (4.7, 5)], 0, 1, 0),
    ],
)
def test_the_roll(told: list[tuple[float, float]], unfound: int, joined: int, extra: int) -> None:
    roll = Roll()
    roll.speak(spoken(1, 2))
    roll.speak(spoken(4, 5))
    for start_s, end_s in told:
        roll.tell(start_s, end_s)
    roll.close()
    assert (roll.spoken, roll.unfound, roll.joined, roll.extra) == (2, unfound, joined, extra)


def test_talk_is_true_to_its_word() -> None:
    pieces = list(islice(talk(7, CLIPS), 6))
    sound = np.concatenate([piece for piece, _ in pieces])
    turns = [turn for _, turn in pieces]
    for turn in turns:
        source = CLIPS[0] if turn.sentence == "one" else CLIPS[1]
        assert np.array_equal(sound[turn.start : turn.end], source.sound[100:-100])
    gaps = [(b.start - a.end) / SAMPLE_RATE for a, b in pairwise(turns)]
    assert 0.79 < min(gaps) <= max(gaps) < 3.01


def test_known_words_are_found_by_the_sound() -> None:
    words = KnownWords(CLIPS)
    for each in CLIPS:
        assert words.transcribe(each.sound[321:9_876]).text == each.words.lower()
    assert words.transcribe(np.zeros(SAMPLE_RATE, np.int16)).text == ""


async def test_a_talk_ends_where_it_is_told_to() -> None:
    source = TalkSource(1, CLIPS, 3600, pace=None)
    heard = 0
    async for frame in source:
        heard += len(frame.samples)
        if heard > 10 * SAMPLE_RATE:
            source.finish()
    assert heard / SAMPLE_RATE == pytest.approx(source.spoken_s, abs=0.1)
    assert heard < 20 * SAMPLE_RATE
    assert source.roll.spoken >= 3


async def test_stalls_are_seen() -> None:
    stalls = Stalls()
    watch = asyncio.create_task(stalls.watch())
    await asyncio.sleep(0.02)
    time.sleep(0.3)  # noqa: ASYNC251 - that is the point
    await asyncio.sleep(0.02)
    assert stalls.newly_ms(100) >= 290
    await asyncio.sleep(0.02)
    watch.cancel()
    assert stalls.newly_ms(100) < stalls.percentile_ms(100)
    assert stalls.percentile_ms(100) >= 290


@pytest.mark.skipif(not sentences(), reason="needs ../shared/audio")
def test_sentences_have_edges() -> None:
    assert len(sentences()) == 12
    assert all(0 <= each.first < each.last <= len(each.sound) for each in sentences())
