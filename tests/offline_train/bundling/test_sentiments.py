import pytest

from offline_train.bundling.sentiments import BY_NAME, sentiments
from offline_train.corpora.corpus import Conversation, Corpus, Utterance
from offline_train.corpora.iemocap import LABELS6


def corpus(*utterances: Utterance) -> Corpus:
    train = [Conversation("1", utterances)]
    return Corpus(
        "some", ("joy", "surprise", "Schadenfreude"), {"train": train, "validation": [], "test": []}
    )


def test_what_the_corpus_says_comes_first() -> None:
    said = corpus(
        Utterance("1", "a", "joy", "positive"),
        Utterance("2", "b", "joy", "positive"),
        Utterance("3", "c", "joy", "negative"),
        Utterance("4", "d", "joy", "neutral"),
        Utterance("5", "e", None, "negative"),
        Utterance("6", "f", "surprise"),
    )
    found = sentiments(said, said.labels)
    assert found["joy"] == {"positive": 0.5, "negative": 0.25, "neutral": 0.25}
    assert found["surprise"] == BY_NAME["surprise"]
    assert found["Schadenfreude"] == {"neutral": 1.0}


def test_names_of_emotions() -> None:
    found = sentiments(corpus(), LABELS6)
    likeliest = {label: max(shares, key=shares.__getitem__) for label, shares in found.items()}
    negative = {"sad", "angry", "frustrated"}
    assert {label for label, sentiment in likeliest.items() if sentiment == "negative"} == negative
    assert {label for label, sentiment in likeliest.items() if sentiment == "positive"} == {
        "happy",
        "excited",
    }
    for shares in BY_NAME.values():
        assert sum(shares.values()) == pytest.approx(1)
