"""The data types of corpora, returned by all readers."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from offline_train.corpora.errors import CorpusError

Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = ("train", "validation", "test")
Sentiment = Literal["negative", "neutral", "positive"]


@dataclass(frozen=True, slots=True)
class Recording:
    """The location of an utterance's sound.

    Attributes:
        path: an audio or video file.
        start_s: start of the utterance in the file, in seconds.
        end_s: end of the utterance in the file; None for the end of the file.
    """

    path: Path
    start_s: float = 0.0
    end_s: float | None = None


@dataclass(frozen=True, slots=True)
class Utterance:
    """One turn of a conversation.

    Attributes:
        id: the corpus' id.
        text: the words; None if the corpus has none.
        label: emotion, one of the corpus' labels; None for context that is not scored.
        sentiment: the corpus' sentiment, if any.
        speaker: the speaker, if known. MERITS-L uses no speaker labels; kept for reports.
        valence: human valence on the corpus' own scale, if any.
        arousal: likewise, from calm to excited.
        dominance: likewise, from submissive to dominant.
        recording: its sound.
        speech: precomputed speech features [F], for a corpus without sound.
        prosody: of its sound [8], as `models.prosody.measures.Prosody.vector`, for a corpus without sound.
    """

    id: str
    text: str | None
    label: str | None
    sentiment: Sentiment | None = None
    speaker: str | None = None
    valence: float | None = None
    arousal: float | None = None
    dominance: float | None = None
    recording: Recording | None = None
    speech: NDArray[np.float32] | None = field(default=None, compare=False)
    prosody: NDArray[np.float32] | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Conversation:
    """Utterances in the order in which they were spoken."""

    id: str
    utterances: tuple[Utterance, ...]


@dataclass(frozen=True, slots=True)
class Corpus:
    """A corpus.

    Attributes:
        name: name on the command line.
        labels: emotions by class index; empty for a corpus without labels.
        splits: conversations by split; a missing split is an empty sequence.
    """

    name: str
    labels: tuple[str, ...]
    splits: Mapping[Split, Sequence[Conversation]]

    def utterances(self) -> Iterator[tuple[Split, str, Utterance]]:
        """Every utterance, in order, with its split and its conversation's id."""
        for split in SPLITS:
            for conversation in self.splits.get(split, ()):
                for utterance in conversation.utterances:
                    yield split, conversation.id, utterance

    def utterance_names(self) -> list[str]:
        """A name for each of `utterances`, unique in the corpus.

        The ids if they are unique, else prefixed by the conversation's id and, if needed, by the split.

        Raises:
            CorpusError: two utterances of one conversation have the same id.
        """
        paths = [(split, conversation, utterance.id) for split, conversation, utterance in self.utterances()]
        for first in (2, 1, 0):
            names = ["/".join(path[first:]) for path in paths]
            if len(set(names)) == len(names):
                return names
        twice = Counter(names).most_common(1)[0][0]
        raise CorpusError(f"{self.name}: two utterances are named {twice}")


def preceding(conversations: Sequence[Conversation], turns: int) -> list[tuple[str, ...]]:
    """For every utterance, in order, the words of the preceding turns, up to `turns` turns with words."""
    found = []
    for conversation in conversations:
        before: list[str] = []
        for utterance in conversation.utterances:
            found.append(tuple(before[-turns:]) if turns else ())
            if utterance.text:
                before.append(utterance.text)
    return found
