"""All corpora of clips at once: names, splits, and folds that leave a corpus out whole."""

from pathlib import Path

import pytest

from offline_train.corpora.corpus import SPLITS, Corpus, Split
from offline_train.corpora.errors import CorpusError
from offline_train.corpora.registry import clip_folds, read_corpus
from offline_train.corpora.voices import acted_in, origin
from tests.offline_train.miniatures import make_crema_d, make_librispeech, make_voices

SHARED = Path(__file__).parents[4] / "shared/data"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_voices(tmp_path_factory.mktemp("voices"))


def ids(corpus: Corpus, split: Split) -> set[str]:
    return {each.id for each in corpus.splits[split]}


def origins(corpus: Corpus, split: Split) -> set[str]:
    return {origin(corpus, each.utterances[0]) for each in corpus.splits[split]}


def test_splits_are_those_of_each_corpus(folder: Path) -> None:
    voices = read_corpus("voices", folder)
    for name in ("tess", "savee", "librispeech"):
        alone = read_corpus(name, folder / name)
        for split in SPLITS:
            assert {f"{name}/{each}" for each in ids(alone, split)} <= ids(voices, split)
    assert sum(len(ids(voices, split)) for split in SPLITS) == 84 + 28 + 24
    (one,) = (each.utterances[0] for each in voices.splits["train"] if each.id == "savee/DC_a01")
    assert (one.id, one.speaker, one.label) == ("savee/DC_a01", "savee/DC", "anger")


def test_a_fold_leaves_a_corpus_out_whole(folder: Path) -> None:
    assert acted_in(folder) == ["tess", "savee"]
    assert clip_folds("voices", folder) == 2
    shipped = read_corpus("voices", folder)
    for fold, (name, other) in enumerate([("tess", "savee"), ("savee", "tess")]):
        corpus = read_corpus("voices", folder, fold=fold)
        assert origins(corpus, "train") == origins(corpus, "validation") == {other, "librispeech"}
        assert origins(corpus, "test") == {name, "librispeech"}
        everything = {split: ids(corpus, split) for split in SPLITS}
        assert sum(map(len, everything.values())) == len(set.union(*everything.values())) == 84 + 28 + 24
        for split in SPLITS:  # ordinary speech stays where it is
            assert {each for each in everything[split] if each.startswith("librispeech/")} == {
                each for each in ids(shipped, split) if each.startswith("librispeech/")
            }
    with pytest.raises(CorpusError, match="voices: fold 2: there are 2, counted from 0"):
        read_corpus("voices", folder, fold=2)


def test_folders_bear_the_corpora_s_names(tmp_path: Path) -> None:
    make_crema_d(tmp_path / "crema_d")
    assert acted_in(tmp_path) == ["crema-d"]
    assert ids(read_corpus("voices", tmp_path), "test") >= {"crema-d/1020_DFA_ANG_LO"}


def test_ordinary_speech_alone_teaches_nothing(tmp_path: Path) -> None:
    make_librispeech(tmp_path / "librispeech")
    with pytest.raises(CorpusError, match="voices: expected folders of corpora"):
        read_corpus("voices", tmp_path)


def test_the_corpora_themselves() -> None:
    if not (SHARED / "ravdess").is_dir():
        pytest.skip("needs ../shared/data")
    names = acted_in(SHARED)
    for fold in (None, *range(len(names))):
        corpus = read_corpus("voices", SHARED, fold=fold)
        heard = [each for each in ids(corpus, "train") if each.startswith("librispeech/")]
        assert len(heard) == 160
        assert sum(each.startswith("librispeech/") for each in ids(corpus, "test")) == 70
