"""How turns and clips sound, made comparable: prosody in deviations from what is usual for the speaker."""

from collections import Counter, defaultdict
from collections.abc import Hashable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.prosody.measures import measure
from models.prosody.standardise import standardise
from offline_train.corpora.corpus import Conversation
from offline_train.embeddings.recording_cache import heard, recordings_of

MEASURES = 8
_PITCH = slice(3, 6)
_LARGEST = 4.0
"""Deviations; beyond, the measuring has failed as often as the voice is unusual."""

_WEIGHTS = torch.tensor([0.25, 1, 1, 1, 1, 1, 1, 1])
"""Of the measures: how long a turn is depends on its words."""

_SHARES = {
    "neutral": 0.47,
    "joy": 0.17,
    "surprise": 0.12,
    "anger": 0.11,
    "sadness": 0.07,
    "disgust": 0.03,
    "fear": 0.02,
}
"""Of the emotions among the turns of MELD's training split."""

_COPIES = 5
"""Of an actor's clips in the mean, so that a rare emotion has one."""


def prosody_of_turns(conversations: Sequence[Conversation]) -> Tensor:
    """Standardised by speaker [N, 8], of all utterances in order; NaN where undefined.

    MELD has 0 for the pitch's deviation and range where there is no pitch.
    """
    said = [utterance for conversation in conversations for utterance in conversation.utterances]
    rows = np.array([np.full(MEASURES, np.nan) if u.prosody is None else u.prosody for u in said])
    rows = rows.reshape(-1, MEASURES)
    pitch = rows[:, _PITCH]
    pitch[pitch == 0] = np.nan
    return _bounded(standardise(rows, [utterance.speaker for utterance in said]))


def prosody_of_clips(conversations: Sequence[Conversation], cache: Path | None) -> Tensor:
    """Standardised by speaker [N, 8], of all utterances in order; NaN where undefined or without sound.

    Actors show each emotion as often. What is usual for them is what would be if they showed each as often as
    MELD's speakers do.

    Args:
        conversations: the clips.
        cache: folder to cache the measures in; None for no cache.

    Raises:
        CorpusError: there are recordings, but none of them can be used.
    """

    def make(audio: NDArray[np.int16], _: np.random.Generator) -> list[NDArray[np.float64]]:
        return [measure(audio).vector()]

    said = [utterance for conversation in conversations for utterance in conversation.utterances]
    with TemporaryDirectory() as scratch:
        found = heard(recordings_of(conversations), make, "prosody", cache or Path(scratch), "measuring")
        rows = np.array([np.full(MEASURES, np.nan) if each is None else np.array(each[0]) for each in found])
    copies = _copies([(utterance.speaker, utterance.label) for utterance in said])
    copied = np.repeat(np.arange(len(said)), copies)
    standard = standardise(rows.reshape(-1, MEASURES)[copied], [said[row].speaker for row in copied])
    return _bounded(standard[np.cumsum(copies) - copies])


def _copies(clips: Sequence[tuple[Hashable, str | None]]) -> NDArray[np.int64]:
    """How often each clip of a speaker and emotion counts."""
    alike, clips_of = Counter(clips), Counter(speaker for speaker, _ in clips)
    shares: dict[Hashable, float] = defaultdict(float)
    for speaker, label in alike:
        shares[speaker] += _SHARES.get(label or "", 0.0)
    wanted = [
        _SHARES.get(label or "", 0.0) / alike[speaker, label] / (shares[speaker] or 1) * clips_of[speaker]
        for speaker, label in clips
    ]
    return np.maximum(1, np.round(_COPIES * np.array(wanted))).astype(np.int64)


def _bounded(standard: NDArray[np.float64]) -> Tensor:
    return torch.from_numpy(standard).float().clamp(-_LARGEST, _LARGEST)


def distances(turns: Tensor, clips: Tensor) -> Tensor:
    """Mean squared differences of what is defined of both, [K, 8] and [M, 8] -> [K, M]; else infinite."""
    apart = turns[:, None] - clips[None]  # [K, M, 8]
    weights = _WEIGHTS * ~apart.isnan()
    total = weights.sum(-1)
    return torch.where(total > 0, (weights * apart.nan_to_num().square()).sum(-1) / total, torch.inf)
