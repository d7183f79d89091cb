"""Corpora by their names on the command line."""

from collections.abc import Callable
from pathlib import Path

from offline_train.corpora.corpus import Corpus
from offline_train.corpora.errors import CorpusError
from offline_train.corpora.iemocap import read_iemocap, read_iemocap6
from offline_train.corpora.meld import read_meld_corpus
from offline_train.corpora.mosi import read_mosi

_READERS: dict[str, Callable[..., Corpus]] = {
    "iemocap": read_iemocap,
    "iemocap6": read_iemocap6,
    "meld": read_meld_corpus,
    "mosi": read_mosi,
}
_WITH_FEATURES = ("iemocap", "iemocap6", "mosi")
_WITH_FOLDS = ("iemocap", "iemocap6")

CORPORA = tuple(_READERS)
"""What `read_corpus` knows."""


def read_corpus(name: str, folder: Path, *, features: str | None = None, fold: int | None = None) -> Corpus:
    """Read a corpus, as its publisher delivers it or as prepared: the folder's contents decide.

    Args:
        name: one of `CORPORA`.
        folder: where it is.
        features: which features of a prepared corpus to read as speech; None for its default.
        fold: which split of a corpus that is cross-validated; None for the one that its papers report.

    Raises:
        CorpusError: the name is unknown, the corpus is missing or broken, or it has no such features or fold.
    """
    if name not in _READERS:
        raise CorpusError(f"no corpus is named {name!r}; there are {', '.join(CORPORA)}")
    options: dict[str, object] = {}
    if features is not None:
        if name not in _WITH_FEATURES:
            raise CorpusError(f"{name} has no prepared features; leave {features!r} out")
        options["features"] = features
    if fold is not None:
        if name not in _WITH_FOLDS:
            raise CorpusError(f"{name} has one split and no folds; leave fold {fold} out")
        options["fold"] = fold
    return _READERS[name](folder, **options)
