"""How emotions look."""

from rich.cells import cell_len

from streamer.outputs.emotion_marks import mark

MELD = ["neutral", "joy", "sadness", "anger", "surprise", "fear", "disgust"]
IEMOCAP = ["angry", "happy", "sad", "neutral", "excited", "frustrated"]


def test_emotions_of_one_corpus_differ_in_symbol_and_colour() -> None:
    for labels in (MELD, IEMOCAP, ["negative", "neutral", "positive"]):
        assert len({mark(label).symbol for label in labels}) == len(labels)
        assert len({mark(label).colour for label in labels}) == len(labels)


def test_names_of_the_same_emotion_look_the_same() -> None:
    assert mark("anger") == mark("Angry")
    assert mark("joy") == mark("happy")


def test_an_emotion_nobody_has_heard_of_keeps_its_look() -> None:
    assert mark("schadenfreude") == mark("schadenfreude")
    assert len({mark(f"emotion {i}") for i in range(100)}) > 10


def test_every_symbol_is_one_cell_wide() -> None:
    for label in [*MELD, *IEMOCAP, *(f"emotion {i}" for i in range(100))]:
        assert cell_len(mark(label).symbol) == 1
