"""Corpora of text: GoEmotions, DailyDialog, EmpatheticDialogues, SST."""

from collections.abc import Callable
from pathlib import Path

import pytest

from offline_train.corpora.detokenize import detokenize
from offline_train.corpora.empathetic_dialogues import divide_turns
from offline_train.corpora.errors import CorpusError
from offline_train.corpora.registry import read_corpus
from tests.offline_train.miniatures import (
    make_dailydialog,
    make_empathetic_dialogues,
    make_goemotions,
    make_sst,
)

SHARED = Path(__file__).parents[4] / "shared/data"
needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason="needs ../shared/data")


@pytest.mark.parametrize(
    ("tokens", "text"),
    [
        ("Oh , umm , no thanks .", "Oh, umm, no thanks."),
        ("it 's `` waterboy ! '' , is n't it ?", "it's \"waterboy!\", isn't it?"),
        ("` how many more ? '", "'how many more?'"),
        ("the makers ' best '70s film -lrb- 5 \\/ 10 -rrb- .", "the makers' best '70s film (5 / 10)."),
        ("I ’ m sure he doesn ’ t , I ’ Ve", "I’m sure he doesn’t, I’Ve"),
        ("rock 'n' roll", "rock 'n' roll"),
        ("that's too far.Can you change $ 5 ?", "that's too far. Can you change $5?"),
        ("15 % off ...", "15% off..."),
        ("nothing to undo", "nothing to undo"),
    ],
)
def test_detokenize(tokens: str, text: str) -> None:
    assert detokenize(tokens) == text


def test_goemotions(tmp_path: Path) -> None:
    corpus = read_corpus("goemotions", make_goemotions(tmp_path))
    assert corpus.labels == ("admiration", "anger", "neutral")
    said = [u for c in corpus.splits["train"] for u in c.utterances]
    assert [(u.id, u.label) for u in said] == [("ed0", "admiration"), ("ed1", "anger"), ("ed2", "neutral")]


def test_dailydialog(tmp_path: Path) -> None:
    corpus = read_corpus("dailydialog", make_dailydialog(tmp_path))
    first, second = corpus.splits["test"]
    assert [(u.text, u.label) for u in first.utterances] == [
        ("I’m angry, you know!", "anger"),
        ("Are you?", "neutral"),
    ]
    assert [(u.text, u.label) for u in second.utterances] == [
        ("A good day.", "neutral"),
        ("We're happy!", "happiness"),
    ]
    assert [(u.text, u.label, u.speaker) for u in corpus.splits["train"][0].utterances] == [
        ("We're not good.", "sadness", "A"),
        ("Oh, no!", "surprise", "B"),
    ]
    make_dailydialog(tmp_path, train=True)
    assert len(read_corpus("dailydialog", tmp_path).splits["train"][0].utterances) == 2
    assert read_corpus("dailydialog", tmp_path).splits["train"][0].utterances[0].label == "anger"


def test_empathetic_dialogues(tmp_path: Path) -> None:
    corpus = read_corpus("empathetic-dialogues", make_empathetic_dialogues(tmp_path))
    assert corpus.labels == ()
    assert [[u.text for u in c.utterances] for c in corpus.splits["test"]] == [
        ["I am happy today.", "Are you? Good!", "I am.", "The day is good"],
        ["I am angry", "we are not", "You are"],
    ]
    assert [u.speaker for u in corpus.splits["test"][0].utterances] == ["A", "B", "A", "B"]
    assert corpus.splits["train"] == []


def test_turns_that_do_not_fit() -> None:
    assert divide_turns("I am.You are.", "He is.", 2) == []
    assert divide_turns("I am.You are.", "I am.", 2) == ["I am.", "You are."]
    assert divide_turns("I am.", "I am.", 1) == ["I am."]


def test_sst(tmp_path: Path) -> None:
    corpus = read_corpus("sst", make_sst(tmp_path))
    said = [u for c in corpus.splits["validation"] for u in c.utterances]
    assert [u.label for u in said] == list(corpus.labels)
    assert [u.sentiment for u in said] == ["negative", "negative", "neutral", "positive", "positive"]
    assert [u.text for u in said][1::3] == ["we are not good, aren't we?", 'it\'s "happy"!']


@pytest.mark.parametrize(
    ("name", "make", "file", "content", "message"),
    [
        ("goemotions", make_goemotions, "dev.tsv", None, r"expected dev\.tsv"),
        ("goemotions", make_goemotions, "labels.txt", None, r"expected labels\.txt"),
        ("goemotions", make_goemotions, "dev.tsv", "a\t0\tx\nb\t3\ty\n", "line 2 is not"),
        ("goemotions", make_goemotions, "dev.tsv", "a\t0\tx\nb\t", "line 2 is not"),
        ("dailydialog", make_dailydialog, "dialogues_test.txt", None, r"expected dialogues_test\.txt"),
        ("dailydialog", make_dailydialog, "dailydialog_train.json", None, r"expected dialogues_train\.txt"),
        ("dailydialog", make_dailydialog, "dailydialog_train.json", '{"a": [[', "is no JSON"),
        ("dailydialog", make_dailydialog, "dailydialog_train.json", '{"a": [[{}]]}', "a is not one list"),
        ("dailydialog", make_dailydialog, "dialogues_test.txt", "Hi __eou__\n", "has 1 dialogues, .* 2"),
        (
            "dailydialog",
            make_dailydialog,
            "dialogues_emotion_test.txt",
            "1 0\n0 7\n",
            "line 2 is not a number",
        ),
        ("dailydialog", make_dailydialog, "dialogues_emotion_test.txt", "1 0\n0\n", "line 2 is not"),
        ("empathetic-dialogues", make_empathetic_dialogues, "test.csv", None, r"expected test\.csv"),
        ("empathetic-dialogues", make_empathetic_dialogues, "test.csv", "a,b\n1,2\n", "lacks the columns"),
        (
            "empathetic-dialogues",
            make_empathetic_dialogues,
            "test.csv",
            "utterance_data,speaker_utterance,speaker_info\na,a,[0\n",
            "line 2: speaker_info",
        ),
        ("sst", make_sst, "stsa.fine.dev", None, r"expected stsa\.fine\.dev"),
        ("sst", make_sst, "stsa.fine.dev", "0 good\n5 bad\n", "line 2 is not a class from 0 to 4"),
        ("sst", make_sst, "stsa.fine.dev", "0 good\n3", "line 2 is not a class from 0 to 4"),
    ],
)
def test_what_is_wrong_is_said(
    tmp_path: Path, name: str, make: Callable[[Path], Path], file: str, content: str | None, message: str
) -> None:
    path = make(tmp_path) / file
    if content is None:
        path.unlink()
    else:
        path.write_text(content)
    with pytest.raises(CorpusError, match=message) as caught:
        read_corpus(name, tmp_path)
    assert "\n" not in str(caught.value)


@needs_shared
@pytest.mark.parametrize(
    ("name", "folder", "sizes"),
    [
        ("goemotions", "goemotions", [43_410, 5_426, 5_427]),
        ("dailydialog", "dailydialog", [834, 1_000, 1_000]),
        ("sst", "sst", [8_544, 1_101, 2_210]),
        ("empathetic-dialogues", "empathetic_dialogues", [0, 2_770, 2_547]),
    ],
)
def test_the_published_sizes(name: str, folder: str, sizes: list[int]) -> None:
    splits = read_corpus(name, SHARED / folder).splits
    assert [len(part) for part in splits.values()] == sizes
    assert all(u.text for part in splits.values() for c in part for u in c.utterances)
    if name == "empathetic-dialogues":
        undivided = sum(len(c.utterances) == 1 for part in splits.values() for c in part)
        assert undivided <= 5
