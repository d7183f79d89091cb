"""The clips that turns are spoken by: what is heard of them, and by whom."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from offline_train.batches.sequences import UNSCORED
from offline_train.corpora.corpus import SPLITS, Conversation, Corpus, Split
from offline_train.corpora.emotions import EMOTIONS
from offline_train.corpora.registry import read_corpus
from offline_train.embeddings.speech import Sound, embed_sound
from offline_train.embeddings.text import embed_text
from offline_train.errors import UsageError
from offline_train.pairing.prosody import prosody_of_clips
from offline_train.runs.run import Run


@dataclass(frozen=True)
class Clips:
    """M clips of one split's speakers.

    Attributes:
        sound: their embeddings, of the speakers' sound alone [M, D].
        prosody: standardised by speaker [M, 8]; NaN where undefined.
        labels: class indices [M], `UNSCORED` without one.
        text: T1 of their words [M, F].
        said: which have words that T1 is of [M].
        speakers: number of the speaker [M].
        actors: the clips of every speaker who shows several emotions.
        ordinary: the clips of every other speaker.
    """

    sound: Tensor
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


def clips_by_run(corpus: Corpus, speech: Run, text: Run | None = None) -> dict[Split, Clips]:
    """The clips of every split; sound and prosody are computed once, and cached in the folder of `speech`.

    Args:
        corpus: the clips.
        speech: run of Stage I of the speech modality on recordings.
        text: run of Stage I of the text modality; None to omit the words.

    Raises:
        UsageError: `speech` is on precomputed features, or a split has no actor.
    """
    if "care" not in speech.config:
        raise UsageError(f"{speech.folder} hears prepared features, and clips are recordings")
    cache = speech.folder / "prosody"
    return {
        split: embed_clips(corpus.splits[split], lambda clips: embed_sound(speech, clips), text, cache)
        for split in SPLITS
    }


def embed_clips(
    clips: Sequence[Conversation],
    listen: Callable[[Sequence[Conversation]], Sound],
    text: Run | None = None,
    cache: Path | None = None,
) -> Clips:
    """Embed clips; those that can't be heard are left out.

    Args:
        clips: the clips of one split.
        listen: embeds their sound.
        text: run of Stage I of the text modality; None to omit the words.
        cache: folder to cache their prosody in; None for no cache.

    Raises:
        UsageError: no speaker shows several emotions.
    """
    sound, prosody = listen(clips), prosody_of_clips(clips, cache)
    said = [utterance for conversation in clips for utterance in conversation.utterances]
    rows = sound.present.nonzero()[:, 0]
    labels = torch.tensor([UNSCORED if u.label is None else EMOTIONS.index(u.label) for u in said])
    t1 = torch.zeros(len(said), 0) if text is None else embed_text(text, clips)
    has_words = torch.tensor([text is not None and bool(utterance.text) for utterance in said])
    labels = labels[rows]
    names = [said[row].speaker for row in rows.tolist()]
    number = {name: place for place, name in enumerate(dict.fromkeys(names))}
    speakers = torch.tensor([number[name] for name in names])
    by_speaker = [(speakers == each).nonzero()[:, 0] for each in range(len(number))]
    acts = [len(labels[own][labels[own] != UNSCORED].unique()) > 1 for own in by_speaker]
    if not any(acts):
        raise UsageError("the clips have no speaker who shows several emotions")
    return Clips(
        sound.embeddings[rows],
        prosody[rows],
        labels,
        t1[rows],
        has_words[rows],
        speakers,
        tuple(own for own, several in zip(by_speaker, acts, strict=True) if several),
        tuple(own for own, several in zip(by_speaker, acts, strict=True) if not several),
    )
