"""What is annotated."""

from dataclasses import replace
from pathlib import Path

import pytest

from offline_train.annotation.texts import Text, corpus_texts, file_texts
from offline_train.annotation.valence import Scale
from offline_train.corpora.corpus import Conversation, Corpus, Utterance
from offline_train.errors import UsageError


def corpus(*splits: list[Conversation], name: str = "house") -> Corpus:
    train, test = (*splits, [])[:2]
    return Corpus(name, ("joy", "anger"), {"train": train, "validation": [], "test": test})


def said(conversation: str, *texts: str | None, first: int = 0) -> Conversation:
    turns = (Utterance(str(first + n), text, "joy") for n, text in enumerate(texts))
    return Conversation(conversation, tuple(turns))


def test_up_to_three_preceding_turns_are_context() -> None:
    found = corpus_texts(corpus([said("a", "1", None, "2", " 3 ", "4", "5")]), "train").texts
    assert [(text.id, text.text, text.context) for text in found] == [
        ("0", "1", ()),
        ("2", "2", ("1",)),
        ("3", "3", ("1", "2")),
        ("4", "4", ("1", "2", "3")),
        ("5", "5", ("2", "3", "4")),
    ]


def test_ids_name_as_much_as_it_takes() -> None:
    apart = corpus_texts(corpus([said("a", "x"), said("b", "y", first=1)]), "train")
    dialogues = corpus_texts(corpus([said("a", "x"), said("b", "y")]), "train")
    splits = corpus_texts(corpus([said("a", "x")], [said("a", "y")]), None)
    ids = [[text.id for text in each.texts] for each in (apart, dialogues, splits)]
    assert ids == [["0", "1"], ["a/0", "b/0"], ["train/a/0", "test/a/0"]]


def test_an_id_does_not_depend_on_the_split_asked_for() -> None:
    both = corpus([said("a", "x")], [said("a", "y")])
    assert [text.id for text in corpus_texts(both, "test").texts] == ["test/a/0"]


def test_sentiments_come_from_valence_where_its_scale_is_known() -> None:
    turns = tuple(
        Utterance(str(n), "x", "joy", sentiment="negative", valence=valence)
        for n, valence in enumerate((1.0, 2.3, 2.4, 3.6, 3.7, 5.0, None))
    )
    house = corpus([Conversation("a", turns)])
    own = corpus_texts(house, "train")
    assert {text.sentiment for text in own.texts} == {"negative"}
    assert own.truth == "the corpus' own sentiments"
    for known in (
        corpus_texts(house, "train", Scale(1, 5)),
        corpus_texts(replace(house, name="iemocap"), "train"),
    ):
        # 1..5 onto 1..7: 3 is at 2 1/3, 5 at 3 2/3
        assert [text.sentiment for text in known.texts] == [
            *("negative", "negative", "neutral", "neutral", "positive", "positive", None)
        ]
        assert known.truth is not None
        assert "from 1..5" in known.truth


def test_a_scale_of_no_valence_is_refused() -> None:
    with pytest.raises(UsageError, match="no valence"):
        corpus_texts(corpus([said("a", "x")]), "train", Scale(1, 5))


def test_a_part_without_words_is_refused() -> None:
    with pytest.raises(UsageError, match="house/test has no texts"):
        corpus_texts(corpus([said("a", "x")], [said("a", None, " ")]), "test")


def test_a_text_a_line(tmp_path: Path) -> None:
    path = tmp_path / "t.txt"
    path.write_bytes("\ufeffone\r\n\r\n  two\u2028halves \n{not json\n".encode())
    assert file_texts(path).texts == (Text("1", "one"), Text("3", "two\u2028halves"), Text("4", "{not json"))


def test_json_lines_whatever_the_name(tmp_path: Path) -> None:
    path = tmp_path / "t.txt"
    path.write_text(
        '{"id": 7, "text": "a"}\n{"text": null}\n{"text": "b", "context": ["1", "2", "3", "4"]}\n'
    )
    assert file_texts(path).texts == (Text("7", "a"), Text("3", "b", ("2", "3", "4")))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "has no texts"),
        (b'{"text": "a"}\n{"text": 3}\n', "line 2"),
        (b'{"text": "a"}\n{"words": "b"}\n', "line 2"),
        (b'{"text": "a"}\nb\n', "line 2"),
        (b'{"text": "a", "context": "b", "id": 1}\n', "line 1"),
        (b'{"text": "\\ud800"}\n', "line 1"),
        (b'{"id": 1, "text": "a"}\n{"id": 1, "text": "b"}\n', "the id '1'"),
        (b"\xff\xfe", "not UTF-8"),
    ],
)
def test_what_is_no_text_is_named(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "t.jsonl"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=message):
        file_texts(path)
