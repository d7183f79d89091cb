"""RAVDESS (Livingstone & Russo, PLoS ONE 2018): two sentences acted in eight emotions, as audio clips."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from offline_train.corpora.audio import load_audio, trim
from offline_train.corpora.corpus import SPLITS, Conversation, Corpus, Recording, Split, Utterance
from offline_train.corpora.errors import CorpusError
from offline_train.corpora.meld import LABELS

EMOTIONS = {
    "01": "neutral",
    "02": "neutral",  # calm, which MELD's labels lack
    "03": "joy",
    "04": "sadness",
    "05": "anger",
    "06": "fear",
    "07": "disgust",
    "08": "surprise",
}
"""MELD's labels by RAVDESS emotion code."""

STATEMENTS = {"01": "Kids are talking by the door.", "02": "Dogs are sitting by the door."}

ACTORS = range(1, 21)
"""Actors in the splits."""

FOLDS = 5
_LAYOUT = "modality-channel-emotion-intensity-statement-repetition-actor.flac"


@dataclass(frozen=True, slots=True)
class Clip:
    """One acted sentence.

    Attributes:
        id: the file's name without its extension.
        audio: int16 samples [n] at 16 kHz, without the silence before and after the speech.
        label: one of MELD's seven emotions.
        actor: 1 to 24; odd ones are men, even ones women.
    """

    id: str
    audio: NDArray[np.int16]
    label: str
    actor: int


class _Name(NamedTuple):
    """The codes in a clip's name, and the actor's number."""

    emotion: str
    statement: str
    actor: int


@dataclass(frozen=True, slots=True)
class ActorSplit:
    """Actors of the training, validation and test split, which are disjoint."""

    train: tuple[int, ...]
    validation: tuple[int, ...]
    test: tuple[int, ...]


SHIPPED = ActorSplit(train=tuple(range(1, 17)), validation=(17, 18), test=(19, 20))
"""The split used for the shipped bundle."""


def fold(number: int) -> ActorSplit:
    """One of `FOLDS` cross-validation splits over actors 1-20, with as many women as men in each part.

    In fold k, actors 4k+1 to 4k+4 are the test split and the next two the validation, so that over all folds
    every actor is in one test split.

    Args:
        number: number of the fold, from 0.
    """
    if not 0 <= number < FOLDS:
        raise ValueError(f"fold {number}: there are {FOLDS}, counted from 0")
    actors = [ACTORS[(4 * number + i) % len(ACTORS)] for i in range(len(ACTORS))]
    return ActorSplit(train=tuple(sorted(actors[6:])), validation=tuple(actors[4:6]), test=tuple(actors[:4]))


def read_ravdess(folder: Path, actors: Iterable[int] | None = None) -> list[Clip]:
    """Read the speech clips (.flac or .wav, in `folder` or below it), in order of name.

    Args:
        folder: folder of the clips.
        actors: numbers of the actors; None for all.

    Raises:
        CorpusError: there are no clips, or none of one of the actors, or a file is invalid.
    """
    return [
        Clip(path.stem, _load(path), EMOTIONS[name.emotion], name.actor)
        for path, name in _find(folder, None if actors is None else set(actors))
    ]


def read_ravdess_corpus(folder: Path, division: ActorSplit = SHIPPED) -> Corpus:
    """Read each clip as a conversation, including the silence before and after the speech.

    Args:
        folder: folder of the clips, or one above.
        division: actors by split.

    Raises:
        CorpusError: an actor has no clip, or a file has an invalid name.
    """
    splits: dict[Split, list[Conversation]] = {}
    for split in SPLITS:
        splits[split] = []
        for path, name in _find(folder, set(getattr(division, split))):
            utterance = Utterance(
                id=path.stem,
                text=STATEMENTS[name.statement],
                label=EMOTIONS[name.emotion],
                speaker=f"{name.actor:02d}",
                recording=Recording(path),
            )
            splits[split].append(Conversation(path.stem, (utterance,)))
    return Corpus("ravdess", LABELS, splits)


def _find(folder: Path, actors: set[int] | None) -> list[tuple[Path, _Name]]:
    paths = sorted(
        (path for path in folder.rglob("*") if path.suffix.lower() in {".flac", ".wav"}),
        key=lambda path: path.name,
    )
    if not paths:
        raise CorpusError(f"RAVDESS: expected speech clips named {_LAYOUT} in {folder}, found none")
    clips = [(path, _parse(path)) for path in paths]
    if actors is None:
        return clips
    clips = [(path, name) for path, name in clips if name.actor in actors]
    if missing := actors - {name.actor for _, name in clips}:
        raise CorpusError(f"RAVDESS: no clips of actors {sorted(missing)} in {folder}")
    return clips


def _parse(path: Path) -> _Name:
    parts = path.stem.split("-")
    if (
        len(parts) != 7
        or not all(part.isdecimal() for part in parts)
        or parts[2] not in EMOTIONS
        or parts[4] not in STATEMENTS
    ):
        raise CorpusError(f"RAVDESS: {path.name} in {path.parent} is not named {_LAYOUT}")
    return _Name(emotion=parts[2], statement=parts[4], actor=int(parts[6]))


def _load(path: Path) -> NDArray[np.int16]:
    try:
        return trim(load_audio(Recording(path)))
    except CorpusError as error:
        raise CorpusError(f"RAVDESS: {error}; fetch it again") from error
