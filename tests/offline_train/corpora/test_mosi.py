"""CMU-MOSI: the raw release and its redistribution in miniature, and the prepared corpus."""

from pathlib import Path

import pytest

from offline_train.corpora.corpus import Corpus
from offline_train.corpora.errors import CorpusError
from offline_train.corpora.mosi import TEST_VIDEOS
from offline_train.corpora.registry import read_corpus
from tests.offline_train.miniatures import make_mosi, make_mosi_redistribution

SHARED = Path(__file__).parents[4] / "shared/data/mosi"
LABELS = "Raw/Labels/OpinionLevelSentiment.csv"


def videos(corpus: Corpus) -> list[list[str]]:
    return [[c.id for c in part] for part in corpus.splits.values()]


def test_the_raw_release(tmp_path: Path) -> None:
    corpus = read_corpus("mosi", make_mosi(tmp_path))
    assert videos(corpus) == [
        [f"video_-{n}" for n in range(5)],
        ["video_-5"],
        [f"video_-{n}" for n in (6, 7, 8)],
    ]
    first, second = corpus.splits["validation"][0].utterances[:2]
    assert (first.label, first.valence) == ("positive", 0)  # zero counts as positive
    assert (second.id, second.label, second.valence) == ("video_-5_2", "negative", -1.75)
    assert second.text == "I AM ANGRY!"
    assert second.recording is not None
    assert second.recording.path.is_file()
    assert read_corpus("mosi", tmp_path / "Raw") == corpus


def test_the_test_videos_of_the_papers_wherever_they_stand(tmp_path: Path) -> None:
    corpus = read_corpus("mosi", make_mosi(tmp_path, ["vyB00TXsimI", "zzz", "03bSnISJMiM", "aaa"]))
    assert videos(corpus) == [["aaa", "zzz"], [], ["03bSnISJMiM", "vyB00TXsimI"]]


def test_the_redistribution(tmp_path: Path) -> None:
    corpus = read_corpus("mosi", make_mosi_redistribution(tmp_path))
    assert videos(corpus) == [["vid0", "vid1"], ["vid2"], ["vid3"]]
    said = corpus.splits["test"][0].utterances
    assert [(u.id, u.label, u.valence) for u in said] == [
        ("vid3_1", "negative", -2),
        ("vid3_2", "positive", 1.4),
    ]
    assert all(u.recording and u.recording.path.suffix == ".mp4" for u in said)
    (tmp_path / "Raw/vid2/2.mp4").unlink()
    assert_refused(tmp_path, r"expected 2\.mp4 in .*vid2")


@pytest.mark.parametrize(
    ("what", "message"),
    [
        (LABELS, r"expected OpinionLevelSentiment\.csv, label\.csv or utterances\.jsonl"),
        ("Raw/Audio", "expected Audio/WAV_16000/Segmented"),
        ("Raw/Transcript", "expected Transcript/Segmented"),
        ("Raw/Transcript/Segmented/video_-3.annotprocessed", r"expected video_-3\.annotprocessed"),
        ("Raw/Audio/WAV_16000/Segmented/video_-3_2.wav", r"expected video_-3_2\.wav"),
    ],
)
def test_what_is_missing_is_said(tmp_path: Path, what: str, message: str) -> None:
    make_mosi(tmp_path / "mosi")
    (tmp_path / "mosi" / what).rename(tmp_path / "elsewhere")
    assert_refused(tmp_path / "mosi", message)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("video_-1,2,-1.75\n", "video_-1\n", "line 6 is not 'start,end,video,segment,score'"),
        ("video_-1,2,-1.75", "video_-1,2,bad", "line 6: the score 'bad' is no number"),
        ("video_-1,2,-1.75", "video_-1,2,nan", "line 6: score nan is not between"),
        ("video_-1,2,-1.75", "video_-1,2,-4", "line 6: score -4 is not between"),
        ("video_-1,2,-1.75", "video_-1,9,-1.75", r"video_-1\.annotprocessed has no line of 9"),
    ],
)
def test_labels_that_are_broken(tmp_path: Path, old: str, new: str, message: str) -> None:
    path = make_mosi(tmp_path) / LABELS
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    assert_refused(tmp_path, message)


def test_words_and_labels_that_are_empty(tmp_path: Path) -> None:
    (make_mosi(tmp_path) / "Raw/Transcript/Segmented/video_-1.annotprocessed").write_text("1 HELLO\n")
    assert_refused(tmp_path, "line 1 is not 'segment_DELIM_words'")
    (tmp_path / LABELS).write_text("")
    assert_refused(tmp_path, "no labels in")


def assert_refused(folder: Path, message: str) -> None:
    with pytest.raises(CorpusError, match=message) as caught:
        read_corpus("mosi", folder)
    assert "\n" not in str(caught.value)


@pytest.mark.skipif(not SHARED.is_dir(), reason="needs ../shared/data/mosi")
def test_the_prepared_sizes() -> None:
    corpus = read_corpus("mosi", SHARED)
    assert [len(part) for part in corpus.splits.values()] == [49, 13, 31]
    sizes = [sum(len(c.utterances) for c in part) for part in corpus.splits.values()]
    assert (sizes[0] + sizes[1], sizes[2]) == (1447, 752)
    assert {c.id for c in corpus.splits["test"]} == TEST_VIDEOS
    names = [c.id for part in ("train", "validation") for c in corpus.splits[part]]
    assert names == sorted(names)  # the raw release, divided by name, is divided alike
    for features, width in ((None, 73), ("text100", 100)):
        for part in read_corpus("mosi", SHARED, features=features).splits.values():
            assert all(
                u.speech is not None and u.speech.shape == (width,) for c in part for u in c.utterances
            )
