"""All corpora of clips in one folder together: acted emotions, and ordinary speech."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from offline_train.corpora.clips import ClipCorpus
from offline_train.corpora.corpus import SPLITS, Conversation, Corpus, Split, Utterance
from offline_train.corpora.crema_d import CREMA_D
from offline_train.corpora.emodb import EMODB
from offline_train.corpora.emotions import EMOTIONS
from offline_train.corpora.errors import CorpusError
from offline_train.corpora.layout import home
from offline_train.corpora.librispeech import LIBRISPEECH
from offline_train.corpora.nemo import NEMO
from offline_train.corpora.ravdess import RAVDESS
from offline_train.corpora.savee import SAVEE
from offline_train.corpora.tess import TESS

NAME = "voices"

ACTED: Mapping[str, ClipCorpus] = {each.name: each for each in (RAVDESS, TESS, SAVEE, EMODB, NEMO, CREMA_D)}
"""The corpora of acted emotions, by name, in the order of the folds."""

ORDINARY = LIBRISPEECH
"""The corpus of ordinary speech, in which nobody acts."""


def acted_in(folder: Path) -> list[str]:
    """Names of the acted corpora in a folder, in the order of the folds."""
    return [name for name in ACTED if home(folder, name).is_dir()]


def corpora_in(folder: Path) -> list[str]:
    """Names of all corpora of clips in a folder."""
    return [name for name in (*ACTED, ORDINARY.name) if home(folder, name).is_dir()]


def read_voices(folder: Path, *, fold: int | None = None) -> Corpus:
    """Read all corpora of clips in a folder, each in a folder of its name (crema_d for crema-d).

    Utterances and speakers are named CORPUS/NAME. The splits are those of each corpus. A fold leaves one
    acted corpus out whole: it is the test split, and the others' test speakers are trained on. Ordinary
    speech keeps its own splits in all folds.

    Args:
        folder: the folder of the corpora's folders.
        fold: number of the corpus that is left out, from 0, as in `acted_in`; None for none.

    Raises:
        CorpusError: there is no acted corpus, or one of them is broken, or there is no such fold.
    """
    names = acted_in(folder)
    if not names:
        homes = ", ".join(home(folder, name).name for name in ACTED)
        raise CorpusError(f"{NAME}: expected folders of corpora ({homes}) in {folder}, found none")
    if fold is not None and not 0 <= fold < len(names):
        raise CorpusError(f"{NAME}: fold {fold}: there are {len(names)}, counted from 0")
    splits: dict[Split, list[Conversation]] = {split: [] for split in SPLITS}
    for number, name in enumerate(names):
        corpus = ACTED[name].read(home(folder, name))
        for split in SPLITS:
            there: Split = split
            if fold is not None:
                there = "test" if number == fold else "validation" if split == "validation" else "train"
            splits[there] += _prefixed(name, corpus.splits[split])
    if (ordinary := home(folder, ORDINARY.name)).is_dir():
        corpus = ORDINARY.read(ordinary)
        for split in SPLITS:
            splits[split] += _prefixed(ORDINARY.name, corpus.splits[split])
    return Corpus(NAME, EMOTIONS, splits)


def origin(corpus: Corpus, utterance: Utterance) -> str:
    """Name of the corpus from which an utterance comes."""
    return utterance.id.partition("/")[0] if corpus.name == NAME else corpus.name


def _prefixed(name: str, clips: Sequence[Conversation]) -> list[Conversation]:
    return [
        Conversation(
            f"{name}/{clip.id}",
            tuple(
                replace(each, id=f"{name}/{each.id}", speaker=f"{name}/{each.speaker}")
                for each in clip.utterances
            ),
        )
        for clip in clips
    ]
