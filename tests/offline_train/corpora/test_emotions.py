"""How the labels of corpora map to ours: complete, and in the guide as in the code."""

from pathlib import Path

import pytest

from offline_train.corpora import dailydialog, iemocap, meld, msp_podcast
from offline_train.corpora.emotions import EMOTIONS, TABLE, emotion_named, emotions_of, synonyms
from offline_train.corpora.goemotions import read_goemotions
from offline_train.corpora.registry import CLIPS, CORPORA

GUIDE = Path(__file__).parents[3] / "docs/training.md"
SHARED = Path(__file__).parents[4] / "shared/data/goemotions"


def test_the_guide_has_the_same_table() -> None:
    header = f"| corpus | {' | '.join(EMOTIONS)} | left out |"
    lines = GUIDE.read_text(encoding="utf-8").splitlines()
    start = lines.index(header) + 2
    rows = lines[start : start + lines[start:].index("")]
    assert rows == [
        f"| `{corpus}` |" + "".join(f" {each} |" if each else " |" for each in names)
        for corpus, names in TABLE.items()
    ]


def test_every_corpus_of_emotions_is_in_it() -> None:
    of_sentiments_or_none_or_ones_own = {"mosi", "sst", "empathetic-dialogues", "folder", "voices"}
    assert TABLE.keys() == set(CORPORA) - of_sentiments_or_none_or_ones_own
    assert TABLE.keys() >= CLIPS.keys()


@pytest.mark.parametrize(
    ("corpus", "labels"),
    [
        ("meld", meld.LABELS),
        ("iemocap", iemocap.LABELS),
        ("iemocap6", iemocap.LABELS6),
        ("msp-podcast", msp_podcast.LABELS),
        ("dailydialog", dailydialog.LABELS),
    ],
)
def test_every_label_of_a_corpus_is_in_its_row(corpus: str, labels: tuple[str, ...]) -> None:
    assert set(emotions_of(corpus)) == set(labels)


@pytest.mark.skipif(not SHARED.is_dir(), reason="needs ../shared/data/goemotions")
def test_every_label_of_goemotions_is_in_its_row() -> None:
    assert set(emotions_of("goemotions")) == set(read_goemotions(SHARED).labels)


def test_what_is_not_one_of_ours() -> None:
    assert emotions_of("ravdess")["calm"] == "neutral"
    assert emotions_of("tess")["pleasant surprise"] == "surprise"
    assert emotions_of("iemocap6")["excited"] == "joy"
    assert emotions_of("emodb")["boredom"] is None
    assert emotions_of("msp-podcast")["contempt"] is None
    assert emotions_of("iemocap6")["frustrated"] is None


def test_no_name_means_two_emotions() -> None:
    for corpus in TABLE:
        for name, ours in emotions_of(corpus).items():
            assert emotion_named(name) == ours
    assert emotion_named("blasé") is None


def test_names_for_the_same_emotion() -> None:
    names = synonyms(("angry", "happy", "neutral", "upset"))
    assert {names[name] for name in ("joy", "happiness", "happy", "excited")} == {"happy"}
    assert names["calm"] == "neutral"
    assert names["upset"] == "upset"
    assert "fear" not in names
    two = synonyms(("happy", "excited"))
    assert (two["joy"], two["excited"]) == ("happy", "excited")
