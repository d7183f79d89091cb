import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamer.turns.sentence_end import SentenceJudge, sentence_finished

FINISHED = [
    "Kids are talking by the door.",
    "The child almost hurt the small dog.",
    "Thank you.",
    "Yes!",
    "Hurry up!",
    "What is it for?",
    "That is all I know.",
    "Das ist gut.",
    "C'est fini !",
    'She said "Fine."',
]
OPEN = [
    "I went to the",
    "And then she said because",
    "so um",
    "So, um.",
    "Mend the coat before you",
    "I think that",
    "I think that…",
    "I mean, it's...",
    "Well,",
    "I wanted to go but",
    "And then we",
    "and then,",
]


@pytest.mark.parametrize("words", FINISHED)
def test_a_sentence_that_ends_in_its_mark_is_finished(words: str) -> None:
    assert sentence_finished(words) is True


@pytest.mark.parametrize("words", OPEN)
def test_one_that_trails_off_is_not(words: str) -> None:
    assert sentence_finished(words) is False


@pytest.mark.parametrize("words", ["", "  ", "...", "?!", "\n"])
def test_no_words_tell_nothing(words: str) -> None:
    assert sentence_finished(words) is None


@pytest.mark.parametrize("words", ["kids are talking by the door", "i went to the", "xqzvw"])
def test_words_without_punctuation_tell_something_where_it_is_written(words: str) -> None:
    assert sentence_finished(words, punctuated=False) is None
    assert sentence_finished(words) is False


@settings(deadline=None)
@given(st.text(max_size=60))
def test_whatever_is_recognised_there_is_an_answer(words: str) -> None:
    assert sentence_finished(words) in (True, False, None)
    assert sentence_finished(words) == sentence_finished(f" {words} ")


def test_a_recogniser_that_has_written_no_punctuation_does_not_say_that_sentences_go_on() -> None:
    judge = SentenceJudge()
    assert judge.finished("I am so very happy today", "plain") is None
    assert judge.finished("I am so very happy today.", "whisper") is True
    assert judge.finished("I am so very happy", "whisper") is False
    assert judge.finished("I am so very happy", "plain") is None
    assert judge.finished("I am, um", "plain") is False
