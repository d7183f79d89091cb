"""Own data by manifest: what may be written, and what is said when it may not."""

from pathlib import Path

import pytest

from offline_train.corpora.errors import CorpusError
from offline_train.corpora.registry import read_corpus
from tests.offline_train.miniatures import make_manifest, tone, write_wav


def test_everything_at_once(tmp_path: Path) -> None:
    corpus = read_corpus("folder", make_manifest(tmp_path))
    assert corpus.labels == ("anger", "happiness", "neutral")
    assert [len(part) for part in corpus.splits.values()] == [6, 2, 2]
    _, second, _, last = corpus.splits["train"][0].utterances
    assert (second.id, second.text, second.label) == ("u1", "I am happy!", "happiness")
    assert (second.sentiment, second.speaker, second.valence) == ("positive", "B", 0.5)
    assert second.recording is not None
    assert second.recording.path.is_file()
    assert (second.recording.start_s, second.recording.end_s) == (0.5, 1.1)
    assert (last.label, last.sentiment) == (None, None)


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252"])
def test_what_spreadsheets_write(tmp_path: Path, delimiter: str, encoding: str) -> None:
    rows = ["conversation|text|split", '1|"Où? A; b, c"|train', "1||", "2|Ça|dev", "3|Oh|test"]
    content = "\r\n".join(row.replace("|", delimiter) for row in rows if row != "1||") + "\r\n"
    (tmp_path / "mine.csv").write_bytes(content.encode(encoding))
    corpus = read_corpus("folder", tmp_path / "mine.csv")
    assert [[u.text for c in part for u in c.utterances] for part in corpus.splits.values()] == [
        ["Où? A; b, c"],
        ["Ça"],
        ["Oh"],
    ]
    assert corpus.labels == ()
    assert read_corpus("folder", tmp_path) == corpus


def test_without_splits_conversations_are_drawn_once_and_for_all(tmp_path: Path) -> None:
    make_manifest(tmp_path, split_column=False, conversations=20)
    splits = read_corpus("folder", tmp_path).splits
    assert [len(part) for part in splits.values()] == [16, 2, 2]
    assert len({c.id for part in splits.values() for c in part}) == 20
    assert splits == read_corpus("folder", tmp_path).splits


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (["text", "a"], "lacks the columns conversation"),
        (["conversation,text"], "has no rows"),
        ([], "lacks the columns conversation"),
        (["conversation,text,lable", "1,a,joy"], "has the column 'lable'; there are conversation, text"),
        (["conversation,text", "1,a", ",b"], "line 3: which conversation"),
        (["conversation,text,audio", "1,a,", "1,,"], "line 3: neither text nor audio"),
        (["conversation,text,audio", "1,a,", "1,,no.wav"], r"line 3: no audio file .*no\.wav"),
        (["conversation,audio", "1," + "so many words " * 50], "line 2: no audio file so many words"),
        (["conversation,text", "1,\0"], r"manifest\.csv is no text"),
        (["conversation,text,split", "1,a,train", "2,b,training"], "line 3: unknown split 'training'"),
        (["conversation,text,split", "1,a,train", "1,b,test"], "line 3: conversation 1 is in train already"),
        (
            ["conversation,text,utterance", "1,a,x", "1,b,x"],
            "line 3: .*1 has an utterance 'x' already",
        ),
        (["conversation,text,sentiment", "1,a,good"], "line 2: unknown sentiment 'good'; there are negative"),
        (["conversation,text,valence", "1,a,high"], "line 2: valence 'high' is no number"),
        (["conversation,text,valence", "1,a,nan"], "line 2: valence 'nan' is no number"),
        (["conversation,text,arousal", "1,a,much"], "line 2: arousal 'much' is no number"),
        (["conversation,text,start", "1,a,1.0"], "line 2: start or end, but no audio"),
        (
            ["conversation,audio,start,end", "1,a.wav,2,1"],
            "line 2: it should start at 0 or later",
        ),
        (["conversation,audio,start", "1,a.wav,-1"], "line 2: it should start at 0 or later"),
        (["conversation,text", "1,a", "1"], "line 3: 1 fields where the header has 2"),
        (["conversation,text", '1,"a'], "line 2: .*cut off"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(tmp_path: Path, rows: list[str], message: str) -> None:
    write_wav(tmp_path / "a.wav", tone(0.1))
    (tmp_path / "manifest.csv").write_text("\n".join(rows))
    with pytest.raises(CorpusError, match=message) as caught:
        read_corpus("folder", tmp_path)
    assert "\n" not in str(caught.value)


def test_which_manifest(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"expected manifest\.csv in .* found 0"):
        read_corpus("folder", tmp_path)
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_text("conversation,text\n1,a\n")
    with pytest.raises(CorpusError, match=r"expected manifest\.csv in .* found 2"):
        read_corpus("folder", tmp_path)
