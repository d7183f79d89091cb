"""Corpora by name: what is refused before any is read."""

from pathlib import Path

import pytest

from offline_train.corpora.errors import CorpusError
from offline_train.corpora.registry import CORPORA, read_corpus
from tests.offline_train.miniatures import make_sst


@pytest.mark.parametrize("name", CORPORA)
def test_a_folder_that_is_not_there_or_empty(tmp_path: Path, name: str) -> None:
    for folder, message in ((tmp_path / "absent", "no such folder"), (tmp_path, "expected ")):
        with pytest.raises(CorpusError, match=message) as caught:
            read_corpus(name, folder)
        assert str(folder) in str(caught.value)
        assert "\n" not in str(caught.value)


def test_an_unknown_name(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="no corpus is named 'meldd'; there are iemocap, iemocap6, meld"):
        read_corpus("meldd", tmp_path)


def test_options_a_corpus_does_not_have(tmp_path: Path) -> None:
    make_sst(tmp_path)
    with pytest.raises(CorpusError, match="sst has no prepared features"):
        read_corpus("sst", tmp_path, features="gemaps47")
    with pytest.raises(CorpusError, match="sst has one split and no folds"):
        read_corpus("sst", tmp_path, fold=1)
