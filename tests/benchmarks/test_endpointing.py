"""How delays and cuts are counted, and that pauses lie where they are said to."""

import numpy as np

from benchmarks.conversations import Clip
from benchmarks.endpointing import Recorded, compare, score, true_words
from benchmarks.endpointing_recordings import Recording
from benchmarks.hesitant import Habits, Sentence, SpokenTurn, Word, converse
from streamer.audio.frame import SAMPLE_RATE
from streamer.turns.turn import Turn

S = SAMPLE_RATE


def spoken(*words: tuple[str, float, float]) -> SpokenTurn:
    placed = tuple(Word(word, int(start * S), int(end * S)) for word, start, end in words)
    return SpokenTurn(placed[0].start, placed[-1].end, placed)


def declared(start: float, end: float, at: float) -> Turn:
    return Turn(
        0, int(start * S), int(end * S), np.zeros(0, np.int16), int(start * S), int(at * S), "silence"
    )


TRUTH = [spoken(("By", 1, 1.2), ("the", 1.2, 1.4), ("door.", 2.4, 3)), spoken(("Yes.", 5, 5.5))]


def test_a_turn_that_is_declared_over_before_its_last_word_is_cut() -> None:
    whole = score([declared(1, 3, 3.5), declared(5, 5.5, 6.5)], TRUTH)
    assert whole == {"turns": 2, "cut": 0, "run_together": 0, "delay_ms": 1500}
    cut = score([declared(1, 1.4, 1.9), declared(2.4, 3, 3.5), declared(5, 5.5, 6)], TRUTH)
    assert cut == {"turns": 2, "cut": 1, "run_together": 0, "delay_ms": 1000}


def test_turns_that_run_together_have_no_delay() -> None:
    assert score([declared(1, 5.5, 6)], TRUTH) == {"turns": 2, "cut": 0, "run_together": 1, "delay_ms": 500}


def test_words_tell_a_hesitation_from_an_end() -> None:
    probabilities = np.zeros(8 * S // 512)
    for turn in TRUTH:
        for word in turn.words:
            probabilities[word.start // 512 : word.end // 512] = 0.95
    heard = Recording(np.zeros(8 * S, np.int16), TRUTH, probabilities.tolist())
    result = compare([heard], {"no words": [None], "words": [true_words(heard)]})
    fixed, adaptive = result["fixed"], result["adaptive"]
    assert fixed["500"]["cut"] == 0.5
    assert fixed["1000"]["cut"] <= 0.5
    assert adaptive["words"]["delay_ms"] < fixed["500"]["delay_ms"]
    assert Recorded([0.5]).judge(np.zeros((2, 512), np.int16), keep_open=True) == [0.5, 0.0]


def test_pauses_are_where_they_are_said_to_be() -> None:
    rng = np.random.default_rng(0)
    sentences = []
    for speaker in ("a", "b"):
        sound = rng.integers(-9000, 9000, 2 * S).astype(np.int16)
        words = tuple(
            Word(word, i * S // 2, (i + 1) * S // 2) for i, word in enumerate(("one", "two", "three", "four"))
        )
        sentences.append(Sentence(Clip(speaker, speaker, "ONE TWO THREE FOUR", sound, 0, 2 * S), words))
    noise = np.ones(S, np.int16)
    noise[::2] = -1
    habits = Habits(hesitates=(1, 1), sentences=(1,))
    sound, turns = converse(7, sentences, noise, turns=6, snr_db=60, habits=habits)
    again, same = converse(7, sentences, noise, turns=6, snr_db=60, habits=habits)
    assert np.array_equal(sound, again)
    assert turns == same
    for turn in turns:
        gaps = [b.start - a.end for a, b in zip(turn.words, turn.words[1:], strict=False)]
        assert sum(gap > 0 for gap in gaps) == 1  # each hesitates once
        at = gaps.index(max(gaps))
        pause = sound[turn.words[at].end + S // 8 : turn.words[at + 1].start - S // 8].astype(float)
        assert len(pause) == 0 or pause.std() < 0.1 * sound[turn.words[0].start : turn.words[0].end].std()
