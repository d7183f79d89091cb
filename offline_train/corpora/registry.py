"""Corpora by their names on the command line."""

from collections.abc import Callable
from pathlib import Path

from offline_train.corpora.clips import ClipCorpus
from offline_train.corpora.corpus import Corpus
from offline_train.corpora.dailydialog import read_dailydialog
from offline_train.corpora.empathetic_dialogues import read_empathetic_dialogues
from offline_train.corpora.errors import CorpusError
from offline_train.corpora.goemotions import read_goemotions
from offline_train.corpora.iemocap import read_iemocap, read_iemocap6
from offline_train.corpora.librispeech import LIBRISPEECH
from offline_train.corpora.manifest import read_manifest
from offline_train.corpora.meld import read_meld_corpus
from offline_train.corpora.mosi import read_mosi
from offline_train.corpora.msp_podcast import read_msp_podcast
from offline_train.corpora.sst import read_sst
from offline_train.corpora.voices import ACTED, acted_in, read_voices
from offline_train.corpora.voices import NAME as VOICES

CLIPS: dict[str, ClipCorpus] = {each.name: each for each in (*ACTED.values(), LIBRISPEECH)}
"""Corpora of single sentences, by name."""

_READERS: dict[str, Callable[..., Corpus]] = {
    "iemocap": read_iemocap,
    "iemocap6": read_iemocap6,
    "meld": read_meld_corpus,
    "mosi": read_mosi,
    "msp-podcast": read_msp_podcast,
    **{name: each.read for name, each in CLIPS.items()},
    VOICES: read_voices,
    "folder": read_manifest,
    "goemotions": read_goemotions,
    "dailydialog": read_dailydialog,
    "empathetic-dialogues": read_empathetic_dialogues,
    "sst": read_sst,
}
WITH_CLIPS = (*CLIPS, VOICES)
"""Corpora of clips, which have folds, and all of them together."""

_WITH_FEATURES = ("iemocap", "iemocap6", "mosi")
_WITH_FOLDS = ("iemocap", "iemocap6", *WITH_CLIPS)

CORPORA = tuple(_READERS)
"""Names of all corpora."""


def read_corpus(name: str, folder: Path, *, features: str | None = None, fold: int | None = None) -> Corpus:
    """Read a corpus as published or as prepared, depending on the files in its folder.

    Args:
        name: one of `CORPORA`.
        folder: the corpus' folder; for "folder", also the manifest itself.
        features: speech features of a prepared corpus; None for the default.
        fold: number of a cross-validation split (IEMOCAP from 1, others from 0); None for the usual split.

    Raises:
        CorpusError: the name is unknown, the corpus is missing or broken, or it has no such features or fold.
    """
    if name not in _READERS:
        raise CorpusError(f"no corpus is named {name!r}; there are {', '.join(CORPORA)}")
    if not folder.exists():
        raise CorpusError(f"{name}: expected the corpus in {folder}, but there is no such folder")
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


def clip_folds(name: str, folder: Path) -> int:
    """How many folds a corpus of `WITH_CLIPS` in a folder has."""
    return len(acted_in(folder)) if name == VOICES else CLIPS[name].folds
