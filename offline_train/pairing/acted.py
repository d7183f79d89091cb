"""Clips as conversations of their own: voices that mean what they say, whatever the words do.

Dialogues spoken by actors teach that a voice tells little beside the words. Clips in their own emotion teach
what it tells where the words say nothing: most sentences of actors are neutral in words.
"""

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from models.speech_classifier import SpeechClassifier
from offline_train.batches.sequences import Embedded
from offline_train.embeddings.speech import Sound, with_sound
from offline_train.pairing.clips import Clips

TURNS = 8
"""Most turns of a conversation."""


def always_acted(clips: Clips, speech: SpeechClassifier) -> list[Embedded]:
    """Every clip once, always in the same conversations, for evaluation."""
    generator = torch.Generator().manual_seed(0)
    found = []
    for own in clips.actors:
        shuffled = own[torch.randperm(len(own), generator=generator)]
        found += [conversation(rows, clips, speech) for rows in torch.split(shuffled, TURNS)]
    if clips.ordinary:
        found += [conversation(rows, clips, speech) for rows in torch.split(torch.cat(clips.ordinary), TURNS)]
    return found


def acted(clips: Clips, speech: SpeechClassifier, ordinary: float, generator: torch.Generator) -> Embedded:
    """Some sentences of one actor in random order, or ordinary speech of several people.

    Args:
        clips: the clips.
        speech: Stage I of the speech modality.
        ordinary: how often it is ordinary speech.
        generator: for all random choices.
    """
    turns = 1 + _pick(TURNS, generator)
    if clips.ordinary and float(torch.rand((), generator=generator)) < ordinary:
        people = torch.randperm(len(clips.ordinary), generator=generator)[:turns].tolist()
        rows = torch.cat([clips.ordinary[each] for each in people])[:turns]
    else:
        own = clips.actors[_pick(len(clips.actors), generator)]
        rows = own[torch.randperm(len(own), generator=generator)[:turns]]
    return conversation(rows, clips, speech)


def conversation(rows: Tensor, clips: Clips, speech: SpeechClassifier) -> Embedded:
    """Clips [K] one after the other."""
    silent = torch.stack([clips.said[rows], torch.zeros(len(rows), dtype=torch.bool)], dim=1)
    words = Embedded(clips.text[rows], torch.zeros(len(rows), 0), silent, clips.labels[rows])
    sound = Sound(*(each[rows] for each in clips.sound))
    return with_sound(words, sound, clips.speakers[rows].tolist(), speech)


def neutral_words(conversations: Sequence[Embedded], neutral: int) -> Tensor:
    """T1 of all turns [N, F] that are neutral and have words."""
    found = [each.text[(each.labels == neutral) & each.present[:, 0]] for each in conversations]
    return torch.cat(found)


def with_borrowed_words(
    conversation: Embedded, words: Tensor, share: float, generator: torch.Generator
) -> Embedded:
    """A random share of the turns with words get others, of T1 [N, F], if there are some.

    Else the fusion would know acted clips by their few sentences, and trust the voice there only.
    """
    if not len(words):
        return conversation
    drawn = torch.rand(len(conversation), generator=generator) < share
    rows = torch.randint(len(words), (len(conversation),), generator=generator)
    borrowed = (drawn & conversation.present[:, 0])[:, None]
    return replace(conversation, text=torch.where(borrowed, words[rows], conversation.text))


def _pick(count: int, generator: torch.Generator) -> int:
    return int(torch.randint(count, (), generator=generator))
