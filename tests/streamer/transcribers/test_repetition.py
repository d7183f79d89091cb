import pytest

from streamer.transcribers.repetition import MOST_PHRASES_ALIKE, MOST_WORDS_ALIKE, without_loops


@pytest.mark.parametrize(
    "said",
    [
        "",
        "no",
        "no no no no",
        "oh no oh no oh no",
        "ask what you can do for your country ask not what your country can do for you",
        " ".join(["no"] * MOST_WORDS_ALIKE),
        " ".join(["come on"] * MOST_PHRASES_ALIKE),
    ],
)
def test_what_people_say_stays(said: str) -> None:
    assert without_loops(said.split()) == said.split()


@pytest.mark.parametrize("phrase", ["you", "thank you", "i do not know what to say"])
def test_a_turn_that_is_a_loop_has_no_words(phrase: str) -> None:
    assert without_loops(phrase.split() * 20) == []


def test_a_loop_at_the_end_is_kept_once() -> None:
    said = "i really wanted to tell you all about what happened today"
    assert without_loops([*said.split(), *["yes", "but"] * 4]) == [*said.split(), "yes", "but"]


def test_keys_are_compared_and_words_kept() -> None:
    assert without_loops(["You!", "you."] * 9, ["you"] * 18) == []
    assert without_loops(["You!", "You."], ["you", "you"]) == ["You!", "You."]
