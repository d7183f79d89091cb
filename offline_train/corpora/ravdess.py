"""RAVDESS (Livingstone & Russo, PLoS ONE 2018): two sentences, acted in eight emotions, as audio clips."""

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
"""RAVDESS emotion codes by the MELD label they count as."""

STATEMENTS = {"01": "Kids are talking by the door.", "02": "Dogs are sitting by the door."}

ACTORS = range(1, 21)
"""Whose clips the splits are over."""

FOLDS = 5
_LAYOUT = "modality-channel-emotion-intensity-statement-repetition-actor.flac"


@dataclass(frozen=True, slots=True)
class Clip:
    """One acted sentence.

    Attributes:
        id: the file's name without its ending.
        audio: int16 samples [n] at 16 kHz, silence before and after the speech cut away.
        label: one of MELD's seven emotions.
        actor: 1 to 24; odd ones are men, even ones women.
    """

    id: str
    audio: NDArray[np.int16]
    label: str
    actor: int


class _Name(NamedTuple):
    """What a clip's name says: codes, and the actor's number."""

    emotion: str
    statement: str
    actor: int


@dataclass(frozen=True, slots=True)
class ActorSplit:
    """Who is trained on, who is selected on and who is only tested on: no actor is in two of them."""

    train: tuple[int, ...]
    validation: tuple[int, ...]
    test: tuple[int, ...]


SHIPPED = ActorSplit(train=tuple(range(1, 17)), validation=(17, 18), test=(19, 20))
"""The split that the shipped bundle is made with."""


def fold(number: int) -> ActorSplit:
    """Split `number` of `FOLDS` over actors 1-20, with as many women as men in each part.

    Fold k tests on actors 4k+1 to 4k+4 and validates on the two after them, so that over all folds every
    actor is tested on once.

    Args:
        number: from 0.
    """
    if not 0 <= number < FOLDS:
        raise ValueError(f"fold {number}: there are {FOLDS}, counted from 0")
    actors = [ACTORS[(4 * number + i) % len(ACTORS)] for i in range(len(ACTORS))]
    return ActorSplit(train=tuple(sorted(actors[6:])), validation=tuple(actors[4:6]), test=tuple(actors[:4]))


def read_ravdess(folder: Path, actors: Iterable[int] | None = None) -> list[Clip]:
    """Read the speech clips (.flac or .wav, in `folder` or below it), in order of name.

    Args:
        folder: where they are.
        actors: whose; None for everyone's.

    Raises:
        CorpusError: there are none, an actor asked for has none, or a file is not what it should be.
    """
    return [
        Clip(path.stem, _load(path), EMOTIONS[name.emotion], name.actor)
        for path, name in _find(folder, None if actors is None else set(actors))
    ]


def read_ravdess_corpus(folder: Path, division: ActorSplit = SHIPPED) -> Corpus:
    """Each clip as a conversation of its own, recorded with the silence before and after the speech.

    Args:
        folder: where the clips are, or above.
        division: which actors are in which split.

    Raises:
        CorpusError: an actor has no clip, or a file has a strange name.
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
