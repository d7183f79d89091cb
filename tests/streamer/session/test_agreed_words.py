"""Which words two successive recognitions agree on."""

from hypothesis import given, settings
from hypothesis import strategies as st

from streamer.session.agreed_words import AgreedWords

WORDS = st.lists(
    st.sampled_from(["the", "The", "cat,", "cat", "dog", "sat.", "-", "25", "was"]), max_size=8
).map(" ".join)
HEARD = st.lists(st.one_of(st.tuples(WORDS, st.booleans()), st.none()), max_size=12)


def heard(*texts: str) -> list[tuple[str, str]]:
    """The committed words and the others after each of several recognitions."""
    words = AgreedWords()
    told = []
    for text in texts:
        words.hear(text)
        told.append((words.committed, words.text.removeprefix(words.committed).strip()))
    return told


def test_words_that_two_recognitions_agree_on_are_committed() -> None:
    assert heard("I", "I can", "I can't believe", "I can't believe you did that.") == [
        ("", "I"),
        ("I", "can"),
        ("I", "can't believe"),
        ("I can't believe", "you did that."),
    ]


def test_case_and_punctuation_do_not_matter_and_are_those_of_the_later_one() -> None:
    assert heard("Wait what.", "Wait, what is") == [("", "Wait what."), ("Wait, what", "is")]


def test_committed_words_stay_though_later_recognitions_have_others() -> None:
    assert heard("in the kitchen", "in the kitchen now", "in a kitchen now there is")[-1] == (
        "in the kitchen now",
        "there is",
    )


def test_fewer_or_more_words_for_the_same_do_not_shift_the_others() -> None:
    assert heard("I do not know", "I do not know", "I don't know why")[-1] == ("I do not know", "why")
    assert heard("he is", "he is", "so he is a friend")[-1] == ("he is", "a friend")


def test_a_recognition_without_words_changes_nothing() -> None:
    assert heard("wait what", "wait where", "", "wait where is")[-2:] == [
        ("wait", "where"),
        ("wait where", "is"),
    ]


def test_after_a_pause_only_what_follows_is_recognised() -> None:
    words = AgreedWords()
    words.hear("hello")
    words.hear("Hello there.", whole=True)
    assert (words.committed, words.text) == ("Hello", "Hello there.")
    words.settle()
    assert words.committed == words.text == "Hello there."
    words.hear("my")
    assert (words.committed, words.text) == ("Hello there.", "Hello there. my")
    words.hear("my friend")
    assert (words.committed, words.text) == ("Hello there. my", "Hello there. my friend")
    words.hear("hello there, my friend", whole=True)
    assert words.committed == words.text == "Hello there. my friend"


@settings(deadline=None)
@given(HEARD)
def test_committed_words_only_grow_and_begin_the_text(recognitions: list[tuple[str, bool] | None]) -> None:
    words = AgreedWords()
    for each in recognitions:
        before = words.committed.split()
        if each is None:
            words.settle()
            assert words.committed == words.text
        else:
            text, whole = each
            words.hear(text, whole=whole)
        assert words.committed.split()[: len(before)] == before
        assert words.text.split()[: len(words.committed.split())] == words.committed.split()


@settings(deadline=None)
@given(st.lists(st.text("ab ", max_size=12), max_size=8))
def test_what_is_said_of_growing_sound_without_doubt_is_committed_one_recognition_later(
    pieces: list[str],
) -> None:
    words = AgreedWords()
    said, before = "", ""
    for piece in pieces:
        said, before = f"{said} {piece}", said
        words.hear(said)
        assert words.text == " ".join(said.split())
        if piece.strip():
            assert words.committed == " ".join(before.split())
