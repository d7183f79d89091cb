"""RAVDESS (Livingstone & Russo, PLoS ONE 2018): two sentences acted in eight emotions, as audio clips."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from offline_train.corpora.audio import load_audio, trim
from offline_train.corpora.clips import ClipCorpus, Spoken, split_speakers
from offline_train.corpora.corpus import Recording
from offline_train.corpora.emotions import emotions_of
from offline_train.corpora.errors import CorpusError

ACTORS = tuple(f"{number:02d}" for number in range(1, 21))
"""Actors in the splits; odd ones are men, even ones women."""

SHIPPED = split_speakers("RAVDESS", ACTORS)
"""The split used for the shipped bundle."""

_EMOTIONS = ("neutral", "calm", "happy", "sad", "angry", "fearful", "disgust", "surprised")
_STATEMENTS = ("Kids are talking by the door.", "Dogs are sitting by the door.")
_NAME = re.compile(r"\d+-\d+-0([1-8])-\d+-0([12])-\d+-(\d+)")


@dataclass(frozen=True, slots=True)
class Clip:
    """One acted sentence.

    Attributes:
        id: the file's name without its extension.
        audio: int16 samples [n] at 16 kHz, without the silence before and after the speech.
        label: one of MELD's seven emotions.
        actor: "01" to "24".
    """

    id: str
    audio: NDArray[np.int16]
    label: str
    actor: str


def _parse(path: Path) -> Spoken | None:
    if (match := _NAME.fullmatch(path.stem)) is None:
        return None
    emotion, statement, actor = map(int, match.groups())
    return Spoken(_EMOTIONS[emotion - 1], f"{actor:02d}", _STATEMENTS[statement - 1])


RAVDESS = ClipCorpus(
    name="ravdess",
    title="RAVDESS",
    layout="modality-channel-emotion-intensity-statement-repetition-actor.flac",
    parse=_parse,
    speakers=ACTORS,
)


def read_ravdess(folder: Path, actors: Collection[str] | None = None) -> list[Clip]:
    """Read the speech clips (.flac or .wav, in `folder` or below it), in order of name.

    Args:
        folder: folder of the clips.
        actors: the actors; None for all.

    Raises:
        CorpusError: there are no clips, or none of one of the actors, or a file is invalid.
    """
    emotions = emotions_of("ravdess")
    return [
        Clip(path.stem, _load(path), str(emotions[spoken.emotion]), spoken.speaker)
        for path, spoken in RAVDESS.find(folder, actors)
    ]


def _load(path: Path) -> NDArray[np.int16]:
    try:
        return trim(load_audio(Recording(path)))
    except CorpusError as error:
        raise CorpusError(f"RAVDESS: {error}; fetch it again") from error
