import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamer.turns.sentence_end import evidence_of_end

FINISHED = [
    "kids are talking by the door",
    "the child almost hurt the small dog",
    "thank you",
    "yes",
    "Hurry up!",
    "What is it for?",
    "That is all I know.",
    "Das ist gut.",
    "C'est fini !",
]
OPEN = [
    "i went to the",
    "I went to the.",
    "and then she said because",
    "so um",
    "mend the coat before you",
    "i think that",
    "I think that…",
    "I mean, it's...",
    "Well,",
    "I wanted to go but",
    "And then we",
]


@pytest.mark.parametrize("words", FINISHED)
def test_a_finished_sentence_speaks_for_an_end(words: str) -> None:
    assert evidence_of_end(words) > 0.5


@pytest.mark.parametrize("words", OPEN)
def test_one_that_trails_off_speaks_against(words: str) -> None:
    assert evidence_of_end(words) < -0.5


@pytest.mark.parametrize("nothing", ["", "  ", "...", "?!", "\n"])
def test_no_words_say_nothing(nothing: str) -> None:
    assert evidence_of_end(nothing) == 0


def test_words_it_does_not_know_say_little() -> None:
    assert abs(evidence_of_end("xqzvw")) < 0.5


@settings(deadline=None)
@given(st.text(max_size=60))
def test_whatever_is_recognised_there_is_an_answer_within_bounds(words: str) -> None:
    assert -3 <= evidence_of_end(words) <= 3
    assert evidence_of_end(words) == evidence_of_end(f" {words} ")
