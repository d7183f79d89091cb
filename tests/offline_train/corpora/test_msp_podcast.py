"""MSP-PODCAST in miniature."""

import json
from collections import Counter
from pathlib import Path

import pytest

from offline_train.corpora.errors import CorpusError
from offline_train.corpora.msp_podcast import sentiment_of
from offline_train.corpora.registry import read_corpus
from tests.offline_train.miniatures import make_msp_podcast

LABELS = "Labels/labels_consensus.csv"
SHARED = Path(__file__).parents[4] / "shared/data/msp_podcast"


def test_podcasts_in_order_with_everything_known_of_a_turn(tmp_path: Path) -> None:
    corpus = read_corpus("msp-podcast", make_msp_podcast(tmp_path))
    assert [[c.id for c in part] for part in corpus.splits.values()] == [
        ["0000", "0001", "0002", "0003"],
        ["0004"],
        ["0005"],
    ]
    turns = corpus.splits["test"][0].utterances
    assert [u.label for u in turns] == ["anger", "happiness", "neutral", None]
    assert [u.sentiment for u in turns] == ["negative", "positive", "neutral", "neutral"]
    first = turns[0]
    assert (first.id, first.valence, first.speaker) == ("MSP-PODCAST_0005_0009", 2, "5")
    assert (first.arousal, first.dominance) == (4.2, 3.9)
    assert first.text == "I am angry!"
    assert first.recording is not None
    assert first.recording.path.is_file()


def test_the_bands_of_the_papers_oracle() -> None:
    assert [sentiment_of(v) for v in (1, 2.99, 3, 5, 5.01, 7)] == [
        "negative",
        "negative",
        "neutral",
        "neutral",
        "positive",
        "positive",
    ]


def test_without_splits_four_fifths_of_the_podcasts_train(tmp_path: Path) -> None:
    make_msp_podcast(tmp_path, split_column=False, podcasts=10)
    splits = read_corpus("msp-podcast", tmp_path).splits
    assert [len(part) for part in splits.values()] == [8, 2, 0]
    assert splits == read_corpus("msp-podcast", tmp_path).splits


def test_other_names_and_no_transcripts(tmp_path: Path) -> None:
    make_msp_podcast(tmp_path, podcasts=1)
    (tmp_path / "Transcripts").rename(tmp_path / "elsewhere")
    (tmp_path / LABELS).rename(tmp_path / "Labels/labels_concensus.csv")  # as older releases spell it
    (tmp_path / "Audios/MSP-PODCAST_0000_0009.wav").rename(tmp_path / "Audios/mine.wav")
    path = tmp_path / "Labels/labels_concensus.csv"
    path.write_text(path.read_text().replace("MSP-PODCAST_0000_0009.wav", "mine.wav"))
    train = read_corpus("msp-podcast", tmp_path).splits["train"]
    assert [(c.id, len(c.utterances)) for c in train] == [("0000", 3), ("mine", 1)]
    assert {u.text for c in train for u in c.utterances} == {None}


@pytest.mark.parametrize(
    ("what", "message"),
    [
        (LABELS, r"expected Labels/labels_consensus\.csv"),
        ("Audios", "expected the folder Audios"),
        ("Audios/MSP-PODCAST_0001_0010.wav", r"line \d+: expected MSP-PODCAST_0001_0010\.wav in .*Audios"),
    ],
)
def test_what_is_missing_is_said(tmp_path: Path, what: str, message: str) -> None:
    make_msp_podcast(tmp_path / "msp")
    (tmp_path / "msp" / what).rename(tmp_path / "elsewhere")
    assert_refused(tmp_path / "msp", message)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("_0012.wav,X,4.2,3.0,3.9,0,Male,Train", "_0012.wav,X,4.2", "line 2: 3 fields .* cut off"),
        ("_0012.wav,X,", "_0012.wav,Q,", "line 2: unknown EmoClass 'Q'"),
        (",4.2,3.0,", ",4.2,low,", "line 2: EmoVal 'low' is no number"),
        ("Male,Train", "Male,Trial", "line 2: unknown Split_Set 'Trial'"),
        ("EmoVal", "Valence", "lacks the columns EmoVal"),
    ],
)
def test_labels_that_are_broken(tmp_path: Path, old: str, new: str, message: str) -> None:
    path = make_msp_podcast(tmp_path) / LABELS
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    assert_refused(tmp_path, message)


def make_words(folder: Path, **changed: object) -> Path:
    rows = [
        {"id": name, "text": f"{code}?", "label": code, "valence": 5.2, "arousal": 6, "dominance": 3.5}
        for name, code in (
            ("MSP-PODCAST_0002_0007_0010", "C"),
            ("MSP-PODCAST_0002_0007_0009", "H"),
            ("MSP-PODCAST_0002_0006", "N"),
            ("MSP-PODCAST_0001_0100", "A"),
        )
    ]
    rows[1] |= changed
    path = folder / "natural.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_words_without_sound_are_for_testing_only(tmp_path: Path) -> None:
    make_words(tmp_path)
    splits = read_corpus("msp-podcast", tmp_path).splits
    assert [len(part) for part in splits.values()] == [0, 0, 2]
    (one,), turns = (c.utterances for c in splits["test"])
    assert (one.text, one.label, one.recording) == ("A?", "anger", None)
    assert [u.label for u in turns] == ["neutral", "happiness", "contempt"]  # in the order of the podcast
    assert {u.sentiment for u in turns} == {"positive"}
    assert {(u.valence, u.arousal, u.dominance) for u in turns} == {(5.2, 6.0, 3.5)}


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"label": "Q"}, r"natural\.jsonl line 2: unknown label 'Q'"),
        ({"arousal": None}, r"line 2: 'arousal' is missing or of a wrong type"),
    ],
)
def test_words_that_are_broken(tmp_path: Path, changed: dict[str, object], message: str) -> None:
    make_words(tmp_path, **changed)
    assert_refused(tmp_path, message)


def test_no_words_at_all(tmp_path: Path) -> None:
    (tmp_path / "natural.jsonl").write_text("\n")
    assert_refused(tmp_path, "natural.jsonl has no rows")


@pytest.mark.skipif(not SHARED.is_dir(), reason="needs ../shared/data/msp_podcast")
def test_the_natural_turns_themselves() -> None:
    corpus = read_corpus("msp-podcast", SHARED)
    turns = [u for c in corpus.splits["test"] for u in c.utterances]
    assert len(turns) == sum(1 for _ in corpus.utterances()) == 2_608
    assert Counter(u.label for u in turns) == dict.fromkeys(corpus.labels, 326)
    for rating in ("valence", "arousal", "dominance"):
        assert all(1 <= getattr(u, rating) <= 7 for u in turns)


def assert_refused(folder: Path, message: str) -> None:
    with pytest.raises(CorpusError, match=message) as caught:
        read_corpus("msp-podcast", folder)
    assert "\n" not in str(caught.value)
