"""The MELD reader, on a miniature in the published layout and on the real thing."""

from pathlib import Path

import pytest

from offline_train.corpora.errors import CorpusError
from offline_train.corpora.meld import LABELS, read_meld

HEADER = (
    "Sr No.,Utterance,Speaker,Emotion,Sentiment,Dialogue_ID,Utterance_ID,Season,Episode,StartTime,EndTime\n"
)
ROWS = """\
1,"Hey, you!",Joey,joy,positive,0,0,1,1,"00:00:01,000","00:00:02,000"
2,Leave me alone.,Ross,anger,negative,0,1,1,1,"00:00:02,000","00:00:03,000"
3,"It’s ""fine"".",Joey,neutral,neutral,7,0,1,1,"00:00:01,000","00:00:02,000"
"""
SHARED = Path(__file__).parents[3] / "shared/data/meld"


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
    ],
)
def test_what_is_wrong_is_said_in_one_line(tmp_path: Path, content: str | None, message: str) -> None:
    if content is not None:
        (tmp_path / "test_sent_emo.csv").write_text(content, encoding="utf-8")
    with pytest.raises(CorpusError, match=message) as caught:
        read_meld(tmp_path, "test")
    assert "\n" not in str(caught.value)


@pytest.mark.skipif(not SHARED.is_dir(), reason="needs ../shared/data/meld")
def test_the_published_sizes() -> None:
    sizes = {split: read_meld(SHARED, split) for split in ("train", "validation", "test")}
    assert [len(part) for part in sizes.values()] == [1038, 114, 280]
    utterances = [[u for c in part for u in c.utterances] for part in sizes.values()]
    assert [len(part) for part in utterances] == [9989, 1109, 2610]
    assert {u.label for part in utterances for u in part} == set(LABELS)
