"""What every corpus reader yields."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = ("train", "validation", "test")
Sentiment = Literal["negative", "neutral", "positive"]


@dataclass(frozen=True, slots=True)
class Recording:
    """Where an utterance's sound is.

    Attributes:
        path: an audio or video file.
        start_s: where in it the utterance starts, seconds.
        end_s: where it ends; None for the end of the file.
    """

    path: Path
    start_s: float = 0.0
    end_s: float | None = None


@dataclass(frozen=True, slots=True)
class Utterance:
    """One turn of a conversation.

    Attributes:
        id: as the corpus names it.
        text: the words, None where the corpus has none.
        label: emotion, one of the corpus' labels; None for context that is not scored.
        sentiment: where the corpus says so.
        speaker: who, where known. MERITS-L uses no speaker labels; kept for reports.
        valence: as annotated, on the corpus' own scale.
        recording: its sound.
        speech: prepared speech features [F], where the corpus comes with them instead of sound.
    """

    id: str
    text: str | None
    label: str | None
    sentiment: Sentiment | None = None
    speaker: str | None = None
    valence: float | None = None
    recording: Recording | None = None
    speech: NDArray[np.float32] | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Conversation:
    """Utterances in the order they were said."""

    id: str
    utterances: tuple[Utterance, ...]


@dataclass(frozen=True, slots=True)
class Corpus:
    """A corpus, read.

    Attributes:
        name: as on the command line.
        labels: emotions by class index; empty for a corpus without labels.
        splits: conversations; a split the corpus lacks is an empty sequence.
        terms: what it may be used for, for model cards.
    """

    name: str
    labels: tuple[str, ...]
    splits: Mapping[Split, Sequence[Conversation]]
    terms: str


def preceding(conversations: Sequence[Conversation], turns: int) -> list[tuple[str, ...]]:
    """For every utterance, in order, the words of up to `turns` turns with words before it."""
    found = []
    for conversation in conversations:
        before: list[str] = []
        for utterance in conversation.utterances:
            found.append(tuple(before[-turns:]) if turns else ())
            if utterance.text:
                before.append(utterance.text)
    return found
