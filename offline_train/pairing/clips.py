"""The clips that turns are spoken by: what is heard of them, and by whom."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from offline_train.batches.sequences import UNSCORED
from offline_train.corpora.corpus import Conversation, Corpus
from offline_train.corpora.emotions import EMOTIONS
from offline_train.corpora.registry import read_corpus
from offline_train.embeddings.speech import Sound, SpeechPath
from offline_train.embeddings.text import embed_text
from offline_train.errors import UsageError
from offline_train.pairing.prosody import prosody_of_clips
from offline_train.runs.run import Run

_SPEECHLESS = {"emodb": "German", "nemo": "Polish", "librispeech": "without capitals and punctuation"}
"""Corpora whose words aren't read, and why: they are not as those that the words were learnt from."""


@dataclass(frozen=True)
class Clips:
    """M clips of one split's speakers.

    Attributes:
        sound: of the speakers' sound alone; all is present.
        prosody: standardised by speaker [M, 8]; NaN where undefined.
        labels: class indices [M], `UNSCORED` without one.
        text: T1 of their words [M, F].
        said: which have words that T1 is of [M].
        speakers: number of the speaker [M].
        actors: the clips of every speaker who shows several emotions.
        ordinary: the clips of every other speaker.
    """

    sound: Sound
    prosody: Tensor
    labels: Tensor
    text: Tensor
    said: Tensor
    speakers: Tensor
    actors: tuple[Tensor, ...]
    ordinary: tuple[Tensor, ...]


def read_voices(folder: Path) -> Corpus:
    """Read all clips, each a conversation of its own.

    Raises:
        CorpusError: a corpus is missing or broken.
    """
    return read_corpus("voices", folder)


def embed_clips(clips: Sequence[Conversation], path: SpeechPath, text: Run | None = None) -> Clips:
    """Embed clips; those that can't be heard are left out.

    Args:
        clips: the clips of one split.
        path: embeds their sound.
        text: run of Stage I of the text modality; None to omit the words.

    Raises:
        UsageError: `path` is of precomputed features, or no speaker shows several emotions.
    """
    if path.care is None:
        raise UsageError("the sound was learnt from prepared features, and clips are recordings")
    sound = path.embed(clips)
    prosody = prosody_of_clips(clips, path.cache and path.cache / "prosody")
    said = [utterance for conversation in clips for utterance in conversation.utterances]
    rows = sound.present.nonzero()[:, 0]
    labels = torch.tensor([UNSCORED if u.label is None else EMOTIONS.index(u.label) for u in said])
    t1 = torch.zeros(len(said), 0) if text is None else embed_text(text, clips)
    readable = [bool(u.text) and u.id.partition("/")[0] not in _SPEECHLESS for u in said]
    has_words = torch.tensor(readable) & (text is not None)
    labels = labels[rows]
    names = [said[row].speaker for row in rows.tolist()]
    number = {name: place for place, name in enumerate(dict.fromkeys(names))}
    speakers = torch.tensor([number[name] for name in names])
    by_speaker = [(speakers == each).nonzero()[:, 0] for each in range(len(number))]
    acts = [len(set(labels[own].tolist()) - {UNSCORED}) > 1 for own in by_speaker]
    if not any(acts):
        raise UsageError("the clips have no speaker who shows several emotions")
    return Clips(
        Sound(*(each[rows] for each in sound)),
        prosody[rows],
        labels,
        t1[rows],
        has_words[rows],
        speakers,
        tuple(own for own, several in zip(by_speaker, acts, strict=True) if several),
        tuple(own for own, several in zip(by_speaker, acts, strict=True) if not several),
    )
