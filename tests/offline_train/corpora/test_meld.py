"""The MELD reader, on a miniature in the published layout and on the real thing."""

from pathlib import Path

import numpy as np
import pytest

from offline_train.corpora.errors import CorpusError
from offline_train.corpora.meld import LABELS, PROSODY, read_meld
from offline_train.corpora.registry import read_corpus
from tests.offline_train.miniatures import MELD_HEADER as HEADER
from tests.offline_train.miniatures import make_meld

ROWS = """\
1,"Hey, you!",Joey,joy,positive,0,0,1,1,"00:00:01,000","00:00:02,000"
2,Leave me alone.,Ross,anger,negative,0,1,1,1,"00:00:02,000","00:00:03,000"
3,"It’s ""fine"".",Joey,neutral,neutral,7,0,1,1,"00:00:01,000","00:00:02,000"
"""
SHARED = Path(__file__).parents[4] / "shared/data/meld"


def test_dialogues_in_order_with_their_utterances(tmp_path: Path) -> None:
    (tmp_path / "dev_sent_emo.csv").write_text(HEADER + ROWS, encoding="utf-8")
    first, second = read_meld(tmp_path, "validation")
    assert [(u.text, u.label, u.speaker) for u in first.utterances] == [
        ("Hey, you!", "joy", "Joey"),
        ("Leave me alone.", "anger", "Ross"),
    ]
    assert (second.id, second.utterances[0].text) == ("7", 'It’s "fine".')


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "expected test_sent_emo.csv"),
        ("a,b\n1,2\n", "lacks the columns"),
        (HEADER + ROWS.replace("anger", "angst"), "line 3: unknown label angst"),
        (HEADER + ROWS[:-60], "line 4: .*cut off"),
        (HEADER + ROWS[:-5], "line 4: .*cut off"),
        ("", "lacks the columns"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(tmp_path: Path, content: str | None, message: str) -> None:
    if content is not None:
        (tmp_path / "test_sent_emo.csv").write_text(content, encoding="utf-8")
    with pytest.raises(CorpusError, match=message) as caught:
        read_meld(tmp_path, "test")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("archive", "moved"),
    [
        ("train_splits", "train/train_splits"),
        ("dev_splits_complete", "dev"),
        ("output_repeated_splits_test", "test"),
    ],
)
def test_clips_where_people_unpack_them(tmp_path: Path, archive: str, moved: str) -> None:
    make_meld(tmp_path, dialogues=1)
    (tmp_path / "sub" / moved).parent.mkdir(parents=True)
    (tmp_path / archive).rename(tmp_path / "sub" / moved)
    splits = read_corpus("meld", tmp_path).splits
    utterances = [u for part in splits.values() for c in part for u in c.utterances]
    assert all(u.recording and u.recording.path.is_file() for u in utterances)
    assert len({u.recording.path for u in utterances if u.recording}) == 3 * 4


def test_text_alone_has_no_recordings(tmp_path: Path) -> None:
    corpus = read_corpus("meld", make_meld(tmp_path, clips=False))
    assert corpus.labels == LABELS
    assert {u.recording for part in corpus.splits.values() for c in part for u in c.utterances} == {None}


def test_a_clip_that_is_missing_or_cut_off_is_no_recording(tmp_path: Path) -> None:
    clips = make_meld(tmp_path, dialogues=1) / "train_splits"
    (clips / "dia0_utt0.mp4").unlink()
    whole = (clips / "dia0_utt1.mp4").read_bytes()
    (clips / "dia0_utt1.mp4").write_bytes(whole[: len(whole) // 2])
    (clips / "dia0_utt2.mp4").write_bytes(b"")
    (conversation,) = read_meld(tmp_path, "train")
    assert [u.recording is None for u in conversation.utterances] == [True, True, True, False]
    (clips / "dia0_utt3.mp4").unlink()
    with pytest.raises(CorpusError, match=r"expected clips named diaX_uttY\.mp4 in .*train_splits"):
        read_meld(tmp_path, "train")


def write_prosody(path: Path, *rows: str, names: tuple[str, ...] = PROSODY) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text("\n".join([",".join(("dialogue", "utterance", *names)), *rows]) + "\n")


def test_prosody_goes_with_its_utterance(tmp_path: Path) -> None:
    (tmp_path / "dev_sent_emo.csv").write_text(HEADER + ROWS, encoding="utf-8")
    path = tmp_path / "prosody/dev.csv"
    write_prosody(path, "0,1,1.5,60,3,200,20,70,4.5,9", "7,0,0.25,50,2,,0,0,,-1.5", "9,9,1,1,1,1,1,1,1,1")
    first, second = read_meld(tmp_path, "validation")
    assert first.utterances[0].prosody is None
    measured = first.utterances[1].prosody
    assert measured is not None
    assert measured.dtype == np.float32
    np.testing.assert_array_equal(measured, [1.5, 60, 3, 200, 20, 70, 4.5, 9])
    np.testing.assert_array_equal(second.utterances[0].prosody, [0.25, 50, 2, np.nan, 0, 0, np.nan, -1.5])
    path.unlink()
    with pytest.raises(CorpusError, match=r"MELD: expected dev\.csv in \S+prosody$"):
        read_meld(tmp_path, "validation")
    write_prosody(path, "0,1,1.5,loud,3,200,20,70,4.5,9")
    with pytest.raises(CorpusError, match=r"dev\.csv line 2: avg_intensity 'loud' is no number$"):
        read_meld(tmp_path, "validation")
    write_prosody(path, names=PROSODY[:-1])
    with pytest.raises(CorpusError, match="lacks the columns mean_hnr"):
        read_meld(tmp_path, "validation")


@pytest.mark.skipif(not SHARED.is_dir(), reason="needs ../shared/data/meld")
def test_the_published_sizes() -> None:
    sizes = {split: read_meld(SHARED, split) for split in ("train", "validation", "test")}
    assert [len(part) for part in sizes.values()] == [1038, 114, 280]
    utterances = [[u for c in part for u in c.utterances] for part in sizes.values()]
    assert [len(part) for part in utterances] == [9989, 1109, 2610]
    assert {u.label for part in utterances for u in part} == set(LABELS)
    if (SHARED / "prosody").is_dir():
        assert [sum(u.prosody is None for u in part) for part in utterances] == [1, 1, 0]
        measures = np.stack([u.prosody for part in utterances for u in part if u.prosody is not None])
        assert measures.shape == (13_706, 8)
        assert np.isfinite(measures[:, :3]).all()
